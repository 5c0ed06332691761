/** Looks up the roles of users in rooms. Lookups that are requested at the same time share one query. */
import type { FindStandings } from '../../db/repositories/standing.ts'
import type { MemberRole } from '../../db/tables.ts'
import { createBatch } from '../../lib/batch.ts'

/**
 * Returns the current role of a user in a room. Undefined if the user is not a member, or if there is no such room. Always
 * queries the database, so that the response time does not reveal which rooms exist.
 */
export type RoleIn = (userId: number, room: string) => Promise<MemberRole | undefined>

/** Creates the lookup. Without `find`, nobody is a member of a room. */
export const createRoleIn = (find: FindStandings = async keys => keys.map(() => undefined)): RoleIn => {
  // A room name contains no space.
  const keyOf = (userId: number, room: string): string => `${userId} ${room}`
  const batch = createBatch<string, MemberRole>(async keys => {
    const parts = keys.map(key => key.split(' '))
    const roles = await find(parts.map(([userId, room = '']) => ({ userId: Number(userId), room })))
    return new Map(keys.flatMap((key, at) => (roles[at] === undefined ? [] : [[key, roles[at]] as const])))
  })
  return (userId, room) => batch(keyOf(userId, room))
}
