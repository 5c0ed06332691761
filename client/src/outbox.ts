/**
 * One's own messages on their way. In each room one at a time: the next is sent when the one before is acknowledged or
 * refused, so that a refusal that passes (`rate_limited`) can't let a later message by. Sent again with its nonce until the
 * service has answered, a message is stored once.
 */
import { PASSING } from './errors.ts'
import { bytesOf, failedOf, frameOf, newNonce, TOO_BIG } from './outgoing.ts'
import type { Timers } from './platform.ts'
import type { ClientFrame } from './protocol.ts'
import type { Message, Outgoing, Refusal } from './room-types.ts'
import type { Frame } from './socket.ts'
import type { Identity, Timing } from './types.ts'

/** The wait before a refused message is sent again, where the service names none. */
const RETRY_MS = 1000

export interface OutboxOptions {
  readonly timers: Timers
  readonly timing: Pick<Timing, 'answer'>
  /** Answers whether it was sent. */
  readonly send: (frame: ClientFrame) => boolean
  /** A message has another status, or is gone (`undefined`). */
  readonly onChange: (room: string, message: Outgoing | undefined) => void
  /** Whether an entry is still to come as a message of its room, so that it stays here until then. */
  readonly isAhead: (room: string, seq: number) => boolean
}

export interface Outbox {
  /** Every message that isn't in the log yet, in the order typed. */
  all(): Outgoing[]
  of(room: string): Outgoing[]
  add(room: string, content: string, meta?: Record<string, unknown>): Outgoing
  /** Puts messages of an earlier run before those of this one. */
  restore(messages: readonly Outgoing[]): void
  online(limits: Identity['limits']): void
  /** After 1009 the largest message that was on its way is the culprit, and failed. */
  offline(wasTooBig: boolean): void
  ack(frame: Frame): void
  /** Answers whether the error was about a message of ours. */
  refused(frame: Frame): boolean
  /** It came as a message of its room: it is there. */
  seen(message: Pick<Message, 'nonce' | 'seq'>): void
  /** Those that are committed up to `upTo` are history now and will not come as messages. */
  skip(room: string, upTo?: number): void
  retry(nonce: string): void
  discard(nonce: string): void
  settled(nonce: string): Promise<Outgoing | undefined>
  clear(): void
}

export const createOutbox = ({ timers, timing, send, onChange, isAhead }: OutboxOptions): Outbox => {
  let messages = new Map<string, Outgoing>()
  const flying = new Map<string, { readonly nonce: string; readonly cancel: () => void }>()
  const settlers = new Map<string, ((message: Outgoing | undefined) => void)[]>()
  let isOnline = false
  let maxBytes = Number.POSITIVE_INFINITY
  let resume: (() => void) | undefined

  const settle = (nonce: string, message: Outgoing | undefined): void => {
    for (const resolve of settlers.get(nonce) ?? []) resolve(message)
    settlers.delete(nonce)
  }

  const change = (message: Outgoing): void => {
    messages.set(message.nonce, Object.freeze(message))
    if (message.status !== 'pending') settle(message.nonce, message)
    onChange(message.room, message)
  }

  const remove = ({ nonce, room }: Outgoing): void => {
    messages.delete(nonce)
    settle(nonce, undefined)
    onChange(room, undefined)
  }

  const fail = (message: Outgoing, error: Refusal): void => change(failedOf(message, error))

  const land = (room: string, nonce: string): void => {
    const flight = flying.get(room)
    if (flight?.nonce !== nonce) return
    flight.cancel()
    flying.delete(room)
  }

  const firstPending = (room: string): Outgoing | undefined => {
    for (const message of messages.values()) if (message.room === room && message.status === 'pending') return message
    return undefined
  }

  /** Sends the room's next message, unless one is on its way. */
  const pump = (room: string): void => {
    if (!isOnline || resume || flying.has(room)) return
    const message = firstPending(room)
    if (!message) return
    const { nonce } = message
    const frame = frameOf(message)
    if (bytesOf(frame) > maxBytes) {
      fail(message, TOO_BIG)
      return pump(room)
    }
    if (!send(frame)) return
    // An answer that doesn't come was lost, or the message was: with its nonce it can be sent again.
    const cancel = timers.after(timing.answer, () => {
      land(room, nonce)
      pump(room)
    })
    flying.set(room, { nonce, cancel })
  }

  const pumpAll = (): void => {
    for (const room of new Set([...messages.values()].map(message => message.room))) pump(room)
  }

  /** The limit is the user's, not the room's: everything waits. */
  const pause = (ms: number): void => {
    resume?.()
    resume = timers.after(ms, () => {
      resume = undefined
      pumpAll()
    })
  }

  const add = (message: Outgoing): Outgoing => {
    change(message)
    pump(message.room)
    return messages.get(message.nonce) ?? message
  }

  return {
    all: () => [...messages.values()],
    of: room => [...messages.values()].filter(message => message.room === room),
    add: (room, content, meta) =>
      add({ nonce: newNonce(), room, content, ...(meta ? { meta } : {}), createdAt: timers.now(), status: 'pending' }),
    restore(earlier) {
      messages = new Map([...earlier.map(one => [one.nonce, Object.freeze(one)] as const), ...messages])
      for (const one of earlier) onChange(one.room, one)
    },
    online(limits) {
      isOnline = true
      maxBytes = limits?.max_frame_bytes || Number.POSITIVE_INFINITY
      pumpAll()
    },
    offline(wasTooBig) {
      isOnline = false
      resume?.()
      resume = undefined
      const sent = [...flying.values()].map(({ nonce }) => messages.get(nonce)).filter(one => one !== undefined)
      for (const { cancel } of flying.values()) cancel()
      flying.clear()
      const [largest] = sent.sort((a, b) => b.content.length - a.content.length)
      if (wasTooBig && largest) fail(largest, TOO_BIG)
    },
    ack({ nonce, seq }) {
      const message = messages.get(String(nonce))
      if (message?.status !== 'pending') return
      land(message.room, message.nonce)
      const { error: _, ...rest } = message
      change({ ...rest, status: 'sent', seq: Number(seq) })
      if (!isAhead(message.room, Number(seq))) remove(message)
      pump(message.room)
    },
    refused({ nonce, code, detail, retry_after_ms }) {
      const message = messages.get(String(nonce))
      if (message?.status !== 'pending') return nonce !== undefined
      land(message.room, message.nonce)
      if (PASSING.includes(String(code))) pause(Number(retry_after_ms ?? RETRY_MS))
      else fail(message, { code: String(code), detail: String(detail) })
      pump(message.room)
      return true
    },
    seen({ nonce = '', seq }) {
      const message = messages.get(nonce)
      if (!message) return
      land(message.room, nonce)
      const { error: _, ...rest } = message
      if (message.status !== 'sent') change({ ...rest, status: 'sent', seq })
      remove(message)
      pump(message.room)
    },
    skip(room, upTo = Number.POSITIVE_INFINITY) {
      for (const message of messages.values()) {
        if (message.room === room && message.status === 'sent' && (message.seq ?? 0) <= upTo) remove(message)
      }
    },
    retry(nonce) {
      const message = messages.get(nonce)
      if (message?.status !== 'failed') return
      const { error, seq: _, ...rest } = message
      messages.delete(nonce)
      // A nonce that belongs to another message would be refused for ever.
      add({ ...rest, nonce: error?.code === 'nonce_reused' ? newNonce() : nonce, status: 'pending' })
    },
    discard(nonce) {
      const message = messages.get(nonce)
      if (!message) return
      land(message.room, nonce)
      remove(message)
      pump(message.room)
    },
    settled(nonce) {
      const message = messages.get(nonce)
      if (message?.status !== 'pending') return Promise.resolve(message)
      return new Promise(resolve => settlers.set(nonce, [...(settlers.get(nonce) ?? []), resolve]))
    },
    clear() {
      for (const message of [...messages.values()]) remove(message)
    }
  }
}
