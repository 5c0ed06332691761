/**
 * Limits how much history each user may read over HTTP, by the rate of reads and by the number of concurrent responses. A
 * response counts until it has been sent to its client, so that the memory for unsent responses is bounded.
 */
import type { Clock } from '../../lib/clock.ts'
import { createSlots, type Slots } from '../../lib/slots.ts'
import { ChatError } from '../../protocol/errors.ts'
import { TokenBucket } from '../connections/token-bucket.ts'

export interface ReadLimitOptions {
  readonly clock: Clock
  /** Maximum number of reads per second per user. 0 disables this limit. */
  readonly readRate: number
}

/** A read that is about to start. */
export interface Read {
  readonly userId: number
  /** The number of requested entries, or of requested rooms. */
  readonly entries: number
  /** Calls `ended` once, when the response has been sent, or when the connection is closed. */
  onEnd(ended: () => void): void
}

export interface ReadLimit {
  /**
   * Returns `undefined` if the read may start now. Otherwise returns a promise, which resolves when the read may start. The
   * promise rejects with `rate_limited` if the user reads too much or does not receive earlier responses, and with `busy` if all
   * users together read too much.
   */
  enter(read: Read): Promise<void> | undefined
  close(): void
}

/** The number of entries that count as one read. A request for more entries counts as several reads. */
export const ENTRIES_PER_READ = 50
/** A burst may contain as many reads as `readRate` allows in this many seconds. */
export const READ_BURST_SECONDS = 10

// Maximum number of concurrent responses per user, and maximum number of a user's requests that wait for one of these responses
// to end.
const MAX_OF_USER = 8
const MAX_WAITING_OF_USER = 100
// Maximum number of concurrent responses of all users, and maximum number of requests that wait for one of these responses to
// end.
const MAX_OF_ALL = 512
const MAX_WAITING = 2000
/**
 * Maximum time in milliseconds that a request waits before it is rejected. A request waits while its user, or all users together,
 * have the maximum number of responses that are not sent completely.
 */
const WAIT_MS = 5000
/**
 * Interval in milliseconds at which idle users are removed. A user is idle if no response is in progress and the token bucket is
 * full. A removed user gets a new bucket, which is full too.
 */
const SWEEP_MS = 10_000

interface Reader {
  readonly bucket: TokenBucket
  readonly slots: Slots
  usedAt: number
}

/** A read that waits for its two slots, or that has them. See `take`. */
interface Turn {
  readonly since: number
  state: 'waiting' | 'begun' | 'refused'
  /** True if the read has a slot of its user. Every read also needs one of the slots that all users share. */
  hasOwnSlot: boolean
  begin(): void
  refuse(error: ChatError): void
}

const ignore = (): void => {}

/** Creates the limits of this process. Timers run until `close` is called. */
export const createReadLimit = ({ clock, readRate }: ReadLimitOptions): ReadLimit => {
  const readers = new Map<number, Reader>()
  const slots = createSlots(MAX_OF_ALL)
  const burst = readRate * READ_BURST_SECONDS

  const waiting = new Set<Turn>()
  const stopRefusing = clock.every(1000, () => {
    // The requests are in the order of arrival. So all requests after the first recent one are recent too, and the loop ends.
    for (const one of waiting) {
      if (clock.monotonic() - one.since < WAIT_MS) return
      waiting.delete(one)
      one.state = 'refused'
      one.refuse(one.hasOwnSlot ? busy() : unread())
    }
  })
  const stopSweeping = clock.every(SWEEP_MS, () => {
    const before = clock.monotonic() - READ_BURST_SECONDS * 1000
    for (const [userId, { slots, usedAt }] of readers) {
      if (slots.active === 0 && usedAt < before) readers.delete(userId)
    }
  })

  const readerOf = (userId: number): Reader => {
    const known = readers.get(userId)
    if (known) return known
    const reader = { bucket: new TokenBucket(readRate, burst), slots: createSlots(MAX_OF_USER), usedAt: 0 }
    readers.set(userId, reader)
    return reader
  }

  /** Takes the two slots of a read, one of the user and one of all users. The read keeps them until its response has ended. */
  const take = (reader: Reader, turn: Turn, onEnd: Read['onEnd']): void => {
    const release = (): void => {
      slots.release()
      reader.slots.release()
    }
    const begin = (): void => {
      if (turn.state === 'refused') return release()
      turn.state = 'begun'
      waiting.delete(turn)
      turn.begin()
      onEnd(release)
    }
    reader.slots.take(() => {
      turn.hasOwnSlot = true
      slots.take(begin)
    })
  }

  return {
    enter({ userId, entries, onEnd }) {
      const reader = readerOf(userId)
      reader.usedAt = clock.monotonic()
      // A request for more than a whole burst costs one burst, because the bucket never holds more tokens.
      const cost = Math.min(Math.max(1, Math.ceil(entries / ENTRIES_PER_READ)), burst)
      const retryAfterMs = reader.bucket.take(reader.usedAt, cost)
      if (retryAfterMs > 0) return Promise.reject(tooFast(readRate, retryAfterMs))
      if (reader.slots.waiting >= MAX_WAITING_OF_USER) return Promise.reject(unread())
      if (slots.waiting >= MAX_WAITING) return Promise.reject(busy())
      const turn: Turn = { since: reader.usedAt, state: 'waiting', hasOwnSlot: false, begin: ignore, refuse: ignore }
      take(reader, turn, onEnd)
      if (turn.state === 'begun') return undefined
      waiting.add(turn)
      return new Promise((begin, refuse) => Object.assign(turn, { begin, refuse }))
    },
    close() {
      stopRefusing()
      stopSweeping()
    }
  }
}

const tooFast = (readRate: number, retryAfterMs: number): ChatError => {
  const detail = `You made more than ${readRate} reads per second. Every ${ENTRIES_PER_READ} entries count as one read. Wait before the next read.`
  return new ChatError('rate_limited', detail, { retryAfterMs })
}

const UNREAD_DETAIL = `Your client has not received ${MAX_OF_USER} earlier HTTP responses completely. Receive or cancel them, then try again.`
const UNREAD = new Error('The client does not read its other responses.')

const unread = (): ChatError => new ChatError('rate_limited', UNREAD_DETAIL, { retryAfterMs: 1000, cause: UNREAD })

/** Returns whether a read was rejected because the client does not receive the responses that are in progress. */
export const isUnread = (error: unknown): boolean => error instanceof ChatError && error.cause === UNREAD

const busy = (): ChatError =>
  new ChatError('busy', 'Too many reads are in progress. Try again in a moment.', { retryAfterMs: 2000 })
