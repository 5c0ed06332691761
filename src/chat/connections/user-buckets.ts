/** Keeps one token bucket per user. All connections of a user to this process share it, and a new connection doesn't reset it. */
import type { Clock } from '../../lib/clock.ts'
import { createTokenBucket, type TokenBucket } from './token-bucket.ts'

export interface UserBuckets {
  /** Takes one token from a user's bucket. Returns 0, or the milliseconds to wait if the bucket is empty. */
  take(userId: number): number
  /** Stops the timer that removes unused buckets. */
  close(): void
}

export interface UserBucketsOptions {
  readonly clock: Clock
  /** The tokens that are added to each bucket per second. 0 disables the limit. */
  readonly perSecond: number
  /** The capacity of each bucket, in tokens. */
  readonly burst: number
}

/** Creates the buckets. A timer removes unused ones until `close` is called. */
export const createUserBuckets = ({ clock, perSecond, burst }: UserBucketsOptions): UserBuckets => {
  const budgets = new Map<number, { readonly budget: TokenBucket; usedAt: number }>()
  // A bucket that was unused for this long is full, and so is a new one. It can be removed.
  const fillMs = (burst / perSecond) * 1000
  const stop = clock.every(1000, () => {
    const now = clock.monotonic()
    for (const [userId, { usedAt }] of budgets) if (now - usedAt > fillMs) budgets.delete(userId)
  })

  return {
    take(userId) {
      if (perSecond === 0) return 0
      const now = clock.monotonic()
      const known = budgets.get(userId) ?? { budget: createTokenBucket(perSecond, burst), usedAt: now }
      known.usedAt = now
      budgets.set(userId, known)
      return known.budget.take(now)
    },
    close: stop
  }
}
