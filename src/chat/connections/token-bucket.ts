/** A token bucket: how much of something is allowed over time, in bursts of a bounded size. */

/**
 * Takes from the budget; returns 0 when there was enough, else the milliseconds until there is. `now` is monotonic time;
 * `amount` is 1 unless given.
 */
export interface TokenBucket {
  take(now: number, amount?: number): number
}

/** `perSecond` in bursts of `burst`; a `perSecond` of 0 means no limit. */
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
