/** Waits for an answer, but not for ever. */

/** What an answer that came too late is refused with. */
export class TooLate extends Error {
  constructor(who: string, ms: number) {
    super(`${who} gave no answer within ${ms} ms`)
    this.name = 'TooLate'
  }
}

/** The answer, or a TooLate after `ms` milliseconds; the timer never keeps the process alive. `who` is for the log. */
export const withTimeout = async <T>(ms: number, who: string, answer: PromiseLike<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TooLate(who, ms)), ms).unref()
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
    // The loser of the race must not become an unhandled rejection.
    answer.then(undefined, () => {})
  }
}
