/** Compares the inboxes of this process with the database, because a notification may have been lost. */
import type { InboxRepository } from '../../db/database.ts'
import type { LogReader } from '../log/reader.ts'
import { NO_ROOMS } from './digest.ts'
import type { InboxState } from './state.ts'

/** Maximum number of rooms, and of users, of one query. */
const [ROOMS_PER_QUERY, USERS_PER_QUERY] = [1000, 500]

export interface Comparison {
  /** Finds the rooms that have grown. */
  heads(): Promise<void>
  /** Finds the users whose memberships have changed. */
  members(): Promise<void>
}

export const createComparison = (
  repository: InboxRepository,
  reader: Pick<LogReader, 'limited'>,
  { users, watched, dirty, stale }: InboxState
): Comparison => {
  const heads = async (): Promise<void> => {
    const ids = [...watched.keys()]
    for (let at = 0; at < ids.length; at += ROOMS_PER_QUERY) {
      const found = await reader.limited(() => repository.heads(ids.slice(at, at + ROOMS_PER_QUERY)))
      for (const { roomId, lastSeq } of found)
        if (lastSeq > (watched.get(roomId)?.lastSeq ?? lastSeq)) dirty.add(roomId)
    }
  }

  const members = async (): Promise<void> => {
    const ids = [...users.keys()]
    for (let at = 0; at < ids.length; at += USERS_PER_QUERY) {
      const some = ids.slice(at, at + USERS_PER_QUERY)
      const digests = new Map(
        (await reader.limited(() => repository.digests(some))).map(({ userId, digest }) => [userId, digest])
      )
      for (const userId of some) {
        const user = users.get(userId)
        if (user && user.digest !== '' && user.digest !== (digests.get(userId) ?? NO_ROOMS)) stale.add(user)
      }
    }
  }

  return { heads, members }
}
