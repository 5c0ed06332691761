/** Defines the kind `message`. A message has a text (`content`) and optional JSON data that its sender adds (`meta`). */
import { type Static, Type } from '@sinclair/typebox'
import { isVisible } from '../../lib/text.ts'
import { ChatError } from '../../protocol/errors.ts'
import { ref } from '../../protocol/frames/ref.ts'
import {
  MAX_META_BYTES,
  MESSAGE,
  Meta,
  messageFields,
  NewMessage,
  Nonce,
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
    meta: Type.Optional(Meta),
    ref
  },
  { $id: 'ChatSendFrame' }
)
export type SendFrame = Static<typeof SendFrame>

/**
 * The frame that delivers a committed message to the subscribers of the room. If a message cannot be shown, `content` is null
 * and `unavailable` gives the reason.
 */
export const MessageFrame = Type.Object(
  { type: Type.Literal(MESSAGE), ...messageFields, ...shown, timestamp: Timestamp },
  { $id: 'ChatMessageFrame' }
)
export type MessageFrame = Static<typeof MessageFrame>

/**
 * Serializes the `meta` of a message as JSON. Throws `invalid_frame` if the JSON is larger than `MAX_META_BYTES`. Also throws
 * it if `JSON.stringify` cannot serialize an object from a host application, for example because it is nested too deeply.
 */
export const metaText = (meta: Record<string, unknown> | undefined): string | null => {
  if (meta === undefined) return null
  try {
    const text = JSON.stringify(meta)
    if (Buffer.byteLength(text) <= MAX_META_BYTES) return text
  } catch {
    // If `JSON.stringify` overflows the stack, the JSON would be larger than the limit too, so the error is the same.
  }
  throw new ChatError(
    'invalid_frame',
    `The meta of a message is too large. Send at most ${MAX_META_BYTES} bytes of JSON.`
  )
}

/**
 * Returns the text of a message as it is stored and shown. Throws `message_too_long` if it has more than `max` characters
 * (Unicode code points), and `invalid_frame` if it has no visible character. Replaces each lone surrogate by U+FFFD, as the
 * UTF-8 encoding of the stored text does. Otherwise, the live frame and the history would have different texts.
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
    errors: ['rejected', 'message_too_long', 'invalid_frame']
  },
  prepare: ({ content, meta }, { maxMessageLength }) => ({
    content: messageText(content, maxMessageLength),
    meta: metaText(meta)
  }),
  show: ({ content, meta }) => ({ content, ...(meta === undefined ? {} : { meta }) })
})
