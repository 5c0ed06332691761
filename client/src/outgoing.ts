/** Functions for single outgoing messages: nonce, size and conversions. */
import type { SendFrame } from './protocol.ts'
import type { Outgoing, Refusal } from './room-types.ts'

/** The error of a message that doesn't fit in a frame. */
export const TOO_BIG: Refusal = {
  code: 'payload_too_large',
  detail: 'The message is too large. Shorten it and send it again.'
}

/** Returns the size of a frame in bytes, or 0 if the frame is certainly small: then encoding it is not necessary. */
export const bytesOf = (frame: object): number => {
  const text = JSON.stringify(frame)
  // A UTF-16 unit takes at most three bytes in UTF-8.
  return text.length * 3 < 8192 ? 0 : new TextEncoder().encode(text).length
}

/** Returns 128 random bits in hex. `randomUUID` isn't available on pages without TLS. */
export const newNonce = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, '0')).join('')

/** Returns the message with status `failed`. */
export const failedOf = ({ nonce, room, content, meta, createdAt }: Outgoing, error: Refusal): Outgoing => ({
  nonce,
  room,
  content,
  ...(meta ? { meta } : {}),
  createdAt,
  status: 'failed',
  error
})

/** Returns the message as a frame. */
export const frameOf = ({ nonce, room, content, meta }: Outgoing): SendFrame => ({
  type: 'message',
  room,
  content,
  nonce,
  ...(meta ? { meta } : {})
})
