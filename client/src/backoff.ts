/** Calculates the wait before the next attempt with full jitter, so that clients that were disconnected together don't reconnect together. */
import type { Timers } from './platform.ts'
import type { Timing } from './types.ts'

export interface Backoff {
  /** Returns the next wait in milliseconds, at least `atLeast`. */
  next(atLeast?: number): number
  /** Resets the backoff to the shortest wait. */
  reset(): void
}

export const createBackoff = ({ random }: Timers, { backoffBase, backoffMax }: Timing): Backoff => {
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
