/** The accounts of people who register here: names, passwords and the tokens that stand for them. */

import type { Clock } from '../clock.ts'
import { ChatError } from '../errors.ts'
import type { AccessToken } from '../schemas/users.ts'
import { type AccessTokens, badToken } from './access-tokens.ts'
import type { Passwords } from './passwords.ts'
import { createUserLookup } from './user-lookup.ts'

/** A user as it is stored. */
export interface Account {
  readonly id: number
  readonly username: string
  readonly hashedPassword: string | null
  readonly createdAt: number
}

/** The parts of the users' repository in use. */
export interface AccountsRepository {
  create(user: { username: string; hashedPassword: string }): Promise<Account>
  findByUsername(username: string): Promise<Account | undefined>
  findByIds(ids: readonly number[]): Promise<ReadonlyMap<number, Account>>
  updatePasswordHash(id: number, hashedPassword: string): Promise<void>
}

export interface AccountsOptions {
  readonly users: AccountsRepository
  readonly passwords: Passwords
  readonly tokens: AccessTokens
  readonly clock: Clock
}

/** The accounts. */
export interface Accounts {
  /** Stores a new user. Throws `username_taken`, or `busy` when too many passwords wait. */
  register(username: string, password: string): Promise<Account>
  /** Exchanges a username, in any case, and password for a token. Throws `invalid_credentials` or `busy`. */
  login(username: string, password: string): Promise<AccessToken>
  /**
   * The user behind a token, and when it expires, in ms. Throws `invalid_token` (also when the user has been gone for a
   * second) or `token_expired`.
   */
  identify(token: string): Promise<{ readonly user: Account; readonly expiresAt: number }>
}

/** Makes them. */
export const createAccounts = ({ users, passwords, tokens, clock }: AccountsOptions): Accounts => {
  const userById = createUserLookup(users.findByIds, clock.monotonic)

  return {
    register: async (username, password) => users.create({ username, hashedPassword: await passwords.hash(password) }),
    async login(username, password) {
      // PostgreSQL has no NUL in a text; nobody is called so.
      const user = username.includes('\u0000') ? undefined : await users.findByUsername(username)
      // Verified even when there is no such user, so that both cost the same time.
      const isRight = await passwords.verify(password, user?.hashedPassword)
      if (!user?.hashedPassword || !isRight) throw new ChatError('invalid_credentials', 'Wrong username or password.')
      if (passwords.needsRehash(user.hashedPassword, password)) {
        await users.updatePasswordHash(user.id, await passwords.hash(password))
      }
      return tokens.issue(user)
    },
    async identify(token) {
      const claims = tokens.verify(token)
      const user = await userById(claims.uid)
      if (!user) throw badToken()
      return { user, expiresAt: claims.exp * 1000 }
    }
  }
}
