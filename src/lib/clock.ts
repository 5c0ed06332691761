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

let latest = { ms: Number.NaN, text: '' }

/**
 * Formats milliseconds since the Unix epoch, for example as `2026-01-31T12:00:00.123+00:00` (RFC 3339; UTC, with milliseconds).
 */
export const timestamp = (ms: number): string => {
  // Cached, because the messages of a batch and their acknowledgements have the same timestamp.
  if (ms !== latest.ms) latest = { ms, text: `${new Date(ms).toISOString().slice(0, -1)}+00:00` }
  return latest.text
}
