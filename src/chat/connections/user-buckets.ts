/** Keeps one token bucket per user, for all of the user's connections to this process. A new connection doesn't reset it. */
import type { Clock } from '../../lib/clock.ts'
import { createTokenBucket, type TokenBucket } from './token-bucket.ts'

export interface UserBuckets {
  /** Takes one token of a user; returns 0, or the milliseconds to wait. */
  take(userId: number): number
  close(): void
}

export interface UserBucketsOptions {
  readonly clock: Clock
  /** Sets the rate; 0 disables the limit. */
  readonly perSecond: number
  readonly burst: number
}

/** Creates the buckets, and removes unused ones until it is closed. */
export const createUserBuckets = ({ clock, perSecond, burst }: UserBucketsOptions): UserBuckets => {
  const budgets = new Map<number, { readonly budget: TokenBucket; usedAt: number }>()
  // A bucket that has had time to fill is the same as a new one.
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
