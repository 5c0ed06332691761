/**
 * Changes passwords, either in a session whose owner has proven who they are, or with a token. The token is in a mailed link, or
 * an administrator or the operator has issued it.
 */
import { ChatError } from '../../protocol/errors.ts'
import type { AccountsContext, ClientInfo } from '../context.ts'
import { normalizeAddress } from '../emails/address.ts'
import { hashToken, redeemToken } from '../mail/token.ts'
import type { Passwords } from '../passwords.ts'
import { badToken } from '../tokens/access-tokens.ts'
import type { PasswordPolicy } from './policy.ts'
import type { LoginThrottle } from './throttle.ts'

/** The user and the session of a request that changes a password. */
export interface PasswordOwner {
  readonly userId: number
  readonly username: string
  readonly generation: number
  readonly sessionId: string | null
}

export interface PasswordChanges {
  /**
   * Changes the password and ends every other session. Throws `password_too_common`, `busy`, or `invalid_token` if the session
   * has ended or the user was changed in the meantime.
   */
  change(owner: PasswordOwner, password: string, client: ClientInfo): Promise<void>
  /**
   * Stores a request for a new password. The request is for the account that has the given e-mail address. The address is looked
   * up only when the mail is sent, so that the response takes equally long for known and unknown addresses. Stores at most three
   * requests per hour per address.
   */
  forgot(address: string): Promise<void>
  /**
   * Changes the password with a token, and ends every session of the user. Does not start a session. Throws
   * `link_expired`, `password_too_common` or `busy`.
   */
  reset(token: string, password: string, client: ClientInfo): Promise<void>
}

export interface PasswordChangesOptions {
  readonly context: AccountsContext
  readonly passwords: Pick<Passwords, 'hash'>
  readonly policy?: PasswordPolicy | undefined
  readonly throttle?: LoginThrottle | undefined
}

const MINUTE_MS = 60 * 1000
const HOUR_MS = 60 * MINUTE_MS
const MAX_REQUESTS_PER_HOUR = 3
/** Time in milliseconds after which a request for a new password is no longer processed. */
const REQUEST_MS = 30 * MINUTE_MS

export const createPasswordChanges = (options: PasswordChangesOptions): PasswordChanges => {
  const { context, passwords, policy, throttle } = options
  const { database, mail, lookupKeys } = context

  return {
    async change({ userId, username, generation, sessionId }, password, client) {
      if (sessionId === null) throw badToken()
      policy?.check(password, username)
      const hashedPassword = await passwords.hash(password)
      await database.transaction(async repositories => {
        if (!(await repositories.passwords.change({ userId, generation, sessionId, hashedPassword }))) throw badToken()
        await repositories.audit.record({ event: 'password_changed', userId, sessionId, ...client })
        await mail.enqueue(repositories, { kind: 'password_changed', userId, params: {} })
      })
    },
    async forgot(address) {
      const normalized = normalizeAddress(address)
      if (!normalized || !mail.isConfigured) return
      const key = `forgot:${await lookupKeys.hash('emails', normalized.key)}`
      if ((await database.rateLimits.hit(key, HOUR_MS)).current > MAX_REQUESTS_PER_HOUR) return
      const params = { address: normalized.address }
      await mail.enqueue(database, { kind: 'forgot', userId: null, params, lifetimeMs: REQUEST_MS })
    },
    async reset(token, password, client) {
      const found = await database.oneTimeTokens.find(hashToken(token), 'reset_password')
      const user = found && (await database.users.findByIds([found.userId])).get(found.userId)
      if (!user) throw linkExpired()
      policy?.check(password, user.username)
      const hashedPassword = await passwords.hash(password)
      await database.transaction(async repositories => {
        const taken = await redeemToken(repositories, token, 'reset_password')
        if (!taken || !(await repositories.passwords.reset(taken, hashedPassword))) throw linkExpired()
        await repositories.audit.record({ event: 'password_reset', userId: user.id, ...client })
        await mail.enqueue(repositories, { kind: 'password_changed', userId: user.id, params: {} })
      })
      // Resets the counts of the throttle, because a user who forgot the password has probably used up the attempts.
      await throttle?.clear({ username: user.username, client })
    }
  }
}

const linkExpired = (): ChatError =>
  new ChatError('link_expired', 'The link is no longer valid. Request a new one, and use the newest mail.')
