/** Provides the time: one injectable clock, and the one format of timestamps that clients receive. */

/** Provides times, durations and timers, so that tests can control the time. */
export interface Clock {
  /** Returns the wall clock: milliseconds since the Unix epoch. It may jump; use it for points in time only. */
  now(): number
  /** Returns milliseconds since an arbitrary point, never decreasing. Use it for every duration and deadline. */
  monotonic(): number
  /** Calls `work` every `ms` milliseconds until the returned function is called. Does not keep the process alive. */
  every(ms: number, work: () => void): () => void
}

/** Reads the machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  every(ms, work) {
    const timer = setInterval(work, ms).unref()
    return () => clearInterval(timer)
  }
}

let latest = { ms: Number.NaN, text: '' }

/** Formats milliseconds since the Unix epoch as `2026-01-31T12:00:00.123+00:00` (RFC 3339, always UTC and milliseconds). */
export const timestamp = (ms: number): string => {
  // The messages of a batch and their acknowledgements share one timestamp.
  if (ms !== latest.ms) latest = { ms, text: `${new Date(ms).toISOString().slice(0, -1)}+00:00` }
  return latest.text
}
