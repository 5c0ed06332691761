/** Reads values for metrics at an interval, so that collecting the metrics does not wait for the database. */
import type { Clock } from '../../lib/clock.ts'

export interface SamplerOptions<T> {
  readonly clock: Clock
  readonly sample: () => Promise<T>
  readonly onFailure: (error: unknown) => void
}

export interface Sampler<T> {
  /** The latest values. Undefined before the first ones, and if the latest attempt failed. */
  readonly latest: T | undefined
  start(): void
  stop(): void
}

const INTERVAL_MS = 15_000

export const createSampler = <T>({ clock, sample, onFailure }: SamplerOptions<T>): Sampler<T> => {
  let latest: T | undefined
  let isSampling = false
  let stop = (): void => {}

  const run = async (): Promise<void> => {
    // A sample may take longer than the interval. Samples must not overlap.
    if (isSampling) return
    isSampling = true
    try {
      latest = await sample()
    } catch (error) {
      latest = undefined
      onFailure(error)
    }
    isSampling = false
  }

  return {
    get latest() {
      return latest
    },
    start() {
      stop = clock.every(INTERVAL_MS, () => void run())
      void run()
    },
    stop: () => stop()
  }
}
