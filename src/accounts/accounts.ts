/** Registers users with a password, logs them in, and identifies them by their access tokens. */

import type { SessionLifetime } from '../db/repositories/refresh-tokens.ts'
import type { UserRecord } from '../db/repositories/users.ts'
import { ChatError } from '../protocol/errors.ts'
import { type Administration, createAdministration } from './admin/administration.ts'
import { type AuditLog, createAuditLog } from './admin/audit-log.ts'
import type { AccountsContext, ClientInfo } from './context.ts'
import { createEmails, type Emails } from './emails/emails.ts'
import { createUnlessHeld, hashOfName } from './held-names.ts'
import { createPasswordLogin, type LoginGate, type LoginRequest, type PasswordLogin, refuseInactive } from './login.ts'
import { createPasswordChanges, type PasswordChanges } from './passwords/changes.ts'
import type { PasswordPolicy } from './passwords/policy.ts'
import type { LoginThrottle } from './passwords/throttle.ts'
import type { Passwords } from './passwords.ts'
import { createIdentify, type Identify } from './sessions/identify.ts'
import { createProofs, type Proofs } from './sessions/proof.ts'
import { createSessions, type Sessions } from './sessions/sessions.ts'
import { createSessionStarter, type StartedSession } from './sessions/start.ts'
import { createSessionUse } from './sessions/use.ts'
import type { AccessTokens } from './tokens/access-tokens.ts'
import type { TwoFactor } from './two-factor/two-factor.ts'

export interface AccountsOptions {
  readonly context: AccountsContext
  readonly passwords: Passwords
  readonly tokens: AccessTokens
  readonly lifetime: SessionLifetime
  /** Maximum duration in milliseconds of a socket without `chat.v1`. */
  readonly legacySocketMs: number
  readonly policy?: PasswordPolicy | undefined
  readonly throttle?: LoginThrottle | undefined
  /** Whether users must verify an e-mail address before they can log in. */
  readonly isEmailRequired?: boolean
  /**
   * The checks between the password and the session, in their order. Inactive users, and those without a verified address if
   * one is required, are always rejected first.
   */
  readonly gates?: readonly LoginGate[]
  /** The second factors, whose gate is the last one. */
  readonly twoFactor: TwoFactor
}

/** An e-mail address that a user entered, and the client of the request. */
export interface EnteredEmail {
  readonly address: string
  readonly client: ClientInfo
}

/** Manages the users who registered with a password. */
export interface Accounts {
  readonly context: AccountsContext
  readonly passwords: Passwords
  readonly twoFactor: TwoFactor
  readonly emails: Emails
  /**
   * Creates a user, and sends a link to the e-mail address. Throws `username_taken`, `password_too_common`, `validation_failed`
   * for an address that is not valid, or `busy` if too many hashes are queued.
   */
  register(username: string, password: string, email?: EnteredEmail): Promise<UserRecord>
  /**
   * Starts a session for a username and a password. The case of the username is ignored. Throws `invalid_credentials`, `busy`,
   * or the error of a gate, for example `account_suspended`.
   */
  login(login: PasswordLogin): Promise<StartedSession>
  /**
   * Starts a session of a user who was verified otherwise, for example by a second factor after the password. `user` is the
   * record that was checked: the session begins only if its hash, status and generation are still the same. Throws
   * `invalid_credentials` if they are not, and the error of a gate other than that of the second factor.
   */
  startSession(user: UserRecord, request: LoginRequest): Promise<StartedSession>
  /** See `Identify`. A token becomes invalid within half a second after its user or its session has ended. */
  readonly identify: Identify
  readonly sessions: Sessions
  readonly proofs: Proofs
  readonly administration: Administration
  readonly auditLog: AuditLog
  readonly passwordChanges: PasswordChanges
}

export const createAccounts = (options: AccountsOptions): Accounts => {
  const { context, passwords, tokens, lifetime, policy, throttle, twoFactor, isEmailRequired = false } = options
  const emails = createEmails({ context, isRequired: isEmailRequired })
  const gates = [refuseInactive, emails.gate, ...(options.gates ?? [])]
  const { clock, log, database } = context
  const { sessions, refreshTokens } = database
  const start = createSessionStarter(options)
  const use = createSessionUse({ sessions, refreshTokens, lifetime, clock, log })

  return {
    context,
    passwords,
    twoFactor,
    emails,
    async register(username, password, email) {
      policy?.check(password, username)
      const prepared = email && (await emails.prepare(email.address))
      const user = { username, hashedPassword: await passwords.hash(password) }
      const nameHash = await hashOfName(context, username)
      return database.transaction(async repositories => {
        const created = await createUnlessHeld(repositories, user, nameHash)
        if (prepared) await emails.store(repositories, created, prepared, email.client)
        return created
      })
    },
    login: createPasswordLogin({ context, passwords, start, throttle, gates: [...gates, twoFactor.gate] }),
    async startSession(user, request) {
      for (const gate of gates) await gate(user, request)
      const started = await start(user, request)
      if (started) return started
      throw new ChatError('invalid_credentials', 'Your account was changed meanwhile. Log in again.')
    },
    identify: createIdentify({ sessions, tokens, clock, use }),
    sessions: createSessions(options),
    passwordChanges: createPasswordChanges({ context, passwords, policy, throttle }),
    proofs: createProofs({
      context,
      passwords,
      throttle,
      gates: [(user, { client, code }) => twoFactor.requireCode({ user, client }, code)]
    }),
    administration: createAdministration(context),
    auditLog: createAuditLog(context)
  }
}
