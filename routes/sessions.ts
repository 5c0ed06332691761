/** Serves the sessions of users: refreshes and ends them, lists them, and accepts proofs of a user's identity. */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import {
  type Accounts,
  callerOf,
  clientOf,
  PROOF_SECONDS,
  provenOwnerOf,
  sessionIdOfToken,
  tokenOf
} from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { limitNetwork, perMinute } from '../plugins/platform.ts'
import { timestamp } from '../src/lib/clock.ts'
import { refTo } from '../src/protocol/components.ts'
import { ChatError } from '../src/protocol/errors.ts'
import { Proof, Proven, RefreshTokenBody, SessionList } from '../src/protocol/http/sessions.ts'
import { AccessToken } from '../src/protocol/http/users.ts'
import {
  ANY_BODY,
  emptyResponse,
  jsonResponse,
  PUBLIC,
  problems,
  SECURED,
  TOKEN_PROBLEMS
} from '../src/protocol/openapi.ts'
import { type AuthRoutesOptions, BODY_LIMIT } from './auth.ts'
import { isOverlong, normalizing } from './normalize-password.ts'
import { optionalBody } from './optional-body.ts'
import { sessionResponse } from './session-response.ts'

const BODY = [...ANY_BODY, 'validation_failed', 'rate_limited', 'unavailable'] as const
const SessionId = Type.Object({ id: Type.String({ maxLength: 64, pattern: '^[\\w-]*$' }) })

/** Registers the routes that need no access token. */
export const publicSessionRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { accounts, cookies } = fastify.chatAuth
  if (!accounts) return
  const shared = { bodyLimit: BODY_LIMIT, preValidation: optionalBody, preHandler: limitNetwork() }

  fastify.route({
    method: 'POST',
    url: '/api/auth/refresh',
    ...shared,
    schema: {
      operationId: 'refresh',
      summary: 'Exchange a refresh token for new tokens',
      description:
        'The same token may be sent again, for example because the response was lost: the response contains the same refresh token. A token that was replaced long ago ends its session.',
      tags: ['auth'],
      security: PUBLIC,
      body: refTo(RefreshTokenBody),
      response: {
        200: jsonResponse('The new tokens.', refTo(AccessToken)),
        ...problems('invalid_refresh_token', 'account_suspended', 'origin_not_allowed', ...BODY)
      }
    },
    async handler(request, reply) {
      const { refresh_token: given } = request.body
      const client = clientOf(request)
      if (given !== undefined) {
        return sessionResponse(
          request,
          reply,
          await accounts.sessions.refresh({ token: given, isCookie: false, client })
        )
      }
      cookies.requireOwnPage(request)
      const token = cookies.read(request) ?? ''
      return sessionResponse(request, reply, await accounts.sessions.refresh({ token, isCookie: true, client }))
    }
  })

  fastify.route({
    method: 'POST',
    url: '/api/auth/logout',
    ...shared,
    schema: {
      operationId: 'logout',
      summary: 'End the session of a refresh token, of the cookie, or of the access token',
      description:
        'The token in the body takes precedence over the access token, and the access token over the cookie. Every connection of the session is closed.',
      tags: ['auth'],
      security: PUBLIC,
      body: refTo(RefreshTokenBody),
      response: {
        204: emptyResponse('The session has ended.'),
        ...problems('origin_not_allowed', ...TOKEN_PROBLEMS, ...BODY)
      }
    },
    async handler(request, reply) {
      const ended = await logOut(accounts, request, request.body.refresh_token)
      const cookie = cookies.read(request)
      // Does not clear the cookie if it contains the token of another session.
      const isEnded = cookie !== undefined && sessionIdOfToken(cookie) === ended
      if (isEnded && cookies.isOwnPage(request)) cookies.clear(request, reply)
      return reply.code(204).send()
    }
  })
}

/**
 * Ends a session. Uses the refresh token in the body, or else the access token, or else the cookie. Throws `missing_token` if
 * the request has none of them, and the errors of `Accounts.identify` for an access token. Returns the id of the session, or no
 * id if the token has no session. For a refresh token, returns the id even if the session had already ended.
 */
const logOut = async (
  accounts: Accounts,
  request: FastifyRequest,
  given: string | undefined
): Promise<string | null | undefined> => {
  const { cookies } = request.server.chatAuth
  const client = clientOf(request)
  if (given !== undefined) {
    await accounts.sessions.endByToken({ token: given, isCookie: false, client })
    return sessionIdOfToken(given)
  }
  const accessToken = tokenOf(request)
  if (accessToken !== undefined) {
    const { user, sessionId } = await accounts.identify(accessToken)
    if (sessionId !== null) await accounts.sessions.end({ userId: user.id, sessionId, client })
    return sessionId
  }
  const token = cookies.read(request)
  if (token === undefined)
    throw new ChatError('missing_token', 'Send the refresh token or the access token to log out.')
  cookies.requireOwnPage(request)
  await accounts.sessions.endByToken({ token, isCookie: true, client })
  return sessionIdOfToken(token)
}

/** Registers the routes that need an access token. */
const sessionRoutes: FastifyPluginAsyncTypebox<Pick<AuthRoutesOptions, 'loginRateLimit'>> = async (
  fastify,
  { loginRateLimit }
) => {
  const { accounts, cookies } = fastify.chatAuth
  if (!accounts) return

  fastify.route({
    method: 'GET',
    url: '/api/auth/sessions',
    preHandler: limitReads(),
    schema: {
      operationId: 'listSessions',
      summary: 'Your sessions, the most recently used first',
      description: 'A session is a login on one device. `current` is true for the session of this request.',
      tags: ['auth'],
      security: SECURED,
      response: {
        200: jsonResponse('The sessions.', refTo(SessionList)),
        ...problems(...TOKEN_PROBLEMS, 'rate_limited', 'busy')
      }
    },
    async handler(request) {
      const { userId, sessionId } = callerOf(request)
      const sessions = await accounts.sessions.list(userId)
      return {
        sessions: sessions.map(({ id, device, address, createdAt, lastUsedAt }) => ({
          id,
          device,
          address,
          created_at: timestamp(createdAt),
          last_used_at: timestamp(lastUsedAt),
          current: id === sessionId
        }))
      }
    }
  })

  fastify.route({
    method: 'DELETE',
    url: '/api/auth/sessions/:id',
    schema: {
      operationId: 'endSession',
      summary: 'End one of your sessions',
      description: 'Ending a session other than the current one requires a recent proof.',
      tags: ['auth'],
      security: SECURED,
      params: SessionId,
      response: {
        204: emptyResponse('The session has ended.'),
        ...problems('not_found', 'proof_required', 'validation_failed', ...ANY_BODY, ...TOKEN_PROBLEMS)
      }
    },
    async handler(request, reply) {
      const { userId, sessionId } = callerOf(request)
      const { id } = request.params
      const isCurrent = id === sessionId
      if (!isCurrent) await fastify.chatAuth.requireProof(request)
      const client = clientOf(request)
      const isEnded = isCurrent
        ? await accounts.sessions.end({ userId, sessionId: id, client })
        : await accounts.sessions.endOther(provenOwnerOf(request), id, client)
      if (!isEnded) {
        throw new ChatError('not_found', 'You have no such session. It may have ended already.')
      }
      return reply.code(204).send()
    }
  })

  fastify.route({
    method: 'POST',
    url: '/api/auth/logout-all',
    config: { chatProof: true },
    schema: {
      operationId: 'logoutAll',
      summary: 'End all your sessions, including this one',
      description:
        'Ends every session and every access token on all processes, and closes their connections with 4401.',
      tags: ['auth'],
      security: SECURED,
      response: {
        204: emptyResponse('All sessions have ended.'),
        ...problems('proof_required', ...ANY_BODY, ...TOKEN_PROBLEMS)
      }
    },
    async handler(request, reply) {
      const cookie = cookies.isOwnPage(request) ? cookies.read(request) : undefined
      const userOfCookie = cookie && (await accounts.sessions.userOf(cookie))
      await accounts.sessions.endAll(provenOwnerOf(request), clientOf(request))
      if (userOfCookie === callerOf(request).userId) cookies.clear(request, reply)
      return reply.code(204).send()
    }
  })

  fastify.route({
    method: 'POST',
    url: '/api/auth/proof',
    bodyLimit: BODY_LIMIT,
    config: perMinute(loginRateLimit, ':proof'),
    preValidation: normalizing('password', isOverlong),
    schema: {
      operationId: 'prove',
      summary: 'Prove who you are, for requests that respond with proof_required',
      description: 'A login is a proof too. A proof is accepted for ten minutes.',
      tags: ['auth'],
      security: SECURED,
      body: refTo(Proof),
      response: {
        200: jsonResponse('The proof is accepted.', refTo(Proven), { isLimited: true }),
        ...problems(
          'invalid_credentials',
          'second_factor_required',
          'invalid_code',
          'rate_limited',
          'busy',
          ...TOKEN_PROBLEMS,
          ...BODY
        )
      }
    },
    async handler(request) {
      const { userId, sessionId } = callerOf(request)
      await accounts.proofs.prove({ userId, sessionId, ...request.body, client: clientOf(request) })
      return { expires_in: PROOF_SECONDS }
    }
  })
}

export default sessionRoutes
