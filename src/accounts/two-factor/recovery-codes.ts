/**
 * Creates and parses recovery codes. A code has 80 random bits in base32, and replaces the authenticator app or the passkey in
 * a login.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { RecoveryCodeRow } from '../../db/repositories/recovery-codes.ts'

/** The digits of Crockford's base32, which has no I, L, O and U. */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
/** 16 digits of 5 bits each make 80 bits. */
const LENGTH = 16
/** Length of the prefix by which the row of a code is found. All codes of a user have different prefixes. */
const PREFIX_LENGTH = 2
const COUNT = 10

export interface NewRecoveryCodes {
  /** The codes as the user sees them, for example `7Q3K-9XJH-M2TD-0WPA`. */
  readonly codes: readonly string[]
  readonly rows: readonly RecoveryCodeRow[]
}

/** Creates the ten codes of a user. */
export const createRecoveryCodes = (): NewRecoveryCodes => {
  const byPrefix = new Map<string, string>()
  while (byPrefix.size < COUNT) {
    const code = randomCode()
    const prefix = code.slice(0, PREFIX_LENGTH)
    if (!byPrefix.has(prefix)) byPrefix.set(prefix, code)
  }
  const all = [...byPrefix.values()]
  return { codes: all.map(code => code.replace(/(.{4})(?=.)/g, '$1-')), rows: all.map(rowOf) }
}

/**
 * Returns the row of a code that a user typed, or undefined if the text is not a recovery code. Ignores case, spaces and
 * hyphens. Reads `O` as `0`, and `I` and `L` as `1`.
 */
export const parseRecoveryCode = (text: string): RecoveryCodeRow | undefined => {
  const code = text.replace(/[\s-]/g, '').toUpperCase().replaceAll('O', '0').replace(/[IL]/g, '1')
  return code.length === LENGTH && [...code].every(digit => DIGITS.includes(digit)) ? rowOf(code) : undefined
}

// 32 divides 256, so every digit is equally probable.
const randomCode = (): string => [...randomBytes(LENGTH)].map(byte => DIGITS[byte % DIGITS.length]).join('')

// A fast hash is enough, because 80 random bits cannot be guessed.
const rowOf = (code: string): RecoveryCodeRow => ({
  prefix: code.slice(0, PREFIX_LENGTH),
  hash: createHash('sha256').update(`recovery-code:${code}`).digest('base64url')
})
