/** Looks up the standing of users in rooms: their roles, and their restrictions. */
import type { SqlClient } from '../client/types.ts'
import type { MemberRole } from '../tables.ts'
import { unplanned } from './plans.ts'

/** A user and a room. */
export interface StandingKey {
  readonly room: string
  readonly userId: number
}

/**
 * The standing of a user in a room. `role` is undefined if the user is not a member, or if there is no such room. `ban` and
 * `mute` are the times at which the restrictions end, in milliseconds since the epoch. They are infinite for restrictions that do
 * not end by themselves, and undefined if there are none.
 */
export interface Standing {
  readonly role?: MemberRole
  readonly ban?: number
  readonly mute?: number
}

/** Returns the standings of users in rooms, in one query, in the order of `keys`. */
export type FindStandings = (keys: readonly StandingKey[]) => Promise<Standing[]>

/** In the columns `ban` and `mute`, 0 means that the restriction does not end by itself. */
interface Row {
  readonly role: MemberRole | null
  readonly ban: number | null
  readonly mute: number | null
}

/** @internal */
export const createFindStandings = ({ query }: Pick<SqlClient, 'query'>, schema: string): FindStandings => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  // Each subquery looks up one key in an index. A join could read whole tables.
  const room = `(select room.id from ${inSchema}.rooms as room where room.name = wanted.name and room.deleted_at is null)`
  const ends = (kind: string): string => `(
      select coalesce(extract(epoch from known.until) * 1000, 0)::double precision
      from ${inSchema}.restrictions as known
      where known.room_id = wanted.room_id and known.user_id = wanted.user_id and known.kind = '${kind}'
        and (known.until is null or known.until > clock_timestamp())
    ) as ${kind}`
  const standings = `select (
      select member.role from ${inSchema}.members as member
      where member.room_id = wanted.room_id and member.user_id = wanted.user_id
    ) as role, ${ends('ban')}, ${ends('mute')}
    from (
      select wanted.*, ${room} as room_id
      from unnest(${unplanned('$1::text[]')}, ${unplanned('$2::integer[]')}) with ordinality as wanted (name, user_id, ord) offset 0
    ) as wanted
    order by wanted.ord`
  return async keys => {
    const rows = await query<Row>(standings, [keys.map(({ room }) => room), keys.map(({ userId }) => userId)])
    return rows.map(({ role, ban, mute }) => ({
      ...(role === null ? {} : { role }),
      ...(ban === null ? {} : { ban: ban || Number.POSITIVE_INFINITY }),
      ...(mute === null ? {} : { mute: mute || Number.POSITIVE_INFINITY })
    }))
  }
}
