/**
 * Interrupts a login until the second factor is verified. The challenge stores the options of the first request. When the
 * client continues the login, the service checks again that the user has not changed since the password was verified.
 */
import { createHash } from 'node:crypto'
import type { Repositories } from '../../db/database.ts'
import type { StoredChallenge } from '../../db/repositories/challenges.ts'
import type { FactorSummary } from '../../db/repositories/factors.ts'
import type { UserRecord } from '../../db/repositories/users.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { AccountsContext } from '../context.ts'
import type { LoginGate, LoginOptions } from '../login.ts'
import { createChallenge, hashOfChallenge, invalidChallenge } from './challenge.ts'

/** Time in milliseconds after which an interrupted login has to start from the beginning. */
const LIFETIME_MS = 10 * 60 * 1000
/** Maximum number of wrong codes per challenge. */
const MAX_ATTEMPTS = 5
const PURPOSE = 'second_factor'

/** A method by which a client can continue an interrupted login. The names are part of the API. */
export type FactorMethod = 'totp' | 'recovery_code' | 'passkey'

/**
 * Returns the methods with which a user can continue an interrupted login. Passkeys for another host name do not count, because
 * they do not work here.
 */
export const methodsOf = ({ hasTotp, recoveryCodes, passkeys }: FactorSummary): FactorMethod[] => [
  ...(hasTotp ? (['totp'] as const) : []),
  ...(recoveryCodes > 0 ? (['recovery_code'] as const) : []),
  ...(passkeys > 0 ? (['passkey'] as const) : [])
]

/**
 * Returns whether a user has a second factor. Passkeys for another host name count too, so that a change of PUBLIC_URL does not
 * turn off the second factor.
 */
export const hasFactor = ({ hasTotp, allPasskeys }: FactorSummary): boolean => hasTotp || allPasskeys > 0

/** An interrupted login: the user whose password was right, and the options of the first request. */
export interface InterruptedLogin {
  readonly user: UserRecord
  readonly options: LoginOptions
}

export interface LoginChallenges {
  /** Throws `second_factor_required` with a challenge and the methods if the user has a second factor. */
  readonly gate: LoginGate
  /**
   * Returns the login of a challenge, and counts an attempt to continue it. Throws `invalid_challenge` if the challenge does
   * not exist or already had five attempts, or if the user was changed since the password was checked.
   */
  attempt(challenge: string): Promise<InterruptedLogin>
  /** Returns the login of a challenge without counting an attempt. Throws `invalid_challenge`. */
  find(challenge: string): Promise<InterruptedLogin>
  /** Like `find`, for the hash of a challenge. */
  findByHash(hash: string): Promise<InterruptedLogin>
  /**
   * Ends a challenge in the transaction that verified the factor. Throws `invalid_challenge` if the challenge has already
   * ended.
   */
  end(repositories: Pick<Repositories, 'challenges'>, hash: string): Promise<void>
}

export const createLoginChallenges = (
  { database }: Pick<AccountsContext, 'database'>,
  rpId: string | undefined
): LoginChallenges => {
  const { challenges, factors, users } = database

  const loginOf = async (stored: StoredChallenge | undefined): Promise<InterruptedLogin> => {
    if (!stored || stored.userId === null) throw invalidChallenge()
    const user = (await users.findByIds([stored.userId])).get(stored.userId)
    const { password, options }: ChallengeData = JSON.parse(stored.data ?? '{}')
    if (!user || user.generation !== stored.generation || digestOf(user) !== password) throw invalidChallenge()
    return { user, options }
  }

  const findByHash = async (hash: string) => loginOf(await challenges.find(hash, PURPOSE))

  return {
    async gate(user, { options }) {
      const summary = await factors.summary(user.id, rpId)
      if (!hasFactor(summary)) return
      const { challenge, hash } = createChallenge()
      const { session, cookie, remember } = options
      const data: ChallengeData = { password: digestOf(user), options: { session, cookie, remember } }
      await challenges.create({
        hash,
        purpose: PURPOSE,
        userId: user.id,
        generation: user.generation,
        data: JSON.stringify(data),
        lifetimeMs: LIFETIME_MS
      })
      throw secondFactorRequired({ challenge, methods: methodsOf(summary) })
    },
    attempt: async challenge => loginOf(await challenges.attempt(hashOfChallenge(challenge), PURPOSE, MAX_ATTEMPTS)),
    find: challenge => findByHash(hashOfChallenge(challenge)),
    findByHash,
    async end(repositories, hash) {
      if (!(await repositories.challenges.take(hash, PURPOSE))) throw invalidChallenge()
    }
  }
}

interface ChallengeData {
  /** The digest of the password hash (see `digestOf`). */
  readonly password: string
  readonly options: LoginOptions
}

/**
 * Returns a digest of the password hash. The challenge contains the digest, so that the hash itself is stored in only one
 * place.
 */
const digestOf = ({ hashedPassword }: UserRecord): string =>
  createHash('sha256')
    .update(hashedPassword ?? '')
    .digest('base64url')

/** Returns the error for a login or a proof that needs a second factor. */
export const secondFactorRequired = (extra: {
  readonly challenge?: string
  readonly methods: readonly FactorMethod[]
}): ChatError =>
  new ChatError('second_factor_required', 'Your password is right. Continue with your second factor.', { extra })
