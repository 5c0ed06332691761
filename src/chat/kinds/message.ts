/** Defines the kind `message`: a text (`content`), and optional JSON data of the client (`meta`). */
import { type Static, Type } from '@sinclair/typebox'
import { isVisible } from '../../lib/text.ts'
import { ChatError } from '../../protocol/errors.ts'
import { ref } from '../../protocol/frames.ts'
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
 * The frame that delivers a committed message to the subscribers of its room. If a message cannot be shown, `content` is null and
 * `unavailable` gives the reason.
 */
export const MessageFrame = Type.Object(
  { type: Type.Literal(MESSAGE), ...messageFields, ...shown, timestamp: Timestamp },
  { $id: 'ChatMessageFrame' }
)
export type MessageFrame = Static<typeof MessageFrame>

/**
 * Returns the `meta` of a message as the JSON text to encrypt. Throws `invalid_frame` if the text is longer than 2 KiB. A host
 * application may pass an object that is nested too deeply for `JSON.stringify`. The error is the same then.
 */
export const metaText = (meta: Record<string, unknown> | undefined): string | null => {
  if (meta === undefined) return null
  try {
    const text = JSON.stringify(meta)
    if (Buffer.byteLength(text) <= MAX_META_BYTES) return text
  } catch {
    // `JSON.stringify` overflowed the stack, so the object is nested so deeply that its text would be over the limit too.
  }
  throw new ChatError(
    'invalid_frame',
    `The meta of a message is too large. Send at most ${MAX_META_BYTES} bytes of JSON.`
  )
}

/**
 * Returns the text of a message as it is stored and shown. Throws `message_too_long` if it has more than `max` characters
 * (Unicode code points), and `invalid_frame` if it has no visible character. A lone surrogate is replaced by U+FFFD, as UTF-8
 * would do when it is stored, so that the live frame and the history have the same text.
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
      'Responds after the commit. With an `Idempotency-Key`, sending the same message again returns 200 and the stored message; sending another one returns 409. A key is unique per user and room, and valid as long as the message is kept.',
    body: NewMessage,
    errors: ['rejected', 'message_too_long', 'invalid_frame']
  },
  prepare: ({ content, meta }, { maxMessageLength }) => ({
    content: messageText(content, maxMessageLength),
    meta: metaText(meta)
  }),
  show: ({ content, meta }) => ({ content, ...(meta === undefined ? {} : { meta }) })
})
