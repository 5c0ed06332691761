/**
 * Converts log entries to messages, and removes the contents of erased messages. All messages of the SDK have the form of the
 * HTTP API, even if they arrived in a frame.
 */
import type { Message } from './room-types.ts'

/**
 * Converts a frame that has a `seq`, or an entry of a history page, to a message. Returns undefined for an entry of another
 * type.
 */
export const messageOf = (entry: { readonly [field: string]: unknown }): Message | undefined => {
  const { type = 'message', timestamp, ...fields } = entry
  if (type !== 'message') return undefined
  return Object.freeze({ ...fields, created_at: fields.created_at ?? timestamp }) as unknown as Message
}

/** An entry of the log that erases all earlier entries of a user in its room. */
export interface Erasure {
  readonly userId: number
  /** The name that replaces the user's name. */
  readonly username: string
  /** The `seq` of the erasure. */
  readonly seq: number
}

/** Converts a frame or an entry of a history page to an erasure. Returns undefined for an entry of another type. */
export const erasureOf = (entry: { readonly [field: string]: unknown }): Erasure | undefined => {
  const { type, subject, username, seq } = entry
  return type === 'erasure' ? { userId: Number(subject), username: String(username), seq: Number(seq) } : undefined
}

/** Returns the message without its content and the user's name if it was erased, or else the message itself. */
export const withErasure = (message: Message, { userId, username, seq }: Erasure): Message => {
  if (message.user_id !== userId || message.seq >= seq) return message
  if (message.unavailable === 'erased' && message.username === username) return message
  const { meta: _, nonce: __, ...rest } = message
  return Object.freeze({ ...rest, username, content: null, unavailable: 'erased' })
}
