/**
 * Reduces a user’s memberships and roles to a text, and the user’s read marks and unread marks to sums. The database computes
 * the same values, so that missed changes are found without reading all rows. See `InboxRepository.digests`.
 */
import type { InboxRow, Marks } from '../../db/database.ts'

/** The digest of a user without rooms. */
export const NO_ROOMS = '0 0 0'

const RANKS = { member: 0, moderator: 1, owner: 2 }

/** Returns the number of rooms, the sum of their ids, and the sum of their ids weighted with the rank of the role. */
export const membershipsDigest = (rows: readonly Pick<InboxRow, 'roomId' | 'role'>[]): string => {
  const ids = rows.reduce((sum, { roomId }) => sum + roomId, 0)
  const ranks = rows.reduce((sum, { roomId, role }) => sum + roomId * RANKS[role], 0)
  return `${rows.length} ${ids} ${ranks}`
}

/** Returns the sum of a user's read marks, and the sum of the ids of the rooms that are marked as unread. */
export const marksOf = (rows: readonly Pick<InboxRow, 'roomId' | 'readSeq' | 'isUnread'>[]): Marks => ({
  readSeqs: rows.reduce((sum, { readSeq }) => sum + readSeq, 0),
  unreadRooms: rows.reduce((sum, { roomId, isUnread }) => sum + (isUnread ? roomId : 0), 0)
})
