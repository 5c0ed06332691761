/** Registers users with a password, logs them in, and identifies them by their access tokens. */

import type { UserRecord } from '../db/repositories/users.ts'
import type { Clock } from '../lib/clock.ts'
import { whenKnown } from '../lib/when-known.ts'
import { ChatError } from '../protocol/errors.ts'
import type { AccessToken } from '../protocol/http/users.ts'
import type { Passwords } from './passwords.ts'
import { type AccessTokens, badToken } from './tokens/access-tokens.ts'
import { createUserLookup } from './user-lookup.ts'

/** The methods of the user repository that accounts use. */
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

/**
 * Maximum number of attempts of a login. A login starts over if another request changes the stored hash at the same time, for
 * example because that request renews the hash.
 */
const MAX_ATTEMPTS = 3

/** Manages the users who registered with a password. */
export interface Accounts {
  /** Creates a user. Throws `username_taken`, or `busy` if too many hashes are queued. */
  register(username: string, password: string): Promise<UserRecord>
  /**
   * Returns a token for a username and a password. The case of the username is ignored. Throws `invalid_credentials` or `busy`.
   */
  login(username: string, password: string): Promise<AccessToken>
  /**
   * Returns the user of a token, and the expiry of the token in milliseconds since the epoch. Throws `token_expired` or
   * `invalid_token`. The token of a deleted user becomes invalid within a second of the deletion. Synchronous if the user is
   * cached.
   */
  identify(token: string): Identity | Promise<Identity>
}

interface Identity {
  readonly user: UserRecord
  readonly expiresAt: number
}

export const createAccounts = ({ users, passwords, tokens, clock }: AccountsOptions): Accounts => {
  const userById = createUserLookup(users.findByIds, clock.monotonic)

  /**
   * Returns whether the user still has the hash that was checked. While bcrypt ran, the password may have changed or the user
   * may have been deleted. If the hash must be renewed and `mayRenew` is true, the statement that checks the hash also replaces
   * it.
   */
  const confirm = async (id: number, checked: string, password: string, mayRenew: boolean): Promise<boolean> =>
    mayRenew && passwords.needsRehash(checked, password)
      ? users.replacePasswordHash(id, checked, await passwords.hash(password))
      : users.hasPasswordHash(id, checked)

  return {
    register: async (username, password) => users.create({ username, hashedPassword: await passwords.hash(password) }),
    async login(username, password) {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        // PostgreSQL cannot store a NUL character in text, so no user has such a name and a query would fail.
        const user = username.includes('\u0000') ? undefined : await users.findByUsername(username)
        // `verify` is also called if there is no such user, so that the response time does not reveal whether the user exists.
        const isRight = await passwords.verify(password, user?.hashedPassword)
        if (!user?.hashedPassword || !isRight) break
        // Only the first attempt may renew the hash. A later attempt usually runs because another login has renewed it, and a
        // second renewal would make that login start over.
        if (await confirm(user.id, user.hashedPassword, password, attempt === 0)) return tokens.issue(user)
      }
      throw new ChatError('invalid_credentials', 'Wrong username or password.')
    },
    identify(token) {
      const claims = tokens.verify(token)
      return whenKnown<UserRecord | undefined, Identity>(userById(claims.uid), user => {
        if (!user) throw badToken()
        return { user, expiresAt: claims.exp * 1000 }
      })
    }
  }
}
