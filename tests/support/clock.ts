/** Provides a clock whose time changes only when a test changes it. */
import type { Clock } from '../../src/lib/clock.ts'

/** A clock for tests. `advance` runs the periodic jobs that are due in the given time. */
export interface FakeClock extends Clock {
  advance(ms: number): void
  /** Sets the wall clock forward or back by `ms`, as an operator or NTP does. The monotonic clock doesn't change. */
  step(ms: number): void
}

/** Creates a clock whose wall clock starts at `startsAt`. Only `advance` and `step` change the time. */
export const fakeClock = (startsAt = Date.parse('2026-01-31T12:00:00.123Z')): FakeClock => {
  // `now` is the time of the monotonic clock. The wall clock is this time plus `offset`.
  let now = 0
  let offset = startsAt
  const jobs = new Set<{ every: number; due: number; work: () => void }>()
  return {
    now: () => offset + now,
    monotonic: () => now,
    every(ms, work) {
      const job = { every: ms, due: now + ms, work }
      jobs.add(job)
      return () => jobs.delete(job)
    },
    advance(ms) {
      const end = now + ms
      for (;;) {
        const next = [...jobs].filter(job => job.due <= end).sort((a, b) => a.due - b.due)[0]
        if (!next) break
        now = next.due
        next.due += next.every
        next.work()
      }
      now = end
    },
    step(ms) {
      offset += ms
    }
  }
}

/**
 * Returns the value of a promise. Advances a fake clock until the promise settles, because the promise may wait for a periodic
 * job. For example, with the embedded database, which sends no notifications, only a periodic job finds changes.
 */
export const whileJobsRun = async <T>(clock: FakeClock, promise: Promise<T>): Promise<T> => {
  let isSettled = false
  const settled = promise.finally(() => {
    isSettled = true
  })
  for (;;) {
    await Promise.race([settled, new Promise(resolve => setTimeout(resolve, 20))])
    if (isSettled) return settled
    clock.advance(100)
  }
}
