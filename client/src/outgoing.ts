/** What an outgoing message needs by itself: a name that nobody else has, and a size that fits a frame. */
import type { SendFrame } from './protocol.ts'
import type { Outgoing, Refusal } from './room-types.ts'

/** Why a message can't be sent at all. */
export const TOO_BIG: Refusal = { code: 'payload_too_large', detail: 'The message is too big to be sent.' }

/** The bytes of a frame; 0 if it is small whatever its characters are. */
export const bytesOf = (frame: object): number => {
  const text = JSON.stringify(frame)
  // No character takes more than three bytes of UTF-8 for each of its UTF-16 units.
  return text.length * 3 < 8192 ? 0 : new TextEncoder().encode(text).length
}

/** 128 random bits. Not `randomUUID`, which pages without TLS don't have. */
export const newNonce = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, '0')).join('')

/** The message as it was typed, refused. */
export const failedOf = ({ nonce, room, content, meta, createdAt }: Outgoing, error: Refusal): Outgoing => ({
  nonce,
  room,
  content,
  ...(meta ? { meta } : {}),
  createdAt,
  status: 'failed',
  error
})

/** The message as a frame. */
export const frameOf = ({ nonce, room, content, meta }: Outgoing): SendFrame => ({
  type: 'message',
  room,
  content,
  nonce,
  ...(meta ? { meta } : {})
})
