/** Waits until a condition is met. */

/** A timeout in milliseconds that is long enough for a busy machine. */
export const TIMEOUT_MS = 60_000
const INTERVAL_MS = 50

/**
 * Calls `check` until it returns a value other than undefined and false, and returns this value. An error of `check`
 * counts as undefined. Throws after `TIMEOUT_MS`. If the last call of `check` failed, its error is the cause.
 */
export const until = async <Value>(
  what: string,
  check: () => Value | undefined | false | Promise<Value | undefined | false>
): Promise<Value> => {
  const endsAt = performance.now() + TIMEOUT_MS
  let cause: unknown
  while (performance.now() < endsAt) {
    try {
      const value = await check()
      if (value !== undefined && value !== false) return value
      cause = undefined
    } catch (error) {
      cause = error
    }
    await new Promise(done => setTimeout(done, INTERVAL_MS))
  }
  throw new Error(`This did not happen within ${TIMEOUT_MS / 1000} seconds: ${what}`, { cause })
}
