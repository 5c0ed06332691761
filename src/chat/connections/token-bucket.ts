/** Limits a rate with bursts of bounded size (token bucket). */

/**
 * Takes tokens; returns 0 if there were enough, else the milliseconds until there are. `now` is monotonic time; `amount` is 1 by
 * default.
 */
export interface TokenBucket {
  take(now: number, amount?: number): number
}

/** Creates a bucket for `perSecond` in bursts of `burst`; a `perSecond` of 0 disables the limit. */
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
