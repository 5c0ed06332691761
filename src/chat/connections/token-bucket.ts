/** Limits a rate and allows bursts of a bounded size (token bucket). */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #left: number
  #refilledAt = Number.NEGATIVE_INFINITY

  /**
   * Creates a full bucket of `burst` tokens, refilled with `perSecond` tokens per second. If `perSecond` is 0, there is no limit.
   */
  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#left = burst
  }

  /** Returns the number of tokens, which may have a fraction. `now` is monotonic time, in milliseconds. */
  left(now: number): number {
    if (this.#perSecond === 0) return Number.POSITIVE_INFINITY
    const elapsed = Math.max(0, now - this.#refilledAt)
    this.#left = Math.min(this.#burst, this.#left + (elapsed * this.#perSecond) / 1000)
    this.#refilledAt = now
    return this.#left
  }

  /**
   * Takes `amount` tokens, 1 by default, and returns 0. If the bucket has fewer tokens, takes none and returns the number of
   * milliseconds until the bucket has enough. `now` is monotonic time, in milliseconds.
   */
  take(now: number, amount = 1): number {
    if (this.#perSecond === 0) return 0
    if (this.left(now) < amount) return Math.ceil(((amount - this.#left) * 1000) / this.#perSecond)
    this.#left -= amount
    return 0
  }
}
