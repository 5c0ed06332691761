/** Runs the calls of a host application: validates their values, and converts errors of the database. */
import { isUnavailable } from './db/client/errors.ts'
import { ChatError } from './protocol/errors.ts'
import { type compile, sentencesOf, violations } from './protocol/validation.ts'

/**
 * Runs `work`. Rejects with `unavailable` if the database cannot be reached, for example because the application is closing.
 */
export const typed = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof ChatError || !isUnavailable(cause)) throw cause
    throw new ChatError('unavailable', 'The database cannot be reached. Try again in a moment.', { cause })
  }
}

/** Throws `validation_failed`, with every violated rule, if `value` is invalid. */
export const check = (validate: ReturnType<typeof compile>, value: unknown): void => {
  if (validate(value)) return
  const errors = violations(validate.errors ?? [])
  throw new ChatError('validation_failed', `The value is not valid. ${sentencesOf(errors)}`, {
    errors
  })
}
