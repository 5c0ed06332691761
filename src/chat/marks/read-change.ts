/** Converts a read mark of a client to the change that is stored. */
import type { ReadChange } from '../../db/database.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { ReadChange as GivenChange } from '../../protocol/http/reads.ts'

/**
 * Returns the change that a frame describes. Throws `invalid_frame` if the frame neither moves the mark nor marks the room as
 * unread. The room is not looked up, so a room that the user may not read looks like one that does not exist.
 */
export const readChangeOf = (userId: number, room: string, frame: GivenChange): ReadChange => {
  if (frame.up_to === undefined && frame.unread !== true)
    throw new ChatError(
      'invalid_frame',
      'The read frame has no "up_to". Set it to the "seq" of the last entry you read.'
    )
  return { userId, room, upTo: frame.up_to ?? 0, isUnread: frame.unread === true, epoch: frame.epoch }
}

/** Returns the change that a request describes. Without `up_to`, it moves the mark to the newest entry, unless it has `unread`. */
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
