/**
 * How much each user may read over HTTP: a rate, and how many responses at a time. A response counts until its client has
 * read it, so that clients that don't read hold a bounded part of the memory.
 */
import pLimit, { type LimitFunction } from 'p-limit'
import type { Clock } from '../../lib/clock.ts'
import { ChatError } from '../../protocol/errors.ts'
import { createTokenBucket, type TokenBucket } from '../connections/token-bucket.ts'

export interface ReadLimitOptions {
  readonly clock: Clock
  /** Reads per second per user; 0 for no limit. */
  readonly readRate: number
}

/** A read that is about to begin. */
export interface Read {
  readonly userId: number
  /** How many entries, or rooms, were asked for. */
  readonly entries: number
  /** Resolves when the response was read, or its connection is closed. Never rejects. */
  readonly ended: Promise<unknown>
}

export interface ReadLimit {
  /** Resolves when the read may begin. Throws `rate_limited`, or `busy` when too much is being read. */
  enter(read: Read): Promise<void>
  close(): void
}

/** So many entries count as one read. */
export const ENTRIES_PER_READ = 50
/** How many seconds' worth of reads a user may do at once. */
export const READ_BURST_SECONDS = 10

/** Responses of a user that are under way at a time. Further requests wait, up to so many. */
const MAX_OF_USER = 8
const MAX_WAITING_OF_USER = 100
/** Responses under way at a time, of all users; and how many may wait. */
const MAX_OF_ALL = 512
const MAX_WAITING = 2000
/** A request waits no longer, in milliseconds: who doesn't read one response gets no other. */
const WAIT_MS = 5000
/** Users who read nothing for a while are forgotten: their budget is full again. */
const SWEEP_MS = 10_000

interface Reader {
  readonly budget: TokenBucket
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
    // In the order in which they came.
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
    const reader = { budget: createTokenBucket(readRate, burst), slots: pLimit(MAX_OF_USER), usedAt: 0 }
    readers.set(userId, reader)
    return reader
  }

  return {
    async enter({ userId, entries, ended }) {
      const reader = readerOf(userId)
      reader.usedAt = clock.monotonic()
      // What is larger than the burst costs all of it.
      const cost = Math.min(Math.max(1, Math.ceil(entries / ENTRIES_PER_READ)), burst)
      const retryAfterMs = reader.budget.take(reader.usedAt, cost)
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
  const detail = `You read more than ${readRate} times ${ENTRIES_PER_READ} entries a second. Wait before you read on.`
  return new ChatError('rate_limited', detail, { retryAfterMs })
}

const UNREAD = new Error('other responses are not read')

const unread = (): ChatError =>
  new ChatError('rate_limited', `You have ${MAX_OF_USER} responses that you have not read. Read them first.`, {
    retryAfterMs: 1000,
    cause: UNREAD
  })

/** Whether a read was refused because its user doesn't read the responses that are under way. */
export const isUnread = (error: unknown): boolean => error instanceof ChatError && error.cause === UNREAD

const busy = (): ChatError =>
  new ChatError('busy', 'Too much is being read. Try again in a moment.', { retryAfterMs: 2000 })
