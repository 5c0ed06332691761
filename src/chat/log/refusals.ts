/**
 * Creates the errors for entries and requests that are refused because of the state of a room or of the service. Converts the
 * code that the database returns for a refused entry to an error. The codes are defined in drizzle/0015_moderation.sql and later
 * migrations.
 */
import type { RefusedEntry } from '../../db/database.ts'
import { ChatError, type ErrorCode } from '../../protocol/errors.ts'

const DETAILS: Partial<Record<ErrorCode, string>> = {
  room_not_found:
    'The room does not exist, or you may not do this in the room. Check its name. The default room is "general".',
  message_not_found: 'There is no such message in this room. It may have been deleted.',
  not_author:
    'Only the author may edit a message. Only the author, and users with a higher role in the room, may delete it.',
  already_deleted: 'The message was deleted.',
  edit_window_over: 'The message is too old to be edited. Send a new message.',
  too_many_edits: 'A message can be edited at most 1,000 times. Send a new message.',
  busy: 'Another request is changing the same data. Try again.',
  too_many_reactions:
    'A message can have at most 50 different reactions, and at most 10 of one user. Remove a reaction first.',
  room_unchanged: 'The room already has these properties.',
  too_many_pins: 'A room can have at most 100 pinned messages. Unpin a message first.',
  not_allowed: 'You may not do this in this room. Ask a moderator or an owner of the room.',
  user_not_found: 'The user does not exist, is not a member of this room, or is not muted or banned in it.',
  already_member: 'The user is a member of the room already.',
  invitation_invalid: 'The invitation is not valid, or has expired or was used up. Ask for a new one.',
  invitation_not_found: 'There is no such invitation to this room. It may have expired or been revoked.',
  too_many_invitations: 'The room has 100 invitations that can be used. Revoke one first.',
  report_not_found: 'There is no such report in this room. It may have been deleted.',
  already_resolved: 'Somebody has already resolved this report.',
  last_owner: 'The room would have no owner. Make another member an owner first.',
  muted: 'You are muted in this room. You may read, and delete your own messages.',
  banned: 'A ban from this room forbids this action. A moderator can end the ban.',
  room_archived: 'The room is archived. An owner can unarchive it.',
  slow_mode: 'The room is in slow mode. Wait before you send the next message.',
  upgrade_pending: 'The service is being upgraded and does not accept this action yet. Try again later.'
}

/** The time after which a refused entry may be accepted. See `RefusedEntry`. */
type RefusalLimits = Pick<RefusedEntry, 'until' | 'retryAfterMs'>

const isKnown = (code: string): code is keyof typeof DETAILS => code in DETAILS

/**
 * Returns the error for a code. A newer release may have migrated the database, so a code can be unknown. The error for an
 * unknown code is `not_allowed`.
 */
export const refusalOf = (code: string, { until, retryAfterMs }: RefusalLimits = {}): ChatError =>
  isKnown(code)
    ? new ChatError(code, DETAILS[code] ?? '', {
        ...(until === undefined ? {} : { until }),
        ...(code === 'busy' ? { retryAfterMs: 1000 } : retryAfterMs === undefined ? {} : { retryAfterMs })
      })
    : new ChatError('not_allowed', 'The service does not allow this at the moment. Try again later.')

/** Returns the error for an entry that is not accepted because the process is stopping. */
export const restarting = (): ChatError =>
  new ChatError('unavailable', 'The service is restarting. Send the message again in a moment.')
