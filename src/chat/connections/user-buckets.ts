/**
 * Keeps one token bucket per user. All connections of a user to this process share the bucket, and a new connection doesn't
 * reset it.
 */
import type { Clock } from '../../lib/clock.ts'
import { TokenBucket } from './token-bucket.ts'

export interface UserBuckets {
  /** Takes one token from a user's bucket. Returns 0, or the milliseconds to wait if the bucket is empty. */
  take(userId: number): number
  /** Stops the timer that removes unused buckets. */
  close(): void
}

export interface UserBucketsOptions {
  readonly clock: Clock
  /** The number of tokens that are added to each bucket per second. 0 disables the limit. */
  readonly perSecond: number
  /** The capacity of each bucket, in tokens. */
  readonly burst: number
}

/** Creates the buckets. A timer removes unused ones until `close` is called. */
export const createUserBuckets = ({ clock, perSecond, burst }: UserBucketsOptions): UserBuckets => {
  const buckets = new Map<number, { readonly bucket: TokenBucket; usedAt: number }>()
  // A bucket that was unused for this many milliseconds is full. It can be removed, because a new bucket is full too.
  const fillMs = (burst / perSecond) * 1000
  const stop = clock.every(1000, () => {
    const now = clock.monotonic()
    for (const [userId, { usedAt }] of buckets) if (now - usedAt > fillMs) buckets.delete(userId)
  })

  return {
    take(userId) {
      if (perSecond === 0) return 0
      const now = clock.monotonic()
      const known = buckets.get(userId) ?? { bucket: new TokenBucket(perSecond, burst), usedAt: now }
      known.usedAt = now
      buckets.set(userId, known)
      return known.bucket.take(now)
    },
    close: stop
  }
}
