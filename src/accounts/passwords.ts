/**
 * Hashes passwords with bcrypt. Limits the number of concurrent hashes, because bcrypt uses libuv's thread pool, which file and
 * DNS operations need too.
 */
import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import * as nodeBcrypt from '@node-rs/bcrypt'
import pLimit from 'p-limit'
import { ChatError } from '../protocol/errors.ts'
import { normalizePassword } from '../protocol/http/users.ts'

/** The number of bytes of a password that bcrypt reads. bcrypt ignores the rest of the password. */
const BCRYPT_BYTES = 72
/**
 * Marks the stored hash of a password that has 72 bytes or more. Such a password is not passed to bcrypt directly. bcrypt
 * hashes the base64 of its SHA-256, so that the hash depends on every byte of the password. Passwords of exactly 72 bytes are
 * included. If such a password were hashed directly, every longer password that begins with it would match the hash.
 */
const PREHASHED = 'sha256+'

export interface Passwords {
  /** Normalizes a password and returns its hash. Throws `busy` if too many hashes are queued. */
  hash(password: string): Promise<string>
  /**
   * Compares a password with a hash. Tries the normalized password, then the password as received and in decomposed form (NFD),
   * because older hashes are of passwords that were not normalized, and some keyboards produce decomposed letters. Equal forms
   * are tried once, so a password of ASCII has one form. For each tried form, a mismatch takes as long as one hash at the
   * configured cost, even if the stored hash is missing, unreadable or has a lower cost. Only a stored hash with a higher cost
   * takes longer. Throws `busy` if too many hashes are queued.
   */
  verify(password: string, hash: string | null | undefined): Promise<PasswordMatch>
}

/**
 * The result of a comparison. `outdated`: the password is right and must be hashed again, for one of these reasons:
 * - The hash has a lower cost than configured.
 * - The hash does not cover all bytes of the password.
 * - The password was not normalized before it was hashed.
 */
export type PasswordMatch = 'none' | 'outdated' | 'current'

/** The functions of `@node-rs/bcrypt` that are used. Tests replace them to count the calls. */
export type Bcrypt = Pick<typeof nodeBcrypt, 'hash' | 'verify' | 'parseOptions'>

/** The cost of a hash, and the limits on concurrent and queued hashes. */
export interface PasswordOptions {
  /** The cost of bcrypt: 2^rounds iterations. */
  readonly rounds: number
  /** Maximum number of hashes that are computed at the same time. */
  readonly concurrency?: number
  /**
   * Maximum number of queued hashes. At the default cost, a core computes about five hashes per second, so requests in a longer
   * queue would time out.
   */
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

  // The password of an unknown user is compared with this hash, so that the login takes as long as for a known user.
  const decoy = queued(() => bcrypt.hash('decoy', { cost: rounds }))
  decoy.catch(() => {})

  /**
   * Computes more hashes after a hash at `cost`, so that the total time equals that of one hash at the configured cost. Each
   * step of the cost doubles the time. For example, hashes at the costs 10, 10 and 11 together take as long as one hash at 12.
   */
  const spendDifference = async (cost: number): Promise<void> => {
    for (let step = cost; step < rounds; step++) await bcrypt.hash('decoy', { cost: step })
  }

  /** Returns whether a hash has the configured cost or a higher one, and covers all bytes of the password. */
  const isCurrent = (password: string, hash: string | null | undefined): boolean =>
    // If the hash of a long password does not begin with `PREHASHED`, it covers only the first 72 bytes of the password.
    (hash?.startsWith(PREHASHED) || !isLong(password)) && (costOf(bcrypt, hash) ?? 0) >= rounds

  const verifyForm = async (password: string, hash: string | null | undefined): Promise<boolean> => {
    const cost = costOf(bcrypt, hash)
    if (!hash || cost === undefined) {
      await bcrypt.verify(password, await decoy)
      return false
    }
    const given = hash.startsWith(PREHASHED) ? digest(password) : password
    if (await bcrypt.verify(given, bcryptPart(hash))) return true
    await spendDifference(cost)
    return false
  }

  return {
    async hash(received) {
      const password = normalizePassword(received)
      if (!isLong(password)) return queued(() => bcrypt.hash(password, { cost: rounds }))
      return PREHASHED + (await queued(() => bcrypt.hash(digest(password), { cost: rounds })))
    },
    async verify(password, hash) {
      const normalized = normalizePassword(password)
      // The forms depend only on the password, and all of them are tried even if the user does not exist, so that the response
      // time does not reveal whether the user exists. They are queued together, so that `busy` is thrown before any is tried.
      return queued(async () => {
        for (const form of new Set([normalized, password, password.normalize('NFD')])) {
          if (await verifyForm(form, hash)) return form === normalized && isCurrent(form, hash) ? 'current' : 'outdated'
        }
        return 'none'
      })
    }
  }
}

const isLong = (password: string): boolean => Buffer.byteLength(password) >= BCRYPT_BYTES

const digest = (password: string): string => createHash('sha256').update(password).digest('base64')

const bcryptPart = (hash: string): string => (hash.startsWith(PREHASHED) ? hash.slice(PREHASHED.length) : hash)

/** Returns the cost of a stored hash, or undefined if the hash is missing or bcrypt cannot read it. */
const costOf = (bcrypt: Bcrypt, hash: string | null | undefined): number | undefined => {
  try {
    return hash ? bcrypt.parseOptions(bcryptPart(hash)).cost : undefined
  } catch {
    return undefined
  }
}
