/** Reads the user, the session, the client and the token from a request. */
import type { FastifyRequest } from 'fastify'
import type { Administrator } from '../../src/accounts/admin/actor.ts'
import type { ClientInfo } from '../../src/accounts/context.ts'
import type { Identity } from '../../src/accounts/sessions/identify.ts'
import { extractToken } from '../../src/accounts/tokens/extract-token.ts'
import type { FactorActor } from '../../src/accounts/two-factor/change.ts'
import type { UserSession } from '../../src/db/repositories/live-session.ts'
import type { CheckedUser } from '../../src/db/repositories/users.ts'
import { clientAddress } from '../../src/lib/client-address.ts'
import { safeHeader } from '../../src/lib/logging.ts'
import { ChatError } from '../../src/protocol/errors.ts'
import type { Caller } from './types.ts'

/** Returns the user of a request. Throws `missing_token` if the request has not passed `requireUser` or `requireSocketUser`. */
export const callerOf = ({ chatUser }: FastifyRequest): Caller => {
  if (!chatUser) throw missingToken()
  return chatUser
}

/**
 * Returns the user of a request, for use in a write. The write checks again that the session has not ended and that the user's
 * proof of identity is recent. Call it in routes with `chatProof`.
 */
export const provenOwnerOf = (request: FastifyRequest): CheckedUser => {
  const { userId: id, generation, sessionId } = callerOf(request)
  return { id, generation, sessionId, isProven: true }
}

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

/** Returns the user whose second factors a request changes, and the client that sent the request. */
export const factorActorOf = (request: FastifyRequest): FactorActor => {
  const { userId: id, username, generation, sessionId } = callerOf(request)
  return { user: { id, username, generation, sessionId }, client: clientOf(request) }
}

/** Converts an identity to a caller. `askedAt` is the time of the monotonic clock before the identity was looked up. */
export const callerFrom = ({ user, ...identity }: Identity, askedAt: number): Caller => ({
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
    // `safeHeader` replaces each space with `%20`. The spaces are restored here, because users read the value in the list of
    // sessions.
    agent: agent === undefined ? undefined : safeHeader(agent).replaceAll('%20', ' ').slice(0, MAX_AGENT)
  }
}

/** Returns the access token in the Authorization header of a request. */
export const tokenOf = ({ headers }: FastifyRequest): string | undefined =>
  extractToken({ authorization: headers.authorization })

/** Returns the error for a request without a token. `example` shows how to send a token. */
export const missingToken = (example = 'Authorization: Bearer <token>'): ChatError =>
  new ChatError('missing_token', `The request has no access token. Send it, for example, as "${example}".`)

/**
 * Returns the token of a WebSocket upgrade, from the Authorization header, a subprotocol or the query. Browsers need the
 * subprotocol or the query, because they cannot set the Authorization header of a WebSocket.
 */
export const socketToken = ({ headers, query }: FastifyRequest): string | undefined => {
  const { token } = query as { token?: unknown }
  return extractToken({
    authorization: headers.authorization,
    subprotocols: headers['sec-websocket-protocol'],
    queryToken: typeof token === 'string' ? token : undefined
  })
}
