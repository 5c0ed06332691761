/** Signs the messages on Redis, because any client that can connect to Redis can publish on its channels. */
import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto'

export interface SignatureOptions {
  /** The first key signs. Every key verifies, so that processes work together while the encryption key is rotated. */
  readonly keys: readonly KeyObject[]
  /** The Redis channel. It identifies the prefix, the schema and the incarnation of the log. */
  readonly channel: string
  /** The wall clock in milliseconds since the Unix epoch. */
  readonly now: () => number
}

/** A verified message. `at` is the wall-clock time of the sender. */
export interface Verified {
  readonly payload: string
  readonly at: number
}

export interface Signature {
  /** Returns the message for a payload: HMAC, time and payload, separated by spaces. */
  sign(payload: string): string
  /** Verifies a message. Returns undefined if it is malformed, or if no key verifies it. */
  verify(message: string): Verified | undefined
}

/** Maximum length of a message, in characters. A payload has less than 8,000 bytes, so every valid message is shorter. */
const MAX_MESSAGE = 16_384
const FORM = /^([\w-]{43}) (\d{1,15}) /

export const createSignature = ({ keys, channel, now }: SignatureOptions): Signature => {
  const [current] = keys
  if (!current) throw new TypeError('A key is required.')
  const macOf = (key: KeyObject, signed: string): Buffer =>
    createHmac('sha256', key).update(channel).update('\0').update(signed).digest()

  return {
    sign(payload) {
      const signed = `${Math.round(now())} ${payload}`
      return `${macOf(current, signed).toString('base64url')} ${signed}`
    },
    verify(message) {
      const [head, mac = '', at] = (message.length <= MAX_MESSAGE && FORM.exec(message)) || []
      if (head === undefined) return undefined
      const given = Buffer.from(mac, 'base64url')
      const signed = message.slice(mac.length + 1)
      if (!keys.some(key => timingSafeEqual(macOf(key, signed), given))) return undefined
      return { payload: message.slice(head.length), at: Number(at) }
    }
  }
}
