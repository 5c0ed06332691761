/** Spreads background work over time, so that other work on the database is delayed little. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from './clock.ts'

/** Maximum pause in milliseconds after one batch. */
const MAX_PAUSE_MS = 1000

export interface Pace {
  /** Runs a batch, and then pauses as long as the batch took, so that a slower database gets longer pauses. */
  run<T>(batch: () => Promise<T>): Promise<T>
}

/**
 * Creates a pace. `ratio` is the length of a pause relative to the duration of its batch. Pauses end early if `signal` is
 * aborted.
 */
export const createPace = (
  clock: Pick<Clock, 'monotonic'>,
  { ratio = 1, signal }: { readonly ratio?: number; readonly signal?: AbortSignal } = {}
): Pace => ({
  async run(batch) {
    const startedAt = clock.monotonic()
    const result = await batch()
    const pause = Math.min(MAX_PAUSE_MS, ratio * (clock.monotonic() - startedAt))
    await delay(pause, undefined, signal ? { signal } : {}).catch(ignoreAbort)
    return result
  }
})

const ignoreAbort = (): void => {}
