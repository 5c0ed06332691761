/** How long to wait before the next attempt: full jitter, so that clients that were cut at once don't return at once. */
import type { Timers } from './platform.ts'
import type { Timing } from './types.ts'

export interface Backoff {
  /** The next wait in milliseconds, at least `atLeast`. */
  next(atLeast?: number): number
  /** All is well: begin anew. */
  reset(): void
}

export const createBackoff = ({ random }: Timers, { backoffBase, backoffMax }: Timing): Backoff => {
  let attempt = 0
  return {
    next(atLeast = 0) {
      const most = Math.min(backoffMax, backoffBase * 2 ** attempt++)
      return Math.round(atLeast + random() * most)
    },
    reset() {
      attempt = 0
    }
  }
}
