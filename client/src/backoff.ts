/**
 * Calculates the wait before each attempt to reconnect, as exponential backoff with full jitter. Because of the jitter, clients
 * that lost their connections at the same time reconnect at different times.
 */
import type { Timers } from './platform.ts'
import type { Timing } from './types.ts'

type Waits = Pick<Timing, 'backoffBase' | 'backoffMax'>

export interface Backoff {
  /** Returns the wait before the next attempt in milliseconds: `atLeast` plus a random time. */
  next(atLeast?: number): number
  /** Resets the backoff, so that the random time is at most `backoffBase` again. */
  reset(): void
}

export const createBackoff = ({ random }: Timers, { backoffBase, backoffMax }: Waits): Backoff => {
  let attempt = 0
  return {
    next(atLeast = 0) {
      const max = Math.min(backoffMax, backoffBase * 2 ** attempt++)
      return Math.round(atLeast + random() * max)
    },
    reset() {
      attempt = 0
    }
  }
}
