/**
 * Sends the user's messages and changes of messages, one at a time per room. Sends the next one only after the service has
 * acknowledged or refused the previous one. A temporary refusal (`rate_limited`) therefore can't change the order of the
 * messages. If no response arrives, sends the message again with the same nonce, so that the service stores it only once. In this
 * file, "message" means a message or a change of a message.
 */
import { TEMPORARY_ERRORS } from './errors.ts'
import {
  bytesOf,
  type Draft,
  failedOf,
  frameOf,
  isAccepted,
  isChange,
  NOT_ACCEPTED,
  newNonce,
  type PinCommand,
  restored,
  TOO_BIG
} from './outgoing.ts'
import type { Timers } from './platform.ts'
import type { ClientFrame } from './protocol.ts'
import type { Message, Outgoing, Refusal } from './room-types.ts'
import type { Identity, Timing } from './types.ts'

/** Delay in milliseconds before a refused message is sent again, if the service sends no `retry_after_ms`. */
const RETRY_MS = 1000

export interface OutboxOptions {
  readonly timers: Timers
  readonly timing: Pick<Timing, 'answer'>
  /** Returns whether the frame was sent. */
  readonly send: (frame: ClientFrame | PinCommand) => boolean
  /** Called with a message that was added or has changed, or with undefined after a message was removed. */
  readonly onChange: (room: string, message: Outgoing | undefined) => void
  /** Returns true until the room has delivered the entry `seq`. Until then, the acknowledged message stays in the outbox. */
  readonly isAhead: (room: string, seq: number) => boolean
}

export interface Outbox {
  /** Returns all outgoing messages, in the order in which the user sent them. */
  all(): Outgoing[]
  of(room: string): Outgoing[]
  add(draft: Draft): Outgoing
  /**
   * Inserts the messages that an earlier run of the app stored, in the order of `createdAt`. They precede the messages of this
   * run.
   */
  restore(messages: readonly Outgoing[]): void
  online(identity: Pick<Identity, 'limits' | 'features'>): void
  /** Handles the loss of the connection. If the close code was 1009 (`wasTooBig`), the largest message in flight fails. */
  offline(wasTooBig: boolean): void
  ack(frame: Readonly<Record<string, unknown>>): void
  /** Handles an error frame. Returns whether the error is about a message. */
  refused(frame: Readonly<Record<string, unknown>>): boolean
  /** Removes an outgoing message, because the room has delivered it. */
  seen(message: Pick<Message, 'nonce' | 'seq'>): void
  /**
   * Removes a room's messages with status `sent` and a `seq` up to `upTo`. The room has skipped these entries, so it won't
   * deliver them.
   */
  skip(room: string, upTo?: number): void
  /**
   * Sends the next message of a room immediately, even if slow mode delays it. The service then decides again whether to refuse
   * the message. Called when the slow mode of the room or the role of this user has changed.
   */
  hurry(room: string): void
  retry(nonce: string): void
  discard(nonce: string): void
  settled(nonce: string): Promise<Outgoing | undefined>
  clear(): void
}

export const createOutbox = ({ timers, timing, send, onChange, isAhead }: OutboxOptions): Outbox => {
  let messages = new Map<string, Outgoing>()
  const inFlight = new Map<string, { readonly nonce: string; readonly cancel: () => void }>()
  const resolvers = new Map<string, ((message: Outgoing | undefined) => void)[]>()
  let isOnline = false
  let maxBytes = Number.POSITIVE_INFINITY
  let accepted: readonly string[] = []
  let resume: (() => void) | undefined
  // Maps each room in which slow mode delays this user's messages to a function that cancels the timer of the delay.
  const slow = new Map<string, () => void>()

  const settle = (nonce: string, message: Outgoing | undefined): void => {
    for (const resolve of resolvers.get(nonce) ?? []) resolve(message)
    resolvers.delete(nonce)
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

  const clearInFlight = (room: string, nonce: string): void => {
    const flight = inFlight.get(room)
    if (flight?.nonce !== nonce) return
    flight.cancel()
    inFlight.delete(room)
  }

  const firstPending = (room: string): Outgoing | undefined => {
    for (const message of messages.values())
      if (message.room === room && message.status === 'pending' && (isChange(message) || !slow.has(room)))
        return message
    return undefined
  }

  /** Sends the room's next message, unless one is in flight, sending is paused or the connection is lost. */
  const sendNext = (room: string): void => {
    if (!isOnline || resume || inFlight.has(room)) return
    const message = firstPending(room)
    if (!message) return
    const { nonce } = message
    const frame = frameOf(message)
    const error = !isAccepted(message, accepted) ? NOT_ACCEPTED : bytesOf(frame) > maxBytes ? TOO_BIG : undefined
    if (error) {
      fail(message, error)
      return sendNext(room)
    }
    if (!send(frame)) return
    // If no response arrives in time, the message or the response may be lost. Because of the nonce, the message can safely be
    // sent again.
    const cancel = timers.after(timing.answer, () => {
      clearInFlight(room, nonce)
      sendNext(room)
    })
    inFlight.set(room, { nonce, cancel })
  }

  const sendAll = (): void => {
    for (const room of new Set([...messages.values()].map(message => message.room))) sendNext(room)
  }

  /** Pauses sending in all rooms, because the rate limit applies to the user. */
  const pause = (ms: number): void => {
    resume?.()
    resume = timers.after(ms, () => {
      resume = undefined
      sendAll()
    })
  }

  const hurry = (room: string): void => {
    slow.get(room)?.()
    slow.delete(room)
    sendNext(room)
  }

  /** Delays the messages to a room, because of its slow mode. Changes of messages are not delayed. */
  const delay = (message: Outgoing, ms: number): void => {
    const { room } = message
    slow.get(room)?.()
    slow.set(
      room,
      timers.after(ms, () => hurry(room))
    )
    change({ ...message, waitsUntil: timers.now() + ms })
  }

  const add = (message: Outgoing): Outgoing => {
    change(message)
    sendNext(message.room)
    return messages.get(message.nonce) ?? message
  }

  return {
    all: () => [...messages.values()],
    of: room => [...messages.values()].filter(message => message.room === room),
    add: draft => add({ ...draft, nonce: newNonce(), createdAt: timers.now(), status: 'pending' }),
    restore(stored) {
      // The storage keeps messages and changes in separate lists, so their common order is restored here.
      const earlier = stored.map(restored).sort((one, other) => one.createdAt - other.createdAt)
      messages = new Map([...earlier.map(one => [one.nonce, one] as const), ...messages])
      for (const one of earlier) onChange(one.room, one)
    },
    online({ limits, features }) {
      isOnline = true
      accepted = features
      maxBytes = limits?.max_frame_bytes || Number.POSITIVE_INFINITY
      sendAll()
    },
    offline(wasTooBig) {
      isOnline = false
      resume?.()
      resume = undefined
      for (const cancel of slow.values()) cancel()
      slow.clear()
      const sent = [...inFlight.values()].map(({ nonce }) => messages.get(nonce)).filter(one => one !== undefined)
      for (const { cancel } of inFlight.values()) cancel()
      inFlight.clear()
      const [largest] = sent.sort((a, b) => b.content.length - a.content.length)
      if (wasTooBig && largest) fail(largest, TOO_BIG)
    },
    ack({ nonce, seq }) {
      const message = messages.get(String(nonce))
      if (message?.status !== 'pending') return
      clearInFlight(message.room, message.nonce)
      const { error: _, waitsUntil: __, ...rest } = message
      change({ ...rest, status: 'sent', seq: Number(seq) })
      if (!isAhead(message.room, Number(seq))) remove(message)
      sendNext(message.room)
    },
    refused({ nonce, code, detail, until, retry_after_ms }) {
      const message = messages.get(String(nonce))
      if (message?.status !== 'pending') return nonce !== undefined
      clearInFlight(message.room, message.nonce)
      const wait = Number(retry_after_ms ?? RETRY_MS)
      if (code === 'slow_mode') delay(message, wait)
      else if (TEMPORARY_ERRORS.includes(String(code))) pause(wait)
      else fail(message, { code: String(code), detail: String(detail), ...(until ? { until: String(until) } : {}) })
      sendNext(message.room)
      return true
    },
    seen({ nonce = '', seq }) {
      const message = messages.get(nonce)
      if (!message) return
      clearInFlight(message.room, nonce)
      const { error: _, waitsUntil: __, ...rest } = message
      if (message.status !== 'sent') change({ ...rest, status: 'sent', seq })
      remove(message)
      sendNext(message.room)
    },
    skip(room, upTo = Number.POSITIVE_INFINITY) {
      for (const message of messages.values()) {
        if (message.room === room && message.status === 'sent' && (message.seq ?? 0) <= upTo) remove(message)
      }
    },
    hurry,
    retry(nonce) {
      const message = messages.get(nonce)
      if (message?.status !== 'failed') return
      const { error, seq: _, ...rest } = message
      messages.delete(nonce)
      // After `nonce_reused`, the message needs a new nonce, because the service has stored another message with the old nonce.
      add({ ...rest, nonce: error?.code === 'nonce_reused' ? newNonce() : nonce, status: 'pending' })
    },
    discard(nonce) {
      const message = messages.get(nonce)
      if (!message) return
      clearInFlight(message.room, nonce)
      remove(message)
      // If slow mode delayed this message, sends the next one at once. The service then decides whether to delay that one too.
      hurry(message.room)
    },
    settled(nonce) {
      const message = messages.get(nonce)
      if (message?.status !== 'pending') return Promise.resolve(message)
      return new Promise(resolve => resolvers.set(nonce, [...(resolvers.get(nonce) ?? []), resolve]))
    },
    clear() {
      for (const message of [...messages.values()]) remove(message)
    }
  }
}
