/**
 * Splits long work into slices: all of it together runs for at most a few milliseconds per turn of the event loop, so that decrypting
 * a thousand messages for one client doesn't delay the message of another.
 */
import type { Clock } from '../../lib/clock.ts'

export interface SlicesOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  /** Limits how long all jobs together may run in a turn, in milliseconds. One item is always finished. */
  readonly maxMs?: number
}

export interface Slices {
  /** Maps items in later turns. Rejects with the error of `work`. */
  map<Item, Result>(items: readonly Item[], work: (item: Item) => Result): Promise<Result[]>
}

/** Works until the time is over; returns whether it has finished. */
type Job = (end: number) => boolean

/** Creates the queue. Jobs that need more than a turn alternate. */
export const createSlices = ({ clock, maxMs = 2 }: SlicesOptions): Slices => {
  const jobs: Job[] = []
  let isScheduled = false

  const schedule = (): void => {
    isScheduled = jobs.length > 0
    if (isScheduled) setImmediate(run)
  }

  const run = (): void => {
    const end = clock.monotonic() + maxMs
    do {
      const job = jobs.shift()
      if (job && !job(end)) jobs.push(job)
    } while (jobs.length > 0 && clock.monotonic() < end)
    schedule()
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
        if (!isScheduled) schedule()
      })
  }
}
