/** Creates the frames that report that a user connected, joined, left or is typing. */
import type { SystemFrame } from '../../protocol/frames/connection.ts'
import type { TypingNotice } from '../../protocol/frames/room.ts'
import type { Principal } from '../access/authorize.ts'

/** Time in milliseconds for which clients show a user as typing after a notification. */
const TYPING_SHOWN_MS = 5000

const SENTENCES = {
  connected: (name: string) => `Connected as ${name}`,
  joined: (name: string) => `${name} joined the chat`,
  left: (name: string) => `${name} left the chat`
}

/**
 * Returns the frame for a user who connected, joined or left. `message` has the same text as in the FastAPI Chat Backend,
 * because clients that were written for that backend may show it.
 */
export const systemFrame = (
  event: SystemFrame['event'],
  { userId, username }: Pick<Principal, 'userId' | 'username'>,
  room: string
): SystemFrame => ({
  type: 'system',
  event,
  message: SENTENCES[event](username),
  room,
  user_id: userId,
  username
})

export const typingNotice = (
  room: string,
  { userId, username }: Pick<Principal, 'userId' | 'username'>
): TypingNotice => ({
  type: 'typing',
  room,
  user_id: userId,
  username,
  expires_in_ms: TYPING_SHOWN_MS
})
