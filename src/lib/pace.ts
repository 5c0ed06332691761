/** Spreads background work over time, so that it hardly delays other work on the database. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from './clock.ts'

/** Maximum pause in milliseconds after one batch. */
const MAX_PAUSE_MS = 1000
/** Default of `batchMs`. */
const BATCH_MS = 20
const MIN_ROWS = 20
const FIRST_ROWS = 100

export interface Pace {
  /**
   * Runs a batch, and then pauses for `ratio` times as long as the batch took, so that a slower database gets longer pauses.
   * The argument `rows` of `batch` is the number of rows to process. It depends on the duration of the earlier batches.
   */
  run<T>(batch: (rows: number) => Promise<T>): Promise<T>
}

export interface PaceOptions {
  /** Maximum number of rows in a batch. */
  readonly maxRows: number
  /**
   * Target duration of a batch in milliseconds, by default 20. It is short, because other transactions wait while a batch holds
   * locks, uses the CPU, and writes to the disk at its commit.
   */
  readonly batchMs?: number
  /** The length of a pause relative to the duration of its batch, by default 1. */
  readonly ratio?: number
  /** If aborted, ends a pause early. */
  readonly signal?: AbortSignal
}

/** Creates a pace, whose first batch has at most 100 rows. */
export const createPace = (
  clock: Pick<Clock, 'monotonic'>,
  { maxRows, batchMs = BATCH_MS, ratio = 1, signal }: PaceOptions
): Pace => {
  let rows = Math.min(maxRows, FIRST_ROWS)
  return {
    async run(batch) {
      const startedAt = clock.monotonic()
      const result = await batch(rows)
      const took = clock.monotonic() - startedAt
      // `rows` grows by at most the factor 1.5, because a batch may have been fast only because it had nothing to do.
      // `MIN_ROWS` prevents one query per row on a slow database.
      const fitting = Math.round(rows * Math.min(1.5, batchMs / Math.max(1, took)))
      rows = Math.min(maxRows, Math.max(MIN_ROWS, fitting))
      const pause = Math.min(MAX_PAUSE_MS, ratio * took)
      await delay(pause, undefined, signal ? { signal } : {}).catch(ignoreAbort)
      return result
    }
  }
}

const ignoreAbort = (): void => {}
