/** Provides typed functions for the moderators of a room: mutes, bans, the deletion of a room, and reports of its messages. */
import { type CallOptions, createCall } from './call.ts'
import type { PageRange, ReportDecision, ReportRange, RestrictionTerms } from './moderation-types.ts'
import type { ReportList, RestrictionList } from './protocol.ts'

/**
 * The functions of moderators. They reject with `not_allowed` (403) if this user may not moderate the room, or if the other user
 * has the same or a higher role. They also reject with `room_not_found` (404), and with `not_found` (404) if the service does not
 * offer them. For the other functions of moderators, use `ChatApi.changeRoom` (slow mode) and `Room.pin`.
 */
export interface ModerationApi {
  /** Prevents a user from posting, editing, reacting and typing. The user can still read. */
  mute(room: string, user: number, terms?: RestrictionTerms): Promise<void>
  unmute(room: string, user: number): Promise<void>
  /**
   * Removes a user, and prevents them from reading, joining and being added. With `erase`, a number from 1 to 168, also deletes
   * the user's messages of the last `erase` hours.
   */
  ban(room: string, user: number, terms?: RestrictionTerms & { readonly erase?: number }): Promise<void>
  unban(room: string, user: number): Promise<void>
  /** Lists the users who are muted or banned. */
  restrictions(room: string, page?: PageRange): Promise<RestrictionList>
  /** Deletes a room with its messages. Allowed for owners, and in public rooms for administrators. */
  deleteRoom(room: string): Promise<void>
  /** Lists the reported messages of a room. */
  reports(room: string, page?: ReportRange): Promise<ReportList>
  resolveReport(room: string, id: number, outcome: ReportDecision): Promise<void>
}

/** Creates the functions that call one service. */
export const createModerationApi = (options: CallOptions): ModerationApi => {
  const call = createCall(options)
  const path = (room: string, rest = ''): string => `/api/chat/rooms/${encodeURIComponent(room)}${rest}`
  return {
    // The fields of `terms` may be undefined. The JSON encoding of the body then omits them.
    mute: (room, user, terms = {}) => call('PUT', path(room, `/mutes/${user}`), { body: terms }),
    unmute: (room, user) => call('DELETE', path(room, `/mutes/${user}`)),
    ban: (room, user, terms = {}) => call('PUT', path(room, `/bans/${user}`), { body: terms }),
    unban: (room, user) => call('DELETE', path(room, `/bans/${user}`)),
    restrictions: (room, page = {}) => call('GET', path(room, '/restrictions'), { query: page }),
    deleteRoom: room => call('DELETE', path(room)),
    reports: (room, page = {}) => call('GET', path(room, '/reports'), { query: page }),
    resolveReport: (room, id, outcome) => call('POST', path(room, `/reports/${id}/resolve`), { body: { outcome } })
  }
}
