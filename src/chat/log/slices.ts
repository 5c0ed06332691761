/**
 * Splits long jobs into slices. All jobs together run for at most a few milliseconds per turn of the event loop. So a long job
 * for one client, such as the decryption of a thousand messages, does not delay the messages of other clients.
 */
import type { Clock } from '../../lib/clock.ts'

export interface SlicesOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  /**
   * Maximum time in milliseconds that all jobs together run per turn. At least one item is processed per turn, even if it takes
   * longer.
   */
  readonly maxMs?: number
}

export interface Slices {
  /**
   * Calls `work` for each item, at first in this turn of the event loop if no other job has run in it, then in later turns.
   * Resolves with the results. Rejects with the first error.
   */
  map<Item, Result>(items: readonly Item[], work: (item: Item) => Result): Promise<Result[]>
}

/** Processes items until the monotonic time `end`. Returns true if all items have been processed or one has failed. */
type Job = (end: number) => boolean

/** Creates the queue of jobs. A job that doesn't finish in its slice moves to the end of the queue. */
export const createSlices = ({ clock, maxMs = 2 }: SlicesOptions): Slices => {
  const jobs: Job[] = []
  /** True from the first job of a turn until the next turn without a job. */
  let hasRun = false

  const run = (): void => {
    hasRun = jobs.length > 0
    if (!hasRun) return
    const end = clock.monotonic() + maxMs
    do {
      const job = jobs.shift()
      if (job && !job(end)) jobs.push(job)
    } while (jobs.length > 0 && clock.monotonic() < end)
    setImmediate(run)
  }

  return {
    map: (items, work) =>
      new Promise((resolve, reject) => {
        const results: ReturnType<typeof work>[] = []
        jobs.push(end => {
          try {
            for (let at = results.length; at < items.length; at++) {
              results.push(work(items[at] as (typeof items)[number]))
              if (clock.monotonic() >= end && at + 1 < items.length) return false
            }
            resolve(results)
          } catch (error) {
            reject(error)
          }
          return true
        })
        if (!hasRun) run()
      })
  }
}
