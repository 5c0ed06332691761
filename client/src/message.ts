/**
 * Converts log entries to messages, and applies entries that change a message. All messages of the SDK have the form of the HTTP
 * API, even if they arrived in a frame.
 */
import type { Message, MessageChange, TextOptions } from './room-types.ts'

/** The author and the excerpt of a message, as the replies to the message show them. */
export type Reply = NonNullable<Message['reply']>

type Fields = { readonly [field: string]: unknown }

/**
 * Converts a frame that has a `seq`, or an entry of a history page, to a message. Returns undefined for an entry of another
 * type.
 */
export const messageOf = (entry: Fields): Message | undefined => {
  const { type = 'message', timestamp, ...fields } = entry
  if (type !== 'message') return undefined
  return Object.freeze({ ...fields, created_at: fields.created_at ?? timestamp }) as unknown as Message
}

/** Returns the entry if it changes a message. */
export const changeOf = (entry: Fields): MessageChange | undefined =>
  ['edit', 'deletion', 'reaction', 'pin'].includes(String(entry.type)) ? (entry as unknown as MessageChange) : undefined

/** An entry of the log that erases all earlier entries of a user in the room. */
export interface Erasure {
  readonly userId: number
  /** The name that replaces the user's name. */
  readonly username: string
  /** The `seq` of the erasure. */
  readonly seq: number
}

/** Converts a frame or an entry of a history page to an erasure. Returns undefined for an entry of another type. */
export const erasureOf = (entry: Fields): Erasure | undefined => {
  const { type, subject, username, seq } = entry
  return type === 'erasure' ? { userId: Number(subject), username: String(username), seq: Number(seq) } : undefined
}

/** Returns whether an erasure affects a message or an entry, and is not applied to it yet. */
const isAffected = (
  { user_id, username, unavailable, seq }: Omit<Reply, 'unavailable'> & { readonly unavailable?: string },
  erasure: Erasure
): boolean =>
  user_id === erasure.userId && seq < erasure.seq && (unavailable !== 'erased' || username !== erasure.username)

/**
 * Applies an erasure to a message. A message of the erased user loses its content and its mentions, and the user's name is
 * replaced. A reply to such a message loses its excerpt. Returns the message itself if nothing changes.
 */
export const withErasure = (message: Message, erasure: Erasure): Message => {
  const reply = message.reply && withReplyErased(message.reply, erasure)
  const next = reply && reply !== message.reply ? Object.freeze({ ...message, reply }) : message
  if (!isAffected(message, erasure)) return next
  return Object.freeze({ ...withoutText(next), username: erasure.username })
}

/** Applies an erasure to the excerpt that replies show of a message. Returns the excerpt itself if nothing changes. */
export const withReplyErased = (reply: Reply, erasure: Erasure): Reply => {
  if (!isAffected(reply, erasure)) return reply
  const { excerpt: _, ...rest } = reply
  return { ...rest, username: erasure.username, unavailable: 'erased' }
}

/** Applies an erasure to an entry that changes a message: removes the text of an edit and the reason of a deletion. */
export const withChangeErased = (change: MessageChange, erasure: Erasure): MessageChange => {
  if (!isAffected(change, erasure)) return change
  const { meta: _, mentions: __, reason: ___, ...rest } = change as MessageChange & Fields
  return (change.type === 'edit' ? { ...rest, content: null, unavailable: 'erased' } : rest) as MessageChange
}

/** Returns the `seq` of the last entry that was applied to the message. */
export const changedSeqOf = ({ changed_seq, seq }: Message): number => changed_seq ?? seq

/** Returns a copy without content. It has the same form as a message that the service returns without content. */
const withoutContent = (message: Message, unavailable: NonNullable<Message['unavailable']>): Message => {
  const { meta: _, nonce: __, edited_at: ___, ...rest } = message
  return { ...rest, content: null, unavailable }
}

/** Returns a deleted or erased message: without its content and mentions. fold.ts removes the reactions. */
export const withoutText = (message: Message): Message => {
  const { mentions: _, ...rest } = withoutContent(message, 'erased')
  return rest
}

/** Returns the message with the text of an edit. */
export const withText = (message: Message, content: string | null, { meta, mentions }: TextOptions): Message => {
  const { meta: _, mentions: __, unavailable: ___, ...rest } = message
  return { ...rest, content, ...(meta ? { meta } : {}), ...(mentions?.length ? { mentions: [...mentions] } : {}) }
}

const edited = (message: Message, change: MessageChange & { type: 'edit' }): Message => {
  const { content, timestamp } = change
  const unavailable = message.unavailable === 'erased' ? 'erased' : change.unavailable
  // Ignores an edit if a later edit has replaced its text (`superseded`). Also ignores an edit from a list, because lists omit
  // the texts of edits.
  if (unavailable === 'superseded' || (content === null && !unavailable)) return message
  const next = withText(message, content, change)
  return unavailable ? withoutContent(next, unavailable) : { ...next, edited_at: timestamp }
}

/**
 * Applies an entry to the text of the message that it changes. Returns the message unchanged if the entry was already applied.
 * fold.ts applies reactions and pins.
 */
export const withChange = (message: Message, change: MessageChange): Message => {
  const { seq, type } = change
  if (seq <= changedSeqOf(message)) return message
  const next = type === 'edit' ? edited(message, change) : type === 'deletion' ? withoutText(message) : message
  return Object.freeze({ ...next, changed_seq: seq })
}
