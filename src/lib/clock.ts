/** Time as the rest of the service sees it: one injectable clock, and the one form in which timestamps leave the service. */

/** Where times, durations and repeated work come from, so that tests can hold time still. */
export interface Clock {
  /** Returns the wall clock: milliseconds since the Unix epoch. It may jump; use it for points in time only. */
  now(): number
  /** Returns milliseconds since an arbitrary point, never going back. Every duration and deadline is measured with it. */
  monotonic(): number
  /** Calls `work` every `ms` milliseconds until the returned function is called; never keeps the process alive. */
  every(ms: number, work: () => void): () => void
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  every(ms, work) {
    const timer = setInterval(work, ms).unref()
    return () => clearInterval(timer)
  }
}

let latest = { ms: Number.NaN, text: '' }

/** `2026-01-31T12:00:00.123+00:00` (RFC 3339, always UTC and milliseconds) of milliseconds since the Unix epoch. */
export const timestamp = (ms: number): string => {
  // The messages of a batch, and their answers, share one.
  if (ms !== latest.ms) latest = { ms, text: `${new Date(ms).toISOString().slice(0, -1)}+00:00` }
  return latest.text
}
