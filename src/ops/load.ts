/** How loaded this process is: by the delay of its event loop, and by the queries that wait for a connection. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import type { Clock } from '../lib/clock.ts'

/** `high`: what can wait is refused, history and lists. `extreme`: new sockets too. */
export type Load = 'normal' | 'high' | 'extreme'

/** What the load is measured by, and its bounds. */
export interface LoadOptions {
  readonly clock: Clock
  /** The delay of the event loop (p99 of 10 s) above which the load is high, in milliseconds; 0 for no bound. */
  readonly maxLoopDelayMs: number
  /** Returns how many queries wait for a connection. */
  readonly waitingQueries: () => number
  /** For tests: what measures the event loop. */
  readonly histogram?: Pick<IntervalHistogram, 'enable' | 'disable' | 'reset' | 'percentile'>
}

/** The meter, from its creation until `stop`. */
export interface LoadMeter {
  level(): Load
  /** The delay of the event loop in the last full window, p99, in milliseconds. */
  readonly loopDelayMs: number
  stop(): void
}

const WINDOW_MS = 10_000
const RESOLUTION_MS = 20
const MAX_WAITING = 100

/** Creates the meter. */
export const createLoadMeter = (options: LoadOptions): LoadMeter => {
  const { clock, maxLoopDelayMs, waitingQueries } = options
  const histogram = options.histogram ?? monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  const bound = maxLoopDelayMs > 0 ? maxLoopDelayMs : Number.POSITIVE_INFINITY
  let loopDelayMs = 0
  histogram.enable()

  const stop = clock.every(WINDOW_MS, () => {
    // The histogram counts the interval of its own timer in.
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
