/** Exports the plugin `chatService`, `createChat` for host applications, and their types, errors and close codes. */
export type { Authenticate } from '../plugins/auth.ts'
export type { ExportRecord } from './accounts/export/records.ts'
export type { HostUser } from './accounts/host-users.ts'
export type { ChatServiceOptions, Page } from './app.ts'
export { chatService, chatService as default } from './app.ts'
export type {
  AccessRequest,
  Action,
  Authorize,
  BeforeMessage,
  MessageDraft,
  PublicUser
} from './chat/access/authorize.ts'
export type { HostKinds } from './chat/kinds/host-kind.ts'
export type { CommittedMessage } from './chat/log/committed-message.ts'
export type { CommittedData, CommittedEntry, CommittedFields } from './chat/log/host-entry.ts'
export type { HostTransaction } from './db/client/host-transaction.ts'
export {
  type CreateChatOptions,
  createChat,
  type DataOptions,
  type EmbeddedChat,
  type EntryListener,
  type MessageListener,
  type PostOptions
} from './host.ts'
export type { HostMember } from './host-members.ts'
export { trustProxies } from './lib/client-address.ts'
export { version } from './lib/package.ts'
export { CLOSE, type CloseCode } from './protocol/close-codes.ts'
export { ChatError, ChatRejection, ERRORS, type ErrorCode, type Violation } from './protocol/errors.ts'
