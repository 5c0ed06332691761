/** Declares what the auth plugin adds to Fastify: `chatAuth`, `request.chatUser`, and the configuration of routes. */
import type { FastifyRequest } from 'fastify'
import type { Accounts } from '../../src/accounts/accounts.ts'
import type { HostUser } from '../../src/accounts/host-users.ts'
import type { Identity } from '../../src/accounts/sessions/identify.ts'
import type { Principal } from '../../src/chat/access/authorize.ts'
import type { UserRecord } from '../../src/db/repositories/users.ts'
import type { SessionCookies } from '../../src/http/session-cookies.ts'

/** The authenticated user of a request. `sessionId` is null if a host application or another issuer authenticated the user. */
export type Caller = Principal &
  Pick<UserRecord, 'createdAt' | 'generation' | 'role'> &
  Pick<Identity, 'sessionId' | 'authenticatedAt'>

/**
 * Returns the host user who sent a request. Returns null or undefined if the request has no authenticated user. Called for each
 * request and upgrade that requires a user.
 */
export type Authenticate = (
  request: FastifyRequest
) => HostUser | null | undefined | Promise<HostUser | null | undefined>

/** Authenticates the users of requests. */
export interface ChatAuth {
  /** The accounts of this service. Null if a host application authenticates the users. */
  readonly accounts: Accounts | null
  /** True if users can register and log in at this service. */
  readonly hasLocalAccounts: boolean
  /** Reads and writes the cookie of a session. Not used if a host application authenticates the users. */
  readonly cookies: SessionCookies
  /**
   * Sets `request.chatUser`. Throws an error with the status 401 or 403 if the request is not authenticated, or if the account
   * was suspended or deleted. Rethrows a 4xx error of the host's `authenticate` whose `expose` is true. Throws `unavailable` if
   * `authenticate` fails otherwise, or if the keys of another issuer cannot be fetched. Used as an `onRequest` hook.
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
   * Returns the user of a new token that was sent on an open connection. Throws the errors of `Accounts.identify`, for example
   * `token_expired`. If a host application authenticates the users, always throws `not_allowed`.
   */
  renew(token: string): Promise<Caller>
  /**
   * Throws `proof_required` if the user of a request has not proven their identity within the last ten minutes. Sets the
   * generation of `request.chatUser` to the current generation of the session. A password change in the session may have
   * raised this number since the request was authenticated. If a host application authenticates the users, always throws
   * `not_allowed`. Called for routes with `chatProof`.
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

declare module 'fastify' {
  interface FastifyInstance {
    chatAuth: ChatAuth
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
