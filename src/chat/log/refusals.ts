/** Converts a refusal of the database to an error. drizzle/0008_append_entries.sql defines the codes of refusals. */
import { ChatError, type ErrorCode } from '../../protocol/errors.ts'

const DETAILS: Partial<Record<ErrorCode, string>> = {
  room_not_found: 'The room was deleted.',
  message_not_found: 'There is no such message in this room.',
  upgrade_pending: 'The service is being upgraded and accepts messages only. Send it again later.'
}

const isKnown = (code: string): code is keyof typeof DETAILS => code in DETAILS

/** Returns the error for a refused entry. The code may be unknown, because a newer release may have migrated the database. */
export const refusalOf = (code: string): ChatError =>
  isKnown(code)
    ? new ChatError(code, DETAILS[code] ?? '')
    : new ChatError('not_allowed', 'The service does not allow this now.')
