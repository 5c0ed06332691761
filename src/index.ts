/** What the package exports: the service as a plugin, and what a host's types and error handling need. */
export type { ChatServiceOptions } from './app.ts'
export { chatService, chatService as default } from './app.ts'
export { CLOSE, type CloseCode } from './close-codes.ts'
export { ChatError, ERRORS, type ErrorCode } from './errors.ts'
export { version } from './package.ts'
