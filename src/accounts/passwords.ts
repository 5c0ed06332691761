/** Passwords as bcrypt hashes, a few at a time: bcrypt runs in libuv's pool, which file and DNS work needs too. */
import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import * as nodeBcrypt from '@node-rs/bcrypt'
import pLimit from 'p-limit'
import { ChatError } from '../protocol/errors.ts'
import { normalizePassword } from '../protocol/http/users.ts'

/** bcrypt looks at no more bytes of a password than these. */
const BCRYPT_BYTES = 72
/**
 * Begins the stored hash of a password that fills them: bcrypt of its SHA-256 in base64, so that every byte counts. One of
 * exactly 72 bytes is among them: plainly hashed, it would verify every longer one that begins with it.
 */
const PREHASHED = 'sha256+'

/** Hashes and verifies passwords. */
export interface Passwords {
  /** The hash to store, of the normalized password. Throws `busy` when too many wait. */
  hash(password: string): Promise<string>
  /**
   * Returns whether a password is the one that was hashed, normalized or as received: hashes used to be of the latter. A refusal takes at least one hash at the service's cost, whatever
   * is stored: no hash, one that can't be read, or one of a lower cost. Throws `busy` when too many wait.
   */
  verify(password: string, hash: string | null | undefined): Promise<boolean>
  /** Whether a password that was just verified should be hashed anew: at a higher cost, beyond byte 72, or normalized. */
  needsRehash(hash: string, password: string): boolean
}

/** The parts of `@node-rs/bcrypt` in use; tests count the calls. */
export type Bcrypt = Pick<typeof nodeBcrypt, 'hash' | 'verify' | 'parseOptions'>

/** Bounds of the work. */
export interface PasswordOptions {
  /** bcrypt's cost: 2^rounds iterations. */
  readonly rounds: number
  /** How many are hashed at once. */
  readonly concurrency?: number
  /** How many may wait: at some five a second and core, more would wait too long. */
  readonly maxQueue?: number
  readonly bcrypt?: Bcrypt
}

/** Makes the service's password hasher. */
export const createPasswords = ({
  rounds,
  concurrency = availableParallelism(),
  maxQueue = 32,
  bcrypt = nodeBcrypt
}: PasswordOptions): Passwords => {
  const limit = pLimit(concurrency)

  const queued = <T>(work: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= maxQueue) {
      throw new ChatError('busy', 'Too many people log in right now. Try again in a moment.', { retryAfterMs: 2000 })
    }
    return limit(work)
  }

  // What an unknown user's password is compared with, so that it costs what a known user's does.
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
      // As many forms for a user that exists as for one that doesn't: both take the same time.
      for (const form of new Set([normalizePassword(password), password])) {
        if (await verifyForm(form, hash)) return true
      }
      return false
    },
    needsRehash(hash, password) {
      // Which form was hashed is not known, and it hardly ever matters: most keyboards write the normalized one.
      if (password !== normalizePassword(password)) return true
      // An imported hash of a long password knows its first 72 bytes only.
      if (isLong(password) && !hash.startsWith(PREHASHED)) return true
      return (costOf(bcrypt, hash) ?? 0) < rounds
    }
  }
}

const isLong = (password: string): boolean => Buffer.byteLength(password) >= BCRYPT_BYTES

const digest = (password: string): string => createHash('sha256').update(password).digest('base64')

const bcryptPart = (hash: string): string => (hash.startsWith(PREHASHED) ? hash.slice(PREHASHED.length) : hash)

/** The cost of a stored hash, or undefined when there is none that bcrypt can read. */
const costOf = (bcrypt: Bcrypt, hash: string | null | undefined): number | undefined => {
  try {
    return hash ? bcrypt.parseOptions(bcryptPart(hash)).cost : undefined
  } catch {
    return undefined
  }
}
