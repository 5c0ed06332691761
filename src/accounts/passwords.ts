/** Hashes passwords with bcrypt, a few at a time: bcrypt runs in libuv's thread pool, which file and DNS operations share. */
import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import * as nodeBcrypt from '@node-rs/bcrypt'
import pLimit from 'p-limit'
import { ChatError } from '../protocol/errors.ts'
import { normalizePassword } from '../protocol/http/users.ts'

/** Counts the bytes of a password that bcrypt reads; it ignores the rest. */
const BCRYPT_BYTES = 72
/**
 * Prefixes the stored hash of a password of 72 bytes or more, which is bcrypt over the base64 of its SHA-256, so that every byte
 * counts. A password of exactly 72 bytes is included: hashed directly, it would match every longer one that begins with it.
 */
const PREHASHED = 'sha256+'

/** Hashes and verifies passwords. */
export interface Passwords {
  /** Returns the hash to store, of the normalized password. Throws `busy` when too many hashes are queued. */
  hash(password: string): Promise<string>
  /**
   * Returns whether a password matches a hash, normalized or as received: older hashes are of the password as received. A
   * mismatch takes at least one hash at the configured cost, also for a missing, unreadable or cheaper hash. Throws `busy` when
   * too many hashes are queued.
   */
  verify(password: string, hash: string | null | undefined): Promise<boolean>
  /** Returns whether to hash a verified password again: at a higher cost, with all its bytes, or in its normalized form. */
  needsRehash(hash: string, password: string): boolean
}

/** Lists the functions of `@node-rs/bcrypt` in use; tests count the calls. */
export type Bcrypt = Pick<typeof nodeBcrypt, 'hash' | 'verify' | 'parseOptions'>

/** Bounds the work of hashing. */
export interface PasswordOptions {
  /** Sets bcrypt's cost: 2^rounds iterations. */
  readonly rounds: number
  /** Limits how many hashes are computed at once. */
  readonly concurrency?: number
  /** Limits how many hashes are queued. A core computes about five a second, so a longer queue would wait too long. */
  readonly maxQueue?: number
  readonly bcrypt?: Bcrypt
}

export const createPasswords = ({
  rounds,
  concurrency = availableParallelism(),
  maxQueue = 32,
  bcrypt = nodeBcrypt
}: PasswordOptions): Passwords => {
  const limit = pLimit(concurrency)

  const queued = <T>(work: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= maxQueue) {
      throw new ChatError('busy', 'Too many logins are in progress. Try again in a moment.', { retryAfterMs: 2000 })
    }
    return limit(work)
  }

  // The password of an unknown user is compared with this hash, so that it takes as long as for a known user.
  const decoy = queued(() => bcrypt.hash('decoy', { cost: rounds }))
  decoy.catch(() => {})

  const verifyForm = async (password: string, hash: string | null | undefined): Promise<boolean> => {
    const cost = costOf(bcrypt, hash)
    if (hash && cost !== undefined) {
      const given = hash.startsWith(PREHASHED) ? digest(password) : password
      if (await queued(() => bcrypt.verify(given, bcryptPart(hash)))) return true
      if (cost >= rounds) return false
    }
    const same = await decoy
    await queued(() => bcrypt.verify(password, same))
    return false
  }

  return {
    async hash(received) {
      const password = normalizePassword(received)
      if (!isLong(password)) return queued(() => bcrypt.hash(password, { cost: rounds }))
      return PREHASHED + (await queued(() => bcrypt.hash(digest(password), { cost: rounds })))
    },
    async verify(password, hash) {
      // Tries as many forms for a user that exists as for one that doesn't, so that both take the same time.
      for (const form of new Set([normalizePassword(password), password])) {
        if (await verifyForm(form, hash)) return true
      }
      return false
    },
    needsRehash(hash, password) {
      // The hash doesn't show which form was hashed. That rarely matters: most keyboards produce the normalized form.
      if (password !== normalizePassword(password)) return true
      // An imported hash of a long password covers only its first 72 bytes.
      if (isLong(password) && !hash.startsWith(PREHASHED)) return true
      return (costOf(bcrypt, hash) ?? 0) < rounds
    }
  }
}

const isLong = (password: string): boolean => Buffer.byteLength(password) >= BCRYPT_BYTES

const digest = (password: string): string => createHash('sha256').update(password).digest('base64')

const bcryptPart = (hash: string): string => (hash.startsWith(PREHASHED) ? hash.slice(PREHASHED.length) : hash)

/** Returns the cost of a stored hash, or undefined if there is none that bcrypt can read. */
const costOf = (bcrypt: Bcrypt, hash: string | null | undefined): number | undefined => {
  try {
    return hash ? bcrypt.parseOptions(bcryptPart(hash)).cost : undefined
  } catch {
    return undefined
  }
}
