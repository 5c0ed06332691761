/** The kind `message`: a text, with data of the client beside it. */
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

/** Send a message; `room` is `general` when absent. */
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

/** A message, committed, to everyone who follows its room. One that can’t be shown has no content, and says why. */
export const MessageFrame = Type.Object(
  { type: Type.Literal(MESSAGE), ...messageFields, ...shown, timestamp: Timestamp },
  { $id: 'ChatMessageFrame' }
)
export type MessageFrame = Static<typeof MessageFrame>

/**
 * Returns the `meta` of a message as the JSON text that is encrypted. Throws `invalid_frame` when it is over 2 KiB, or nested
 * deeper than JSON can be written, as that of a host application may be.
 */
export const metaText = (meta: Record<string, unknown> | undefined): string | null => {
  if (meta === undefined) return null
  try {
    const text = JSON.stringify(meta)
    if (Buffer.byteLength(text) <= MAX_META_BYTES) return text
  } catch {
    // A RangeError: so deeply nested that the stack ran out. It is over the size in any case.
  }
  throw new ChatError('invalid_frame', `The meta of a message may be at most ${MAX_META_BYTES} bytes of JSON.`)
}

/**
 * Returns the text of a message as it is stored and shown. Throws `message_too_long` over `max` characters (code points), and
 * `invalid_frame` when nothing of it is visible. A lone surrogate becomes U+FFFD, as it would in UTF-8, so that the live
 * frame and the history say the same.
 */
export const messageText = (content: string, max: number): string => {
  const text = content.toWellFormed()
  const length = characters(text)
  if (length > max) {
    throw new ChatError('message_too_long', `The message has ${length} characters; the most is ${max}.`)
  }
  if (!isVisible(text))
    throw new ChatError('invalid_frame', 'The message is empty. Send at least one visible character.')
  return text
}

/** A message. */
export const message = defineKind({
  kind: MESSAGE,
  action: 'post',
  command: SendFrame,
  frame: MessageFrame,
  summary: { command: 'Send a message', frame: 'A message, committed' },
  encrypted: ['content', 'meta'],
  isEditable: true,
  http: {
    method: 'POST',
    path: 'messages',
    operationId: 'postMessage',
    summary: 'Post a message',
    description:
      'Answered after the commit. With an `Idempotency-Key`, posting the same again answers 200 and the message that is there; posting another is a 409. A key is one for the user and the room, and good as long as the message is kept.',
    body: NewMessage,
    errors: ['rejected', 'message_too_long', 'invalid_frame']
  },
  prepare: ({ content, meta }, { maxMessageLength }) => ({
    content: messageText(content, maxMessageLength),
    meta: metaText(meta)
  }),
  show: ({ content, meta }) => ({ content, ...(meta === undefined ? {} : { meta }) })
})
