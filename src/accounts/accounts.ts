/** Registers users with a password, logs them in, and identifies them by their access tokens. */

import type { SessionLifetime } from '../db/repositories/refresh-tokens.ts'
import type { UserRecord } from '../db/repositories/users.ts'
import { ChatError } from '../protocol/errors.ts'
import { type Administration, createAdministration } from './admin/administration.ts'
import { type AuditLog, createAuditLog } from './admin/audit-log.ts'
import { createInvitations, type Invitations } from './admin/invitations.ts'
import { createReportReview, type ReportReview } from './admin/reports.ts'
import type { AccountsContext } from './context.ts'
import { createEmails, type Emails } from './emails/emails.ts'
import type { Issuer } from './issuers/issuer.ts'
import { createPasswordLogin, type LoginGate, type LoginRequest, type PasswordLogin, refuseInactive } from './login.ts'
import { createPasswordChanges, type PasswordChanges } from './passwords/changes.ts'
import type { PasswordPolicy } from './passwords/policy.ts'
import type { LoginThrottle } from './passwords/throttle.ts'
import type { Passwords } from './passwords.ts'
import { createRegister, type Register, type RegistrationMode } from './registration.ts'
import { createIdentify, type Identify } from './sessions/identify.ts'
import { createProofs, type Proofs } from './sessions/proof.ts'
import { createSessions, type Sessions } from './sessions/sessions.ts'
import { createSessionStarter, type StartedSession } from './sessions/start.ts'
import { createSessionUse } from './sessions/use.ts'
import { type AccessTokens, badToken } from './tokens/access-tokens.ts'
import type { TwoFactor } from './two-factor/two-factor.ts'

export interface AccountsOptions {
  readonly context: AccountsContext
  readonly passwords: Passwords
  readonly tokens: AccessTokens
  readonly lifetime: SessionLifetime
  /** Maximum duration in milliseconds of a WebSocket connection without the subprotocol `chat.v1`. */
  readonly legacySocketMs: number
  readonly policy?: PasswordPolicy | undefined
  readonly throttle?: LoginThrottle | undefined
  /** True if users must verify an e-mail address before they can log in. */
  readonly isEmailRequired?: boolean
  /**
   * Further gates, which run in the order of the array after the built-in gates. The built-in gates reject inactive users, then
   * users who must still verify a second factor, then users without a required verified address.
   */
  readonly gates?: readonly LoginGate[]
  /**
   * The second factors. The gate `twoFactor.gate` runs before the gates that issue other challenges. Otherwise, a user who has
   * not verified the second factor could act with one of these challenges.
   */
  readonly twoFactor: TwoFactor
  /** The mode of registration. The default is `open`. */
  readonly registration?: RegistrationMode
  /** Another issuer whose access tokens are accepted. */
  readonly issuer?: Issuer | undefined
  /** True if the access tokens of this service are accepted. The default is true. */
  readonly isLocal?: boolean
}

/** Manages the accounts of the users who registered with a password, or who log in at another issuer. */
export interface Accounts {
  readonly context: AccountsContext
  readonly passwords: Passwords
  readonly twoFactor: TwoFactor
  readonly emails: Emails
  readonly register: Register
  /**
   * Starts a session for a username and a password. The case of the username is ignored. Throws `invalid_credentials`,
   * `rate_limited`, `busy`, or the error of a gate, for example `account_suspended`.
   */
  login(login: PasswordLogin): Promise<StartedSession>
  /**
   * Starts a session of a user who was verified in another way, for example by a second factor after the password. `user` is
   * the record that was checked. Throws `invalid_credentials` if its `hashedPassword`, `status` or `generation` has changed
   * since the check. May also throw the error of any gate except that of the second factor.
   */
  startSession(user: UserRecord, request: LoginRequest): Promise<StartedSession>
  /**
   * See `Identify`. Accepts access tokens of the other issuer, and those of this service if `isLocal` is true. A token becomes
   * invalid within half a second after its session has ended or its user was suspended or deleted.
   */
  readonly identify: Identify
  readonly sessions: Sessions
  readonly proofs: Proofs
  readonly administration: Administration
  readonly invitations: Invitations
  readonly auditLog: AuditLog
  readonly reports: ReportReview
  readonly passwordChanges: PasswordChanges
}

export const createAccounts = (options: AccountsOptions): Accounts => {
  const { context, passwords, tokens, lifetime, policy, throttle, twoFactor, isEmailRequired = false } = options
  const { registration = 'open', issuer, isLocal = true } = options
  const emails = createEmails({ context, isRequired: isEmailRequired })
  // `twoFactor.gate` must run before these gates. With a challenge of `emails.gate`, a user can enter another address, so the
  // user must verify the second factor first.
  const gates = [emails.gate, ...(options.gates ?? [])]
  const { clock, log, database } = context
  const { sessions, refreshTokens } = database
  const start = createSessionStarter(options)
  const use = createSessionUse({ sessions, refreshTokens, lifetime, clock, log })
  const identifyOwn: Identify = isLocal ? createIdentify({ sessions, tokens, clock, use }) : refuseToken

  return {
    context,
    passwords,
    twoFactor,
    emails,
    register: createRegister({ context, passwords, emails, policy, mode: registration }),
    login: createPasswordLogin({
      context,
      passwords,
      start,
      throttle,
      gates: [refuseInactive, twoFactor.gate, ...gates]
    }),
    async startSession(user, request) {
      for (const gate of [refuseInactive, ...gates]) await gate(user, request)
      const started = await start(user, request)
      if (started) return started
      throw new ChatError('invalid_credentials', 'Your account was changed during this request. Log in again.')
    },
    identify: token => (issuer?.names(token) ? issuer.identify(token) : identifyOwn(token)),
    sessions: createSessions(options),
    passwordChanges: createPasswordChanges({ context, passwords, policy, throttle }),
    proofs: createProofs({
      context,
      passwords,
      throttle,
      gates: [(user, { client, code }) => twoFactor.requireCode({ user, client }, code)]
    }),
    administration: createAdministration(context),
    invitations: createInvitations(context, registration),
    auditLog: createAuditLog(context),
    reports: createReportReview(context)
  }
}

const refuseToken = (): never => {
  throw badToken()
}
