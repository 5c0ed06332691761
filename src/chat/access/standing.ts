/** Looks up the roles and restrictions of users in rooms. Lookups that are requested at the same time share one query. */
import type { FindStandings, Standing } from '../../db/repositories/standing.ts'
import { createBatch } from '../../lib/batch.ts'
import type { ChatError } from '../../protocol/errors.ts'
import { refusalOf } from '../log/refusals.ts'

/**
 * Returns the current role of a user in a room, and the restrictions of the user. Empty if there is no such room. Always queries
 * the database, so that the response time does not reveal which rooms exist.
 */
export type StandingIn = (userId: number, room: string) => Promise<Standing>

/** Creates the lookup. Without `find`, nobody is a member of a room or restricted in it. */
export const createStandingIn = (find: FindStandings = async keys => keys.map(() => ({}))): StandingIn => {
  // A room name contains no space, so the key can be split at the space.
  const keyOf = (userId: number, room: string): string => `${userId} ${room}`
  const batch = createBatch<string, Standing>(async keys => {
    const parts = keys.map(key => key.split(' '))
    const standings = await find(parts.map(([userId, room = '']) => ({ userId: Number(userId), room })))
    return new Map(keys.map((key, at) => [key, standings[at] ?? {}]))
  })
  return async (userId, room) => (await batch(keyOf(userId, room))) ?? {}
}

/** Returns the error for a restricted user. Omits an infinite `until`, because such a restriction does not end by itself. */
export const restricted = (code: 'banned' | 'muted', until: number): ChatError =>
  refusalOf(code, Number.isFinite(until) ? { until } : {})
