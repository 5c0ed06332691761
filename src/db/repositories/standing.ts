/** Looks up whether users are members of rooms, and with which role. */
import type { SqlClient } from '../client/types.ts'
import type { MemberRole } from '../tables.ts'

/** A user and a room. */
export interface StandingKey {
  readonly room: string
  readonly userId: number
}

/**
 * Returns the roles of users in rooms, in one query, in the order of `keys`. A role is undefined if the user is not a member, or
 * if there is no such room.
 */
export type FindStandings = (keys: readonly StandingKey[]) => Promise<(MemberRole | undefined)[]>

/** @internal */
export const createFindStandings = ({ query }: Pick<SqlClient, 'query'>, schema: string): FindStandings => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  // The subqueries are index probes for each key. A join could read the whole table of members.
  const roles = `select (
      select member.role from ${inSchema}.members as member
      where member.room_id = (select room.id from ${inSchema}.rooms as room where room.name = wanted.name)
        and member.user_id = wanted.user_id
    ) as role
    from unnest($1::text[], $2::integer[]) with ordinality as wanted (name, user_id, ord) order by wanted.ord`
  return async keys => {
    const rows = await query<{ role: MemberRole | null }>(roles, [
      keys.map(({ room }) => room),
      keys.map(({ userId }) => userId)
    ])
    return rows.map(({ role }) => role ?? undefined)
  }
}
