/**
 * Remembers which payloads of each process arrived, and over which bus. Every process numbers its payloads, so a payload that
 * arrives over both buses is delivered once, a replayed one is dropped, and one that Redis did not deliver is detected.
 */
import type { Clock } from '../../lib/clock.ts'

/** The bus over which a payload arrived. */
export type Via = 'redis' | 'postgres'

export interface Senders {
  /**
   * Returns whether a payload is `new`, a `copy` of one that arrived over the other bus, or must be dropped as `replayed`.
   * `isFresh` is true if the payload is recent. A payload of an unknown process is `replayed` if it is not recent.
   */
  accept(from: string, number: number, via: Via, isFresh: boolean): 'new' | 'copy' | 'replayed'
  /** Called when a heartbeat over PostgreSQL reports that Redis confirmed the payloads of a process up to `sent`. */
  confirmed(from: string, sent: number): void
  /**
   * Returns how many confirmations have become overdue. A confirmation is overdue if Redis has not delivered the payload `sent`
   * within 2 s after the call of `confirmed`. Called once a second.
   */
  overdue(): number
}

interface Sender {
  /** Payloads up to this number are not accepted any more. */
  floor: number
  /** The first number that this process received from the sender. Redis payloads up to this number must be recent. */
  readonly first: number
  readonly seen: Map<number, Via>
  newestOnRedis: number
  heardAt: number
}

/** How many of the newest payloads of each process are remembered. */
const WINDOW = 1024
const MAX_SENDERS = 1000
const FORGET_MS = 10 * 60_000
const DELIVERY_MS = 2000

export const createSenders = (clock: Pick<Clock, 'monotonic'>): Senders => {
  const senders = new Map<string, Sender>()
  let expected: { readonly from: string; readonly sent: number; readonly dueAt: number }[] = []

  const heard = (from: string, first: number): Sender => {
    let sender = senders.get(from)
    if (!sender) {
      const [oldest] = senders.keys()
      if (senders.size >= MAX_SENDERS && oldest !== undefined) senders.delete(oldest)
      sender = { floor: first - WINDOW, first, seen: new Map(), newestOnRedis: 0, heardAt: 0 }
      senders.set(from, sender)
    }
    sender.heardAt = clock.monotonic()
    return sender
  }

  const remember = (sender: Sender, number: number, via: Via): void => {
    sender.seen.set(number, via)
    sender.floor = Math.max(sender.floor, number - WINDOW)
    if (sender.seen.size <= 2 * WINDOW) return
    for (const one of sender.seen.keys()) if (one <= sender.floor) sender.seen.delete(one)
  }

  return {
    accept(from, number, via, isFresh) {
      if (!senders.has(from) && !isFresh) return 'replayed'
      // For a new sender, lower numbers are accepted too, down to `number - WINDOW`. PostgreSQL may deliver these earlier
      // payloads after Redis has delivered this payload.
      const sender = heard(from, number)
      const before = sender.seen.get(number)
      const isOld = via === 'redis' && number <= sender.first && !isFresh
      if (before === via || number <= sender.floor || isOld) return 'replayed'
      // A payload that arrived over both buses is remembered as one from Redis, so that a later replay on Redis is recognized.
      if (before !== 'redis') remember(sender, number, via)
      if (via === 'redis') sender.newestOnRedis = Math.max(sender.newestOnRedis, number)
      return before === undefined ? 'new' : 'copy'
    },
    confirmed(from, sent) {
      // If the sender is unknown, the confirmed payloads may have been sent before this process listened. So they do not count
      // as missing.
      const isKnown = senders.has(from)
      const sender = heard(from, sent)
      if (isKnown && sent > sender.newestOnRedis && expected.length < MAX_SENDERS)
        expected.push({ from, sent, dueAt: clock.monotonic() + DELIVERY_MS })
    },
    overdue() {
      const now = clock.monotonic()
      const due = expected.filter(({ dueAt }) => dueAt <= now)
      expected = expected.filter(({ dueAt }) => dueAt > now)
      for (const [from, { heardAt }] of senders) if (heardAt < now - FORGET_MS) senders.delete(from)
      return due.filter(({ from, sent }) => (senders.get(from)?.newestOnRedis ?? sent) < sent).length
    }
  }
}
