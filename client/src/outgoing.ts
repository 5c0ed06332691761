/** Provides functions for one outgoing message: its nonce, its size and its conversions. */
import type { SendFrame } from './protocol.ts'
import type { Outgoing, Refusal } from './room-types.ts'

/** The error of a message that doesn't fit in a frame. */
export const TOO_BIG: Refusal = {
  code: 'payload_too_large',
  detail: 'The message is too large. Shorten it and send it again.'
}

/**
 * Returns the size of a frame in bytes. Returns 0 for a frame that is certainly below 8 KiB, which then need not be encoded.
 */
export const bytesOf = (frame: object): number => {
  const text = JSON.stringify(frame)
  // A UTF-16 unit takes at most three bytes in UTF-8.
  return text.length * 3 < 8192 ? 0 : new TextEncoder().encode(text).length
}

/** Returns 128 random bits in hex. Doesn't use `randomUUID`, because browsers provide it only on pages with TLS. */
export const newNonce = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, '0')).join('')

/** Returns a copy of the message with status `failed` and without a `seq`. */
export const failedOf = ({ nonce, room, content, meta, createdAt }: Outgoing, error: Refusal): Outgoing => ({
  nonce,
  room,
  content,
  ...(meta ? { meta } : {}),
  createdAt,
  status: 'failed',
  error
})

export const frameOf = ({ nonce, room, content, meta }: Outgoing): SendFrame => ({
  type: 'message',
  room,
  content,
  nonce,
  ...(meta ? { meta } : {})
})
