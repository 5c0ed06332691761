/** Provides an injectable clock, and the format of the timestamps that clients receive. */

/** Provides times, durations and timers. It is injected, so that tests can control the time. */
export interface Clock {
  /** Returns the wall-clock time in milliseconds since the Unix epoch. It may jump, so use it only for points in time. */
  now(): number
  /** Returns the milliseconds since an arbitrary point. It never decreases, so use it for every duration and deadline. */
  monotonic(): number
  /** Calls `work` every `ms` milliseconds until the returned function is called. Does not keep the process alive. */
  every(ms: number, work: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  every(ms, work) {
    const timer = setInterval(work, ms).unref()
    return () => clearInterval(timer)
  }
}

/** The latest time that `timestamp` formats, in milliseconds since the Unix epoch. Timestamps have years of four digits. */
export const LAST_TIME = Date.parse('9999-12-31T23:59:59.999Z')

let latest = { ms: Number.NaN, text: '' }

/**
 * Formats milliseconds since the Unix epoch, for example as `2026-01-31T12:00:00.123+00:00` (RFC 3339; UTC, with milliseconds).
 * A stored time may be invalid, for example `infinity`, and must not keep other rows from being read. So a time before 1970 or
 * after the year 9999 is formatted as the nearest time between them, and NaN as the epoch.
 */
export const timestamp = (ms: number): string => {
  // Cached, because the messages of a batch and their acknowledgements have the same timestamp.
  if (ms !== latest.ms)
    latest = { ms, text: `${new Date(Math.min(Math.max(ms || 0, 0), LAST_TIME)).toISOString().slice(0, -1)}+00:00` }
  return latest.text
}
