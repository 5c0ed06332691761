/**
 * Logs users in with a password, in four steps: throttle, password, gates, session. The statement that inserts the session
 * checks again that the user has not changed since the password was verified.
 */
import type { UserRecord } from '../db/repositories/users.ts'
import { networkOf } from '../lib/client-address.ts'
import { ChatError } from '../protocol/errors.ts'
import type { AccountsContext, ClientInfo } from './context.ts'
import { checkedIn, type LoginThrottle } from './passwords/throttle.ts'
import type { PasswordMatch, Passwords } from './passwords.ts'
import type { SessionStarter, StartedSession } from './sessions/start.ts'

/** The options of a login. */
export interface LoginOptions {
  /** True if the session has refresh tokens. */
  readonly session?: boolean | undefined
  /** True if the refresh tokens are sent in a cookie. Implies `session`. */
  readonly cookie?: boolean | undefined
  /** True if the browser keeps the cookie when the browser is closed. The default is true. */
  readonly remember?: boolean | undefined
}

/** A request that logs a user in. */
export interface LoginRequest {
  readonly client: ClientInfo
  readonly options: LoginOptions
  /**
   * The refresh token from the cookie of the request. The login replaces this cookie, so it also ends the session of this
   * refresh token.
   */
  readonly replaces?: string | undefined
}

export interface PasswordLogin extends LoginRequest {
  readonly username: string
  readonly password: string
}

/**
 * Checks a user whose password or passkey was verified. Throws a ChatError to reject the login, for example because a second
 * factor is required.
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

/**
 * Returns a function that starts a session for a username and a password. The function throws `invalid_credentials`,
 * `rate_limited`, `busy`, or the error of a gate.
 */
export const createPasswordLogin = (
  options: PasswordLoginOptions
): ((login: PasswordLogin) => Promise<StartedSession>) => {
  const { context, passwords, start, throttle, gates } = options
  const { users, audit } = context.database

  /**
   * Replaces an outdated hash. Returns the user with the current hash, or undefined if the user was changed since the
   * password was checked.
   */
  const renewed = async (user: UserRecord, password: string): Promise<UserRecord | undefined> => {
    const hashedPassword = await passwords.hash(password)
    return (await users.renewPasswordHash(user, hashedPassword)) ? { ...user, hashedPassword } : undefined
  }

  /** Looks up the user and verifies the password. */
  const verified = async ({ username, password }: PasswordLogin): Promise<Verified> => {
    // No user has a name with a NUL character, because PostgreSQL cannot store this character. A query with such a name would
    // fail.
    const user = username.includes('\u0000') ? undefined : await users.findByUsername(username)
    // A deleted user is treated as unknown. A suspended user is rejected later, by a gate that states the reason.
    const hash = user && (user.status === 'active' || user.status === 'suspended') ? user.hashedPassword : null
    // `verify` is also called if there is no such user, so that the response time does not reveal whether the user exists.
    return { user, match: await passwords.verify(password, hash) }
  }

  /**
   * Returns a session if the login succeeds. If the login fails, returns only the user with the given name, or undefined if
   * there is no such user. A login also fails if other requests changed the user during every attempt.
   */
  const tryLogin = async (
    login: PasswordLogin
  ): Promise<{ started?: StartedSession; user: UserRecord | undefined }> => {
    const counted = await throttle?.admit(login)
    let found: UserRecord | undefined
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const { user, match } = await checkedIn(counted, verified(login))
      found = user
      if (!user || match === 'none') break
      const isDue = match === 'outdated' && user.status === 'active'
      const current = isDue ? await checkedIn(counted, renewed(user, login.password)) : user
      if (!current) continue
      // The throttle counts only wrong passwords, so a right password resets it even if a gate then rejects the login.
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
    // Failed logins with unknown names are counted per network and not per name. Otherwise, an attacker who tries many names
    // would add an event for each name. For unknown names, an IPv6 network is a /48, because an attacker with a /48 could use
    // 65,536 networks of /64.
    await audit.countFailedLogin({ userId: user?.id, network: networkOf(login.client.address, user ? 64 : 48) })
    throw invalidCredentials()
  }
}

interface Verified {
  readonly user: UserRecord | undefined
  readonly match: PasswordMatch
}

const invalidCredentials = (): ChatError => new ChatError('invalid_credentials', 'Wrong username or password.')

/** Rejects users whose account is suspended or deleted, or is being deleted. */
export const refuseInactive: LoginGate = async ({ status }) => {
  if (status === 'suspended') throw suspended()
  if (status !== 'active') throw invalidCredentials()
}

/** Returns the error for a suspended user. */
export const suspended = (): ChatError =>
  new ChatError('account_suspended', 'Your account is suspended. Contact an administrator of the service.')
