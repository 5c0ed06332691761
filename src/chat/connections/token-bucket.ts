/** Limits a rate and allows bursts of a bounded size (token bucket). */

export interface TokenBucket {
  /**
   * Takes `amount` tokens, 1 by default. Returns 0 if the bucket had enough of them. Otherwise takes none, and returns the
   * milliseconds until it has enough. `now` is monotonic time, in milliseconds.
   */
  take(now: number, amount?: number): number
}

/** Creates a full bucket of `burst` tokens, refilled with `perSecond` tokens per second. If `perSecond` is 0, there is no limit. */
export const createTokenBucket = (perSecond: number, burst: number): TokenBucket => {
  if (perSecond === 0) return { take: () => 0 }
  let left = burst
  let refilledAt = Number.NEGATIVE_INFINITY
  return {
    take(now, amount = 1) {
      const elapsed = Math.max(0, now - refilledAt)
      left = Math.min(burst, left + (elapsed * perSecond) / 1000)
      refilledAt = now
      if (left < amount) return Math.ceil(((amount - left) * 1000) / perSecond)
      left -= amount
      return 0
    }
  }
}
