/** Defines the kind `message`. A message has a text (`content`) and optional JSON data that its sender adds (`meta`). */
import { type Static, Type } from '@sinclair/typebox'
import { timestamp } from '../../lib/clock.ts'
import { isVisible } from '../../lib/text.ts'
import { ChatError } from '../../protocol/errors.ts'
import { ref } from '../../protocol/frames/ref.ts'
import {
  MAX_META_BYTES,
  MESSAGE,
  messageFields,
  messageOptions,
  messageState,
  NewMessage,
  Nonce,
  ReplyTo,
  RoomName,
  shown
} from '../../protocol/http/messages.ts'
import { Timestamp } from '../../protocol/timestamp.ts'
import { characters } from '../../protocol/validation.ts'
import { defineKind } from './kind.ts'

/** The frame that sends a message. Without `room`, the message is sent to `general`. */
export const SendFrame = Type.Object(
  {
    type: Type.Literal(MESSAGE),
    content: Type.String({ minLength: 1 }),
    room: Type.Optional(RoomName),
    nonce: Type.Optional(Nonce),
    ...messageOptions,
    reply_to: ReplyTo,
    ref
  },
  { $id: 'ChatSendFrame' }
)
export type SendFrame = Static<typeof SendFrame>

/**
 * The frame that delivers a message to the subscribers of the room, in its current state. If a message cannot be shown, `content`
 * is null and `unavailable` gives the reason.
 */
export const MessageFrame = Type.Object(
  {
    type: Type.Literal(MESSAGE),
    ...messageFields,
    ...shown,
    reply_to: ReplyTo,
    mentions: messageOptions.mentions,
    ...messageState,
    timestamp: Timestamp
  },
  { $id: 'ChatMessageFrame' }
)
export type MessageFrame = Static<typeof MessageFrame>

/**
 * Serializes the `meta` of a message as JSON. Throws `invalid_frame` if the JSON is larger than `MAX_META_BYTES`, or if
 * `JSON.stringify` cannot serialize `meta`. For example, a host application may pass an object that is nested too deeply.
 */
export const metaText = (meta: Record<string, unknown> | undefined): string | null => {
  if (meta === undefined) return null
  try {
    const text = JSON.stringify(meta)
    if (Buffer.byteLength(text) <= MAX_META_BYTES) return text
  } catch {
    // `JSON.stringify` throws if `meta` is nested too deeply, or if a host application passes a value that is not JSON.
  }
  throw new ChatError(
    'invalid_frame',
    `The meta of a message is too large or is not JSON. Send at most ${MAX_META_BYTES} bytes of JSON.`
  )
}

/**
 * Returns the text of a message as it is stored and shown. Throws `message_too_long` if the text has more than `max` characters
 * (Unicode code points), and `invalid_frame` if the text has no visible character. Replaces each lone surrogate with U+FFFD, as
 * the UTF-8 encoding of the stored text would. So the live frame has the same text as the history.
 */
export const messageText = (content: string, max: number): string => {
  const text = content.toWellFormed()
  const length = characters(text)
  if (length > max) {
    throw new ChatError('message_too_long', `The message has ${length} characters. Send at most ${max}.`)
  }
  if (!isVisible(text))
    throw new ChatError('invalid_frame', 'The message is empty. Send at least one visible character.')
  return text
}

/** Serializes the ids of mentioned users for `detail`, without duplicates. Returns null if there are none. */
export const mentionsDetail = (mentions: readonly number[] = []): string | null =>
  mentions.length === 0 ? null : JSON.stringify({ mentions: [...new Set(mentions)].sort((one, other) => one - other) })

/** Maximum number of reaction keys in an item of an HTTP list. The least frequent keys are omitted. */
const MAX_KEYS = 20

/** Returns the reactions to a message, the most frequent key first. */
const reactionsOf = (counts: Readonly<Record<string, number>>): { key: string; count: number }[] =>
  Object.entries(counts)
    .map(([key, count]) => ({ key, count }))
    .sort((one, other) => other.count - one.count || (one.key < other.key ? -1 : 1))
    .slice(0, MAX_KEYS)

export const message = defineKind({
  kind: MESSAGE,
  action: 'post',
  command: SendFrame,
  frame: MessageFrame,
  summary: { command: 'Send a message', frame: 'A committed message' },
  encrypted: ['content', 'meta'],
  isEditable: true,
  http: {
    method: 'POST',
    path: 'messages',
    operationId: 'postMessage',
    summary: 'Send a message',
    description:
      'Responds after the commit. If the request repeats an `Idempotency-Key` with the same message, the response is 200 with the stored message. If the message is a different one, the response is 409. A key is unique per user and room, and stays valid as long as the message is kept.',
    body: NewMessage,
    errors: ['message_not_found', 'rejected', 'message_too_long', 'invalid_frame']
  },
  prepare: ({ content, meta, mentions, reply_to: replyTo }, { maxMessageLength }) => ({
    content: messageText(content, maxMessageLength),
    meta: metaText(meta),
    target: replyTo ?? null,
    detail: mentionsDetail(mentions)
  }),
  show: ({ content, meta, target, detail, state }) => {
    const mentions = state ? state.mentions : detail?.mentions
    return {
      content,
      ...(meta && { meta }),
      ...(target && { reply_to: target }),
      ...(mentions && content !== null ? { mentions } : {}),
      ...(state?.editedAt && content !== null ? { edited_at: timestamp(state.editedAt) } : {})
    }
  },
  showItem({ content, state }) {
    if (content === null || !(state?.reactions || state?.pinSeq)) return undefined
    return {
      ...(state.reactions ? { reactions: reactionsOf(state.reactions) } : {}),
      ...(state.pinSeq ? { pinned: true } : {})
    }
  },
  // Mentions are not compared, because the stored list lacks some ids: those of users who do not exist and, in a private or
  // direct room, those of users who are not members.
  isSameDetail: () => true
})
