/**
 * Logs users in with a password: throttle, password, gates, session. Whatever was verified is verified again by the statement
 * that inserts the session.
 */
import type { UserRecord } from '../db/repositories/users.ts'
import { networkOf } from '../lib/client-address.ts'
import { ChatError } from '../protocol/errors.ts'
import type { AccountsContext, ClientInfo } from './context.ts'
import { checkedIn, type LoginThrottle } from './passwords/throttle.ts'
import type { Passwords } from './passwords.ts'
import type { SessionStarter, StartedSession } from './sessions/start.ts'

/** What a client wants from a login. */
export interface LoginOptions {
  /** Whether the session has refresh tokens. */
  readonly session?: boolean | undefined
  /** Whether the refresh tokens are sent in a cookie. Implies `session`. */
  readonly cookie?: boolean | undefined
  /** Whether the cookie is kept when the browser is closed. The default is true. */
  readonly remember?: boolean | undefined
}

/** A request that logs a user in. */
export interface LoginRequest {
  readonly client: ClientInfo
  readonly options: LoginOptions
  /** The refresh token in the cookie that the new session's cookie replaces. Its session ends. */
  readonly replaces?: string | undefined
}

export interface PasswordLogin extends LoginRequest {
  readonly username: string
  readonly password: string
}

/**
 * Checks a user whose password was right. Throws a ChatError to reject the login, for example because a second factor is
 * required.
 */
export type LoginGate = (user: UserRecord, request: LoginRequest) => Promise<void>

export interface PasswordLoginOptions {
  readonly context: AccountsContext
  readonly passwords: Passwords
  readonly start: SessionStarter
  readonly throttle?: LoginThrottle | undefined
  readonly gates: readonly LoginGate[]
}

/**
 * Maximum number of attempts of a login. A login starts over if another request changes the user at the same time, for example
 * because that request renews the hash.
 */
const MAX_ATTEMPTS = 3

/** Returns a function that starts a session for a username and a password. It throws `invalid_credentials`, `busy`, or the error of a gate. */
export const createPasswordLogin = (
  options: PasswordLoginOptions
): ((login: PasswordLogin) => Promise<StartedSession>) => {
  const { context, passwords, start, throttle, gates } = options
  const { users, audit } = context.database

  /**
   * Replaces a hash with a lower cost. Returns the user with the new hash, or undefined if the user was changed since the
   * password was checked.
   */
  const renewed = async (user: UserRecord, password: string, mayRenew: boolean): Promise<UserRecord | undefined> => {
    const isDue = mayRenew && user.status === 'active' && passwords.needsRehash(user.hashedPassword ?? '', password)
    if (!isDue) return user
    const hashedPassword = await passwords.hash(password)
    return (await users.renewPasswordHash(user, hashedPassword)) ? { ...user, hashedPassword } : undefined
  }

  /** Returns the user if the password is right. */
  const verified = async ({ username, password }: PasswordLogin): Promise<Verified> => {
    // PostgreSQL cannot store a NUL character in text, so no user has such a name and a query would fail.
    const user = username.includes('\u0000') ? undefined : await users.findByUsername(username)
    // A deleted user does not exist for others. A suspended user is rejected by a gate, with a reason.
    const hash = user && (user.status === 'active' || user.status === 'suspended') ? user.hashedPassword : null
    // `verify` is also called if there is no such user, so that the response time does not reveal whether the user exists.
    return { user, isRight: await passwords.verify(password, hash) }
  }

  /** Returns a session, or the user whose password was wrong or who was changed meanwhile. */
  const tryLogin = async (
    login: PasswordLogin
  ): Promise<{ started?: StartedSession; user: UserRecord | undefined }> => {
    const counted = await throttle?.admit(login)
    let found: UserRecord | undefined
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const { user, isRight } = await checkedIn(counted, verified(login))
      found = user
      if (!user || !isRight) break
      // Only the first attempt may renew the hash. A later attempt usually runs because another login has renewed it, and a
      // second renewal would make that login start over.
      const current = await checkedIn(counted, renewed(user, login.password, attempt === 0))
      if (!current) continue
      // Before the gates, because a gate that asks for a second factor does not make the password wrong.
      await counted?.succeed()
      for (const gate of gates) await gate(current, login)
      const started = await start(current, login)
      if (started) return { started, user }
    }
    return { user: found }
  }

  return async login => {
    const { started, user } = await tryLogin(login)
    if (started) return started
    // An event cannot be deleted, and an unknown name has no limit over all networks: a client with a /48 has 65,536 of /64.
    await audit.countFailedLogin({ userId: user?.id, network: networkOf(login.client.address, user ? 64 : 48) })
    throw invalidCredentials()
  }
}

interface Verified {
  readonly user: UserRecord | undefined
  readonly isRight: boolean
}

const invalidCredentials = (): ChatError => new ChatError('invalid_credentials', 'Wrong username or password.')

/** Rejects users who are suspended, and those whose account is being deleted. */
export const refuseInactive: LoginGate = async ({ status }) => {
  if (status === 'suspended') throw suspended()
  if (status !== 'active') throw invalidCredentials()
}

/** Returns the error for a suspended user. */
export const suspended = (): ChatError =>
  new ChatError('account_suspended', 'Your account is suspended. Contact an administrator of the service.')
