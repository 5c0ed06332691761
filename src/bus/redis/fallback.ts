/** Decides when this process falls back to PostgreSQL, because Redis does not work for it. */
import type { Clock } from '../../lib/clock.ts'

export interface Fallback {
  readonly isActive: boolean
  /** Called when the connection is lost, or a publish fails. */
  failed(): void
  /** Called with the number of overdue confirmations. See `Senders.overdue`. */
  missed(count: number): void
  /** Called when Redis has delivered a heartbeat that this process published at `sentAt` on the monotonic clock. */
  works(sentAt: number): void
}

export interface FallbackOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly onChange: (isActive: boolean) => void
}

const MINUTE_MS = 60_000
/** If this many confirmations within a minute are overdue, Redis counts as failed. */
const MAX_MISSED = 3
/**
 * Minimum duration of a fallback in milliseconds. Each fallback makes this process check all rooms. An unstable connection
 * would otherwise cause many fallbacks.
 */
const MIN_MS = 15_000

/** Creates the state of one process. A fallback is active from the start until Redis has delivered the first heartbeat. */
export const createFallback = ({ clock, onChange }: FallbackOptions): Fallback => {
  let isActive = true
  let beganAt = Number.NEGATIVE_INFINITY
  let failedAt = clock.monotonic()
  let missedAt: number[] = []

  const recentlyMissed = (): number => {
    const since = clock.monotonic() - MINUTE_MS
    missedAt = missedAt.filter(at => at > since)
    return missedAt.length
  }
  const begin = (): void => {
    if (isActive) return
    isActive = true
    beganAt = clock.monotonic()
    onChange(true)
  }

  return {
    get isActive() {
      return isActive
    },
    failed() {
      failedAt = clock.monotonic()
      begin()
    },
    missed(count) {
      if (count === 0) return
      for (let at = 0; at < Math.min(count, MAX_MISSED); at++) missedAt.push(clock.monotonic())
      missedAt = missedAt.slice(-MAX_MISSED)
      if (recentlyMissed() >= MAX_MISSED) begin()
    },
    works(sentAt) {
      const isEnough = sentAt >= failedAt && recentlyMissed() < MAX_MISSED
      if (!isActive || !isEnough || clock.monotonic() - beganAt < MIN_MS) return
      isActive = false
      onChange(false)
    }
  }
}
