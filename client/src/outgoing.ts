/** Provides functions for one outgoing message or change: its nonce, its size and its conversions. */
import type { ClientFrame } from './protocol.ts'
import type { Outgoing, OutgoingChange, Refusal } from './room-types.ts'

/** The error of a message that doesn't fit in a frame. */
export const TOO_BIG: Refusal = {
  code: 'payload_too_large',
  detail: 'The message is too large. Shorten it and send it again.'
}

/**
 * Returns the size of a frame in bytes. Returns 0 if the frame is certainly smaller than 8 KiB, to avoid the cost of encoding.
 */
export const bytesOf = (frame: object): number => {
  const text = JSON.stringify(frame)
  // A UTF-16 code unit takes at most three bytes in UTF-8.
  return text.length * 3 < 8192 ? 0 : new TextEncoder().encode(text).length
}

/** Returns 128 random bits in hex. Doesn't use `randomUUID`, because browsers provide it only in secure contexts. */
export const newNonce = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, '0')).join('')

/** The error of a change whose kind the service doesn't accept yet. */
export const NOT_ACCEPTED: Refusal = {
  code: 'upgrade_pending',
  detail: 'The service does not accept this change yet. Try again later.'
}

/** An outgoing message or change before it gets its nonce and its status. */
export type Draft = Omit<Outgoing, 'nonce' | 'createdAt' | 'status'>

/** Maps the type of an outgoing message or change to the kind of its log entry. */
const KINDS = { message: 'message', edit: 'edit', delete: 'deletion', react: 'reaction', pin: 'pin' } as const

/** Returns whether the service accepts this message or change. `features` are the kinds that the service accepts. */
export const isAccepted = ({ type }: Outgoing, features: readonly string[]): boolean =>
  type === 'message' || features.includes(KINDS[type])

export const isChange = (outgoing: Outgoing): outgoing is OutgoingChange => outgoing.type !== 'message'

/**
 * Restores an outgoing message or change from the storage of the app. Earlier versions of the SDK stored only messages, without
 * a type.
 */
export const restored = (stored: Omit<Outgoing, 'type' | 'content'> & Partial<Outgoing>): Outgoing =>
  Object.freeze({ type: 'message', content: '', ...stored })

/** Returns a copy with the status `failed`, without `seq` and `waitsUntil`. */
export const failedOf = ({ seq: _, waitsUntil: __, ...outgoing }: Outgoing, error: Refusal): Outgoing => ({
  ...outgoing,
  status: 'failed',
  error
})

/** A pin. The service accepts pins only over HTTP. */
export interface PinCommand {
  readonly type: 'pin'
  readonly room: string
  readonly target: number
  readonly nonce: string
  readonly remove?: boolean
}

/** Returns the frame that sends a message or change. `JSON.stringify` omits the fields that are undefined. */
export const frameOf = ({
  createdAt: _,
  status: __,
  seq: ___,
  error: ____,
  waitsUntil: _____,
  replyTo,
  content,
  ...fields
}: Outgoing) =>
  ({
    ...fields,
    ...(content === '' && fields.type !== 'message' ? {} : { content }),
    reply_to: replyTo
  }) as ClientFrame | PinCommand
