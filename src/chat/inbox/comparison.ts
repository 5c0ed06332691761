/** Compares the inboxes of this process with the database, because a notification may have been lost. */
import type { InboxRepository, Marks } from '../../db/database.ts'
import type { LogReader } from '../log/reader.ts'
import { NO_ROOMS } from './digest.ts'
import type { InboxState, User } from './state.ts'

/** Maximum numbers of rooms and of users per query. */
const [ROOMS_PER_QUERY, USERS_PER_QUERY] = [1000, 500]

export interface Comparison {
  /** Finds the rooms that have grown. */
  heads(): Promise<void>
  /** Finds the users whose memberships, roles, read marks or unread marks have changed. */
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
      const rows = await reader.limited(() => repository.digests(some))
      const found = new Map(rows.map(row => [row.userId, row]))
      for (const userId of some) {
        const user = users.get(userId)
        if (!user || user.digest === '') continue
        const row = found.get(userId)
        if (user.digest !== (row?.digest ?? NO_ROOMS) || (row && hasMissedMarks(user, row))) stale.add(user)
      }
    }
  }

  return { heads, members }
}

/**
 * Returns whether a notification about a read mark or an unread mark was lost. A difference counts only if two successive
 * comparisons find it, because a mark that was stored just before the first comparison may not have been loaded yet.
 */
const hasMissedMarks = (user: User, { readSeqs, unreadRooms }: Marks): boolean => {
  const { marks, difference: before } = user
  const [reads, rooms] = [readSeqs - marks.readSeqs, unreadRooms - marks.unreadRooms]
  user.difference = reads === 0 && rooms === 0 ? undefined : `${reads} ${rooms}`
  return user.difference !== undefined && user.difference === before
}
