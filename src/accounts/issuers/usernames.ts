/** Derives usernames for the people of another issuer. */
import { randomInt } from 'node:crypto'
import { isReservedName } from '../reserved-names.ts'

const MIN = 3
/** Maximum length in characters of a derived name. The limit of usernames is 50, so a number can be appended. */
const MAX = 42
/**
 * Maximum length in UTF-16 units of the part of a name that is read, because normalizing many combining marks takes quadratic
 * time.
 */
const MAX_READ = 200
const FALLBACK = 'user'
/** The highest sequential suffix to try, and the number of random suffixes to try after that. */
const IN_SEQUENCE = 9
const RANDOM = 20

/**
 * Derives a valid username from the name of a person. Uses only the part of an e-mail address before the `@`. Removes the accents
 * of letters, and replaces characters other than ASCII letters, digits and `_` with `-`.
 */
export const usernameFrom = (name: unknown): string => {
  const [local = ''] = (typeof name === 'string' ? name.slice(0, MAX_READ) : '').split('@', 1)
  const cleaned = local
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9_]+/g, '-')
    .slice(0, MAX)
    .replace(/^-|-$/g, '')
  if (cleaned === '') return FALLBACK
  return cleaned.length < MIN ? `${FALLBACK}-${cleaned}` : cleaned
}

/**
 * Returns the usernames to try for the name of a person, in order: `john` unless this name is reserved, `john-2` to `john-9`, and
 * then `john-` with random numbers.
 */
export function* usernamesFor(name: unknown): Generator<string> {
  const username = usernameFrom(name)
  if (!isReservedName(username)) yield username
  for (let number = 2; number <= IN_SEQUENCE; number++) yield `${username}-${number}`
  for (let tried = 0; tried < RANDOM; tried++) yield `${username}-${randomInt(100_000, 1_000_000)}`
}
