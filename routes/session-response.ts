/**
 * Reads the options of a login from a request, and sends the tokens of a session. The refresh token is sent in the body or in a
 * cookie.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { clientOf, type LoginRequest, type StartedSession } from '../plugins/auth.ts'
import type { AccessToken } from '../src/protocol/http/users.ts'

/** Returns the client and the options of a login. Throws `origin_not_allowed` if a page of another origin requests a cookie. */
export const loginRequestOf = (
  request: FastifyRequest,
  { session, cookie, remember }: LoginRequest['options']
): LoginRequest => {
  const { cookies } = request.server.chatAuth
  const client = clientOf(request)
  const options = { session, cookie, remember }
  if (!cookie) return { client, options }
  cookies.requireOwnPage(request)
  return { client, options, replaces: cookies.read(request) }
}

/** Returns the response to a login or a refresh, and sets the cookie if the session uses a cookie. */
export const sessionResponse = (
  request: FastifyRequest,
  reply: FastifyReply,
  { token, sessionId, refresh }: StartedSession
): AccessToken => {
  if (!refresh) return token
  const body = { ...token, session_id: sessionId, refresh_expires_in: Math.max(0, Math.floor(refresh.end.inMs / 1000)) }
  if (!refresh.isCookie) return { ...body, refresh_token: refresh.token }
  const maxAgeMs = refresh.isRemembered ? refresh.end.inMs : undefined
  request.server.chatAuth.cookies.write(request, reply, refresh.token, maxAgeMs)
  return body
}
