/**
 * The public exports of the SDK, for the packages `fastify-chat-client` and `fastify-chat/client`. The code runs in browsers
 * and on Node 20.19 and later.
 */
export { type AccountApi, createAccountApi } from './account.ts'
export type * from './account-types.ts'
export { type AdminApi, createAdminApi } from './admin.ts'
export {
  type ChatApi,
  type ChatApiOptions,
  createChatApi,
  type HistoryRange,
  type NewRoom,
  type RoomRange
} from './api.ts'
export { createChatClient } from './client.ts'
export { ChatApiError, type Violation } from './errors.ts'
export { createInbox } from './inbox.ts'
export type * from './inbox-types.ts'
export { createInvitationApi, type InvitationApi } from './invitations.ts'
export { createModerationApi, type ModerationApi } from './moderation.ts'
export type * from './moderation-types.ts'
export type { FetchLike, ResponseLike, SocketConstructor, SocketLike, Timers } from './platform.ts'
export type {
  AccessToken,
  BlockList,
  ClientFrame,
  InboxPage,
  InvitationPreview,
  Member,
  MemberList,
  MembershipFrame,
  PinFrame,
  ReadState,
  Report,
  ReportList,
  Restriction,
  RestrictionList,
  RoomFrame,
  RoomInvitation,
  RoomInvitationList,
  ServerFrame,
  User,
  UserList
} from './protocol.ts'
export { reactionKeyOf } from './reaction-key.ts'
export type * from './room-types.ts'
export { PASSWORD_RULES, type Rule, USERNAME_RULES } from './rules.ts'
export { createSafetyApi, type SafetyApi } from './safety.ts'
export { createSession } from './session.ts'
export type * from './session-types.ts'
export type * from './types.ts'
