/** The client, composed. */
import type { ChatClient, ChatClientOptions } from './types.ts'

/** Makes a client; it connects by itself. */
export const createChatClient = (_options: ChatClientOptions): ChatClient => {
  throw new Error('Not there yet: this commit fixes the interface.')
}
