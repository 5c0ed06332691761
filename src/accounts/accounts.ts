/** The accounts of people who register here: names, passwords and the tokens that stand for them. */

import type { UserRecord } from '../db/repositories/users.ts'
import type { Clock } from '../lib/clock.ts'
import { ChatError } from '../protocol/errors.ts'
import type { AccessToken } from '../protocol/http/users.ts'
import type { Passwords } from './passwords.ts'
import { type AccessTokens, badToken } from './tokens/access-tokens.ts'
import { createUserLookup } from './user-lookup.ts'

/** The parts of the users' repository in use. */
export interface AccountsRepository {
  create(user: { username: string; hashedPassword: string }): Promise<UserRecord>
  findByUsername(username: string): Promise<UserRecord | undefined>
  findByIds(ids: readonly number[]): Promise<ReadonlyMap<number, UserRecord>>
  hasPasswordHash(id: number, checked: string): Promise<boolean>
  replacePasswordHash(id: number, checked: string, hashedPassword: string): Promise<boolean>
}

export interface AccountsOptions {
  readonly users: AccountsRepository
  readonly passwords: Passwords
  readonly tokens: AccessTokens
  readonly clock: Clock
}

/** How often a login starts over because the hash changed under it, as when two logins renew it at once. */
const MAX_ATTEMPTS = 3

/** The accounts. */
export interface Accounts {
  /** Stores a new user. Throws `username_taken`, or `busy` when too many passwords wait. */
  register(username: string, password: string): Promise<UserRecord>
  /** Exchanges a username, in any case, and password for a token. Throws `invalid_credentials` or `busy`. */
  login(username: string, password: string): Promise<AccessToken>
  /**
   * The user behind a token, and when it expires, in ms. Throws `invalid_token` (also when the user has been gone for a
   * second) or `token_expired`.
   */
  identify(token: string): Promise<{ readonly user: UserRecord; readonly expiresAt: number }>
}

/** Makes them. */
export const createAccounts = ({ users, passwords, tokens, clock }: AccountsOptions): Accounts => {
  const userById = createUserLookup(users.findByIds, clock.monotonic)

  /**
   * Verifies in the database that the hash that was checked is still the user's, and renews it in the same statement when it
   * is outdated: the password may have been changed, or the user deleted, while bcrypt was at work.
   */
  const confirm = async (id: number, checked: string, password: string, mayRenew: boolean): Promise<boolean> =>
    mayRenew && passwords.needsRehash(checked, password)
      ? users.replacePasswordHash(id, checked, await passwords.hash(password))
      : users.hasPasswordHash(id, checked)

  return {
    register: async (username, password) => users.create({ username, hashedPassword: await passwords.hash(password) }),
    async login(username, password) {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        // PostgreSQL stores no NUL in a text, so no user has such a name.
        const user = username.includes('\u0000') ? undefined : await users.findByUsername(username)
        // Verifies even when there is no such user, so that both take the same time.
        const isRight = await passwords.verify(password, user?.hashedPassword)
        if (!user?.hashedPassword || !isRight) break
        // Whoever starts over has seen another login renew the hash: renewing it again would make others start over.
        if (await confirm(user.id, user.hashedPassword, password, attempt === 0)) return tokens.issue(user)
      }
      throw new ChatError('invalid_credentials', 'Wrong username or password.')
    },
    async identify(token) {
      const claims = tokens.verify(token)
      const user = await userById(claims.uid)
      if (!user) throw badToken()
      return { user, expiresAt: claims.exp * 1000 }
    }
  }
}
