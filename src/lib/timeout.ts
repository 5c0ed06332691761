/** Limits how long to wait for a promise. */

/** Thrown when a promise is not settled in time. */
export class TimeoutError extends Error {
  constructor(what: string, ms: number) {
    super(`${what} timed out after ${ms} ms`)
    this.name = 'TimeoutError'
  }
}

/**
 * Returns the result of a promise. Throws a TimeoutError if the promise is not settled after `ms` milliseconds. The timer does
 * not keep the process running. `what` is the subject of the error message.
 */
export const withTimeout = async <T>(ms: number, what: string, result: PromiseLike<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeoutError(what, ms)), ms).unref()
  })
  try {
    return await Promise.race([result, late])
  } finally {
    clearTimeout(timer)
  }
}
