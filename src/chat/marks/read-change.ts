/** Converts a read mark of a client to the change that is stored. */
import type { ReadChange } from '../../db/database.ts'
import type { ReadChange as GivenChange } from '../../protocol/http/reads.ts'

/**
 * Returns the change that a frame describes. Returns undefined if the frame neither has `up_to` nor sets `unread`. Such a frame
 * only requests the `read` frames of the service. Does not look up the room, so that a user cannot find out whether a private
 * room exists.
 */
export const readChangeOf = (
  userId: number,
  room: string,
  { up_to: upTo, unread: isUnread = false, epoch }: GivenChange
): ReadChange | undefined =>
  upTo === undefined && !isUnread ? undefined : { userId, room, upTo: upTo ?? 0, isUnread, epoch }

/** Returns the change that a request describes. Without `up_to` and `unread`, the change moves the mark to the newest entry. */
export const wholeChangeOf = (
  userId: number,
  room: string,
  { up_to, unread = false, epoch }: GivenChange
): ReadChange => ({
  userId,
  room,
  upTo: up_to ?? (unread ? 0 : Number.MAX_SAFE_INTEGER),
  isUnread: unread,
  epoch
})
