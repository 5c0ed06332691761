/** What the package exports: the service as a plugin, the chat for a host application, and their types and errors. */
export type { Authenticate } from '../plugins/auth.ts'
export type { ChatServiceOptions, Page } from './app.ts'
export { chatService, chatService as default } from './app.ts'
export type { HostIdentity, HostPerson } from './auth/host-users.ts'
export type { AccessRequest, Action, Authorize, BeforeMessage, MessageDraft, Person } from './chat/access.ts'
export type { CommittedMessage } from './chat/posting.ts'
export { CLOSE, type CloseCode } from './close-codes.ts'
export { ChatError, ChatRejection, ERRORS, type ErrorCode, type Violation } from './errors.ts'
export {
  type CreateChatOptions,
  createChat,
  type EmbeddedChat,
  type MessageListener,
  type PostOptions
} from './host.ts'
export { trustProxies } from './http/client-address.ts'
export { version } from './package.ts'
