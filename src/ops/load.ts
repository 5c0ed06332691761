/** Measures the load of this process: the delay of its event loop, and the number of queries that wait for a connection. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import type { Clock } from '../lib/clock.ts'

/**
 * The level of the load. At `high`, requests for history and lists are rejected. At `extreme`, new WebSockets are rejected too.
 */
export type Load = 'normal' | 'high' | 'extreme'

export interface LoadOptions {
  readonly clock: Clock
  /** Event loop delay in milliseconds (p99 over 10 s) above which the load is high. If 0, the delay is ignored. */
  readonly maxLoopDelayMs: number
  /** Returns how many queries wait for a connection. */
  readonly waitingQueries: () => number
  /** Replaces the histogram of the event loop in tests. */
  readonly histogram?: Pick<IntervalHistogram, 'enable' | 'disable' | 'reset' | 'percentile'>
}

/** Measures the load until `stop` is called. */
export interface LoadMeter {
  level(): Load
  /** Event loop delay in milliseconds (p99) in the last full period of 10 s. */
  readonly loopDelayMs: number
  stop(): void
}

const PERIOD_MS = 10_000
const RESOLUTION_MS = 20
const MAX_WAITING = 100

export const createLoadMeter = (options: LoadOptions): LoadMeter => {
  const { clock, maxLoopDelayMs, waitingQueries } = options
  const histogram = options.histogram ?? monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  const bound = maxLoopDelayMs > 0 ? maxLoopDelayMs : Number.POSITIVE_INFINITY
  let loopDelayMs = 0
  histogram.enable()

  const stop = clock.every(PERIOD_MS, () => {
    // The recorded values include the interval of the histogram's own timer, so the interval is subtracted.
    loopDelayMs = Math.max(0, histogram.percentile(99) / 1e6 - RESOLUTION_MS)
    histogram.reset()
  })

  return {
    level() {
      const excess = Math.max(loopDelayMs / bound, waitingQueries() / MAX_WAITING)
      if (excess <= 1) return 'normal'
      return excess <= 2 ? 'high' : 'extreme'
    },
    get loopDelayMs() {
      return loopDelayMs
    },
    stop() {
      stop()
      histogram.disable()
    }
  }
}
