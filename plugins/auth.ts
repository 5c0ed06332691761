/**
 * Authenticates requests. Registered users are authenticated by an access token, and host users by the host's function
 * `authenticate`. Decorates `chatAuth` and `request.chatUser`.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Accounts } from '../src/accounts/accounts.ts'
import type { Administrator } from '../src/accounts/admin/actor.ts'
import { createAdminGuard } from '../src/accounts/admin/admin-guard.ts'
import type { ClientInfo } from '../src/accounts/context.ts'
import { createHostUsers, type HostUser } from '../src/accounts/host-users.ts'
import { createRetention, retentionJobs } from '../src/accounts/retention.ts'
import type { Identity } from '../src/accounts/sessions/identify.ts'
import { extractToken } from '../src/accounts/tokens/extract-token.ts'
import type { FactorActor } from '../src/accounts/two-factor/change.ts'
import type { Principal } from '../src/chat/access/authorize.ts'
import { createOptionsReader, type SettingOptions } from '../src/config/plugin-options.ts'
import { administrationSettings } from '../src/config/settings/audit.ts'
import { authSettings } from '../src/config/settings/auth.ts'
import { chatSettings } from '../src/config/settings/chat.ts'
import { platformSettings } from '../src/config/settings/http.ts'
import { issuerSettings } from '../src/config/settings/issuers.ts'
import { mailSettings } from '../src/config/settings/mail.ts'
import { passwordSettings } from '../src/config/settings/passwords.ts'
import { registrationSettings } from '../src/config/settings/registration.ts'
import { sessionSettings } from '../src/config/settings/sessions.ts'
import { twoFactorSettings } from '../src/config/settings/two-factor.ts'
import type { UserSession } from '../src/db/repositories/live-session.ts'
import type { CheckedUser, UserRecord } from '../src/db/repositories/users.ts'
import { createSessionCookies, type SessionCookies } from '../src/http/session-cookies.ts'
import { clientAddress } from '../src/lib/client-address.ts'
import { type Clock, systemClock } from '../src/lib/clock.ts'
import { safeHeader } from '../src/lib/logging.ts'
import { withoutRepeats } from '../src/lib/repeated-log.ts'
import { whenKnown } from '../src/lib/when-known.ts'
import { ChatError } from '../src/protocol/errors.ts'
import { shutdownOf } from '../src/shutdown.ts'

/** The authenticated user of a request. `sessionId` is null if a host application authenticates the users. */
export type Caller = Principal &
  Pick<UserRecord, 'createdAt' | 'generation' | 'role'> &
  Pick<Identity, 'sessionId' | 'authenticatedAt'>

/**
 * Returns the host user who sent a request, or nothing if nobody is logged in. Called for each request and upgrade that
 * requires a user.
 */
export type Authenticate = (
  request: FastifyRequest
) => HostUser | null | undefined | Promise<HostUser | null | undefined>

declare module 'fastify' {
  interface FastifyInstance {
    chatAuth: {
      /** The accounts of this service. Null if a host application authenticates the users. */
      readonly accounts: Accounts | null
      /** True if users can register and log in at this service. */
      readonly hasLocalAccounts: boolean
      /** The cookie of sessions. Not used if a host application authenticates the users. */
      readonly cookies: SessionCookies
      /**
       * Sets `request.chatUser`. Throws an error with the status 401 if the request is not authenticated, and `unavailable` if
       * the host's `authenticate` fails. Used as an `onRequest` hook.
       */
      requireUser(request: FastifyRequest): Promise<void>
      /**
       * Checks the user of a request again, because the body may arrive long after the headers. In the meantime, the session
       * may have ended, or the user may have been suspended or deleted. Does not call the host's `authenticate` again. Used as
       * a `preValidation` hook.
       */
      recheckUser(request: FastifyRequest): Promise<void>
      /** Like `requireUser`, for a WebSocket upgrade: the token may also be in the subprotocols or in the query. */
      requireSocketUser(request: FastifyRequest): Promise<void>
      /**
       * Returns the user of a new token that was sent on an open connection. Throws `invalid_token` or `token_expired`. If a
       * host application authenticates the users, always throws `not_allowed`.
       */
      renew(token: string): Promise<Caller>
      /**
       * Throws `proof_required` unless the user of a request has proven within the last ten minutes who they are. Sets the
       * generation of `request.chatUser`. Called for routes with `chatProof`.
       */
      requireProof(request: FastifyRequest): Promise<void>
      /**
       * Throws `not_allowed` if the user of a request is not an administrator. Throws `second_factor_missing` if administrators
       * need a second factor and the user has none. Called for routes with `chatAdmin`.
       */
      requireAdmin(request: FastifyRequest): Promise<void>
      /** Returns the chat user of a host user. Creates the chat user on first use. */
      admit(person: HostUser): Promise<UserRecord>
    }
  }
  interface FastifyRequest {
    chatUser: Caller | null
  }
  interface FastifyContextConfig {
    /** Requires a recent proof of the user's identity: a login, or `POST /api/auth/proof`, within the last ten minutes. */
    chatProof?: boolean
    /** Accepts a login at another issuer as the proof that `chatProof` requires. */
    chatIssuerProof?: boolean
    /** Requires an administrator. */
    chatAdmin?: boolean
  }
}

/**
 * Options of the auth plugin. docs/settings.md describes the options that are settings. `secretKey` is required unless
 * `authenticate` is given.
 */
export interface ChatAuthOptions extends SettingOptions<typeof ownSettings> {
  /** Authenticates the users of a host application. With this function, the service has no accounts and issues no tokens. */
  readonly authenticate?: Authenticate | undefined
  readonly clock?: Clock
}

/** Default time in milliseconds for which the authentication of a host user is valid. */
const DAY_MS = 24 * 60 * 60 * 1000

export const ownSettings = {
  ...authSettings,
  ...administrationSettings,
  ...twoFactorSettings,
  ...passwordSettings,
  ...sessionSettings,
  ...registrationSettings,
  ...issuerSettings,
  legacySocketHours: chatSettings.legacySocketHours,
  publicUrl: platformSettings.publicUrl,
  requireVerifiedEmail: mailSettings.requireVerifiedEmail
}

const readOptions = createOptionsReader('chat-auth', {
  settings: ownSettings,
  // Not required with `authenticate`, because the service then signs no tokens.
  excused: ['secretKey'],
  functions: ['authenticate']
})

export default fp(
  async function chatAuth(fastify: FastifyInstance, options: ChatAuthOptions) {
    const values = readOptions(options)
    const { authenticate, clock = systemClock } = options
    const { users } = fastify.chatDb
    const hostUsers = createHostUsers({ users, log: withoutRepeats(fastify.server, fastify.log, clock), clock })

    const audience = values.audience ?? fastify.chatDb.schema
    const cookies = createSessionCookies({ audience, publicUrl: values.publicUrl })
    startRetention(fastify, clock, values.auditAddressDays)
    fastify.decorateRequest('chatUser', null)
    if (authenticate) {
      const requireUser = async (request: FastifyRequest): Promise<void> => {
        const askedAt = clock.monotonic()
        const { user, expiresAt = clock.now() + DAY_MS } = await hostUsers.identify(() => authenticate(request))
        request.chatUser = callerFrom({ user, expiresAt, sessionId: null, generation: user.generation }, askedAt)
      }
      const refuseProof = (): never => {
        throw new ChatError('not_allowed', 'This application authenticates its users itself.')
      }
      const renew = async () => {
        throw new ChatError(
          'not_allowed',
          'This application authenticates its users itself. Reconnect instead of sending a token.'
        )
      }
      fastify.decorate('chatAuth', {
        accounts: null,
        hasLocalAccounts: false,
        cookies,
        requireUser,
        recheckUser: request => hostUsers.recheck(callerOf(request)),
        requireSocketUser: requireUser,
        renew,
        requireProof: async () => refuseProof(),
        requireAdmin: async () => refuseProof(),
        admit: hostUsers.admit
      })
      return
    }

    // Loaded here, so that a host with its own users does not load the code and the libraries of accounts.
    const { createOwnAccounts } = await import('./auth/own-accounts.ts')
    const accounts = await createOwnAccounts(fastify, values, clock)
    const adminGuard = createAdminGuard({
      administration: fastify.chatDb.administration,
      factors: fastify.chatDb.factors,
      isFactorRequired: values.adminSecondFactor
    })
    fastify.addHook('onListen', async () => {
      const warning = await adminGuard.warning()
      if (warning) fastify.log.warn(warning)
    })
    const identify = (token: string): Caller | Promise<Caller> => {
      const askedAt = clock.monotonic()
      return whenKnown(accounts.identify(token), identity =>
        callerFrom({ ...identity, user: { ...identity.user, externalId: null } }, askedAt)
      )
    }
    const requireToken = async (request: FastifyRequest, token: string | undefined, example?: string) => {
      if (!token) throw missingToken(example)
      const caller = identify(token)
      request.chatUser = caller instanceof Promise ? await caller : caller
    }
    fastify.decorate('chatAuth', {
      accounts,
      hasLocalAccounts: values.authLocal,
      cookies,
      requireUser: request => requireToken(request, tokenOf(request)),
      recheckUser: request => requireToken(request, tokenOf(request)),
      requireSocketUser: request => requireToken(request, socketToken(request), '/ws/chat?token=<token>'),
      renew: async token => identify(token),
      async requireProof(request) {
        const caller = callerOf(request)
        const { userId, sessionId, authenticatedAt } = caller
        const { chatIssuerProof } = request.routeOptions.config
        const proven = { userId, sessionId, ...(chatIssuerProof ? { authenticatedAt } : {}) }
        // The cached generation is too low if the session has just changed the password.
        const generation = (await accounts.proofs.require(proven)) ?? caller.generation
        request.chatUser = { ...caller, generation }
      },
      requireAdmin: request => adminGuard.check(callerOf(request)),
      admit: hostUsers.admit
    })
  },
  { name: 'chat-auth', fastify: '5.x', dependencies: ['chat-db'] }
)

/** Returns the user of a request. Throws `missing_token` if the request has not passed `requireUser` or `requireSocketUser`. */
export const callerOf = ({ chatUser }: FastifyRequest): Caller => {
  if (!chatUser) throw missingToken()
  return chatUser
}

/**
 * Returns the user of a request, for a write that checks again that the session has not ended and is proven. Call it in routes
 * with `chatProof`.
 */
export const provenOwnerOf = (request: FastifyRequest): CheckedUser => {
  const { userId: id, generation, sessionId } = callerOf(request)
  return { id, generation, sessionId, isProven: true }
}

export type { ManagedUser as StoredManagedUser } from '../src/db/repositories/administration.ts'
export type { AuditRow } from '../src/db/repositories/audit-reader.ts'

/** Returns the session of a request. Call it in routes with `chatProof`. */
export const sessionOf = (request: FastifyRequest): UserSession => {
  const { userId, generation, sessionId } = callerOf(request)
  // `chatProof` has already rejected requests without a session.
  if (sessionId === null) throw new ChatError('proof_required', 'Log in again.')
  return { userId, generation, sessionId }
}

/** Returns the administrator who sent a request. Call it in routes with `chatAdmin` and `chatProof`. */
export const administratorOf = (request: FastifyRequest): Administrator => ({
  ...sessionOf(request),
  client: clientOf(request)
})

const callerFrom = ({ user, ...identity }: Identity, askedAt: number): Caller => ({
  ...identity,
  userId: user.id,
  username: user.username,
  externalId: user.externalId,
  createdAt: user.createdAt,
  role: user.role,
  askedAt
})

/** Maximum length of a stored `User-Agent`. */
const MAX_AGENT = 200

/** Returns the client of a request, for the audit log, rate limits and the list of sessions. */
export const clientOf = (request: FastifyRequest): ClientInfo => {
  const agent = request.headers['user-agent']
  return {
    address: clientAddress(request),
    // Decodes spaces, because people read the name of a device.
    agent: agent === undefined ? undefined : safeHeader(agent).replaceAll('%20', ' ').slice(0, MAX_AGENT)
  }
}

/** Returns the access token in the Authorization header of a request. */
export const tokenOf = ({ headers }: FastifyRequest): string | undefined =>
  extractToken({ authorization: headers.authorization })

// Routes must not import src/accounts directly, so this plugin exports what they need.
export type { Accounts } from '../src/accounts/accounts.ts'
export type { LoginRequest } from '../src/accounts/login.ts'
export { PROOF_SECONDS } from '../src/accounts/sessions/proof.ts'
export { sessionIdOfToken } from '../src/accounts/sessions/refresh-token.ts'
export type { StartedSession } from '../src/accounts/sessions/start.ts'
/** Returns the user whose second factors a request changes, and the client that sent the request. */
export const factorActorOf = (request: FastifyRequest): FactorActor => {
  const { userId: id, username, generation, sessionId } = callerOf(request)
  return { user: { id, username, generation, sessionId }, client: clientOf(request) }
}

const missingToken = (example = 'Authorization: Bearer <token>'): ChatError =>
  new ChatError('missing_token', `The request has no access token. Send it, for example, as "${example}".`)

/**
 * Returns the token of a WebSocket upgrade, from the Authorization header, a subprotocol or the query. A browser cannot set the
 * Authorization header of a WebSocket.
 */
const socketToken = ({ headers, query }: FastifyRequest): string | undefined => {
  const { token } = query as { token?: unknown }
  return extractToken({
    authorization: headers.authorization,
    subprotocols: headers['sec-websocket-protocol'],
    queryToken: typeof token === 'string' ? token : undefined
  })
}

/** Starts to delete data whose retention time has ended. Stops when the process stops. */
const startRetention = (fastify: FastifyInstance, clock: Clock, addressDays: number): void => {
  const log = withoutRepeats(fastify.server, fastify.log, clock)
  const retention = createRetention({ jobs: retentionJobs(fastify.chatDb, addressDays), clock, log })
  fastify.addHook('onListen', async () => retention.start())
  shutdownOf(fastify).add('stop background work', () => retention.stop())
}
