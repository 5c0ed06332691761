/**
 * Limits how long a statement waits for its response. The limit is longer than the statement timeout of the server. If no
 * response arrives within the limit, none will arrive, because the network drops the packets or the server hangs.
 */
import { TimeoutError, withTimeout } from '../../lib/timeout.ts'

/** Default timeout in milliseconds. Longer than the server's statement timeout in session.ts. */
export const RESPONSE_MS = 15_000

export interface ResponseLimit {
  /** Returns a result. Throws a TimeoutError if the result does not arrive in time. */
  wait<T>(result: PromiseLike<T>): Promise<T>
  /**
   * Returns the result of `work`. Rejects as soon as a call of `wait` throws a TimeoutError, because the work cannot end on a
   * connection that does not respond.
   */
  during<T>(work: () => Promise<T>): Promise<T>
}

export const createResponseLimit = (ms: number): ResponseLimit => {
  let fail = (_error: TimeoutError): void => {}
  return {
    async wait(result) {
      try {
        return await withTimeout(ms, 'the database', result)
      } catch (error) {
        if (error instanceof TimeoutError) fail(error)
        throw error
      }
    },
    during: work =>
      new Promise((resolve, reject) => {
        fail = reject
        work().then(resolve, reject)
      })
  }
}

/** Sets no limit, for work whose statements have no timeout. */
export const NO_LIMIT: ResponseLimit = { wait: async result => result, during: work => work() }
