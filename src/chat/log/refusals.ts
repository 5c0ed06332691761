/** What the database refuses under the lock of a room, as errors. The codes are those of drizzle/0008_append_entries.sql. */
import { ChatError, type ErrorCode } from '../../protocol/errors.ts'

const DETAILS: Partial<Record<ErrorCode, string>> = {
  room_not_found: 'The room was deleted.',
  message_not_found: 'There is no such message in this room.',
  upgrade_pending: 'The service is being upgraded and accepts messages only. Send it again later.'
}

const isKnown = (code: string): code is keyof typeof DETAILS => code in DETAILS

/** Returns the error for a refused entry. A newer release may have brought codes that this one doesn't know. */
export const refusalOf = (code: string): ChatError =>
  isKnown(code)
    ? new ChatError(code, DETAILS[code] ?? '')
    : new ChatError('not_allowed', 'The service does not allow this now.')
