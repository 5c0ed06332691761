/**
 * Limits how much each user may read over HTTP: by a rate, and by the number of concurrent responses. A response counts until its
 * client has read it, so that clients that don't read use bounded memory.
 */
import pLimit, { type LimitFunction } from 'p-limit'
import type { Clock } from '../../lib/clock.ts'
import { ChatError } from '../../protocol/errors.ts'
import { createTokenBucket, type TokenBucket } from '../connections/token-bucket.ts'

export interface ReadLimitOptions {
  readonly clock: Clock
  /** Limits reads per second per user; 0 disables it. */
  readonly readRate: number
}

/** Describes a read that is about to start. */
export interface Read {
  readonly userId: number
  /** Counts the requested entries, or rooms. */
  readonly entries: number
  /** Resolves when the response was read, or its connection is closed. Never rejects. */
  readonly ended: Promise<unknown>
}

export interface ReadLimit {
  /** Resolves when the read may start. Throws `rate_limited`, or `busy` when too many reads are in progress. */
  enter(read: Read): Promise<void>
  close(): void
}

/** Sets how many entries count as one read. */
export const ENTRIES_PER_READ = 50
/** Sets for how many seconds of its rate a user may read in a burst. */
export const READ_BURST_SECONDS = 10

// Limits the concurrent responses of a user, and the requests that wait.
const MAX_OF_USER = 8
const MAX_WAITING_OF_USER = 100
// Limits the concurrent responses of all users, and the requests that wait.
const MAX_OF_ALL = 512
const MAX_WAITING = 2000
/** Limits how long a request waits, in milliseconds: a client that doesn't read its responses gets no others. */
const WAIT_MS = 5000
/** Sets how often idle users are removed, in milliseconds; their token buckets are full again by then. */
const SWEEP_MS = 10_000

interface Reader {
  readonly bucket: TokenBucket
  readonly slots: LimitFunction
  usedAt: number
}

interface Waiting {
  readonly since: number
  refuse(): void
}

/** Creates the limit of one process. */
export const createReadLimit = ({ clock, readRate }: ReadLimitOptions): ReadLimit => {
  const readers = new Map<number, Reader>()
  const slots = pLimit(MAX_OF_ALL)
  const burst = readRate * READ_BURST_SECONDS

  const waiting = new Set<Waiting>()
  const stopRefusing = clock.every(1000, () => {
    // In the order of arrival.
    for (const one of waiting) {
      if (clock.monotonic() - one.since < WAIT_MS) return
      waiting.delete(one)
      one.refuse()
    }
  })
  const stopSweeping = clock.every(SWEEP_MS, () => {
    const before = clock.monotonic() - READ_BURST_SECONDS * 1000
    for (const [userId, { slots, usedAt }] of readers) {
      if (slots.activeCount === 0 && slots.pendingCount === 0 && usedAt < before) readers.delete(userId)
    }
  })

  const readerOf = (userId: number): Reader => {
    const known = readers.get(userId)
    if (known) return known
    const reader = { bucket: createTokenBucket(readRate, burst), slots: pLimit(MAX_OF_USER), usedAt: 0 }
    readers.set(userId, reader)
    return reader
  }

  return {
    async enter({ userId, entries, ended }) {
      const reader = readerOf(userId)
      reader.usedAt = clock.monotonic()
      // A request for more than the burst costs the whole burst.
      const cost = Math.min(Math.max(1, Math.ceil(entries / ENTRIES_PER_READ)), burst)
      const retryAfterMs = reader.bucket.take(reader.usedAt, cost)
      if (retryAfterMs > 0) throw tooFast(readRate, retryAfterMs)
      if (reader.slots.pendingCount >= MAX_WAITING_OF_USER) throw unread()
      if (slots.pendingCount >= MAX_WAITING) throw busy()
      await new Promise<void>((begin, reject) => {
        const one = { since: reader.usedAt, refuse: () => reject(unread()) }
        waiting.add(one)
        void reader.slots(() =>
          slots(() => {
            if (!waiting.delete(one)) return
            begin()
            return ended
          })
        )
      })
    },
    close() {
      stopRefusing()
      stopSweeping()
    }
  }
}

const tooFast = (readRate: number, retryAfterMs: number): ChatError => {
  const detail = `You read more than ${readRate} times ${ENTRIES_PER_READ} entries per second. Wait before the next request.`
  return new ChatError('rate_limited', detail, { retryAfterMs })
}

const UNREAD = new Error('other responses are not read')

const unread = (): ChatError =>
  new ChatError('rate_limited', `You have ${MAX_OF_USER} responses that you have not read. Read them first.`, {
    retryAfterMs: 1000,
    cause: UNREAD
  })

/** Returns whether a read was rejected because its user doesn't read the responses in progress. */
export const isUnread = (error: unknown): boolean => error instanceof ChatError && error.cause === UNREAD

const busy = (): ChatError =>
  new ChatError('busy', 'Too many reads are in progress. Try again in a moment.', { retryAfterMs: 2000 })
