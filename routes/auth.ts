/** Registers users and logs them in. These routes need no token and are rate-limited per IP address. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { clientOf } from '../plugins/auth.ts'
import { perMinute } from '../plugins/platform.ts'
import type { Settings } from '../src/config/settings.ts'
import { timestamp } from '../src/lib/clock.ts'
import { refTo } from '../src/protocol/components.ts'
import { AccessToken, Login, Registration, User } from '../src/protocol/http/users.ts'
import { BODY_PROBLEMS, jsonResponse, PUBLIC, problems } from '../src/protocol/openapi.ts'
import { isOverlong, normalizing } from './normalize-password.ts'
import { loginRequestOf, sessionResponse } from './session-response.ts'

export type AuthRoutesOptions = Pick<Settings, 'registerRateLimit' | 'loginRateLimit'>

export const BODY_LIMIT = 16 * 1024

/** Mounts the routes, unless a host application authenticates the users. */
const authRoutes: FastifyPluginAsyncTypebox<AuthRoutesOptions> = async (fastify, options) => {
  const { accounts } = fastify.chatAuth
  if (!accounts) return

  fastify.route({
    method: 'POST',
    url: '/api/auth/register',
    bodyLimit: BODY_LIMIT,
    config: perMinute(options.registerRateLimit, ':register'),
    preValidation: normalizing('password'),
    schema: {
      operationId: 'register',
      summary: 'Register a new user',
      description:
        'Usernames are unique regardless of case, and some are reserved. Needs an invitation if only invited people can register. An e-mail address is used only after it has been confirmed with the mailed link.',
      tags: ['auth'],
      security: PUBLIC,
      body: refTo(Registration),
      response: {
        201: jsonResponse('The registered user.', refTo(User), { isLimited: true }),
        ...problems(
          'registration_closed',
          'invitation_required',
          'invalid_invitation',
          'username_taken',
          'username_reserved',
          'password_too_common',
          ...BODY_PROBLEMS
        )
      }
    },
    async handler(request, reply) {
      const { username, password, email, invitation } = request.body
      const user = await accounts.register(username, password, { email, invitation, client: clientOf(request) })
      request.log.info({ user_id: user.id }, 'a user registered')
      reply.code(201)
      return { id: user.id, username: user.username, created_at: timestamp(user.createdAt) }
    }
  })

  fastify.route({
    method: 'POST',
    url: '/api/auth/login',
    bodyLimit: BODY_LIMIT,
    config: { ...perMinute(options.loginRateLimit, ':login'), chatLogin: true },
    preValidation: normalizing('password', isOverlong),
    schema: {
      operationId: 'login',
      summary: 'Log in for an access token',
      description: 'The username may be in any case.',
      tags: ['auth'],
      security: PUBLIC,
      body: refTo(Login),
      response: {
        200: jsonResponse('The access token.', refTo(AccessToken), { isLimited: true }),
        ...problems(
          'invalid_credentials',
          'second_factor_required',
          'account_suspended',
          'email_not_verified',
          'origin_not_allowed',
          ...BODY_PROBLEMS
        )
      }
    },
    async handler(request, reply) {
      const { username, password, ...options } = request.body
      const started = await accounts.login({ username, password, ...loginRequestOf(request, options) })
      return sessionResponse(request, reply, started)
    }
  })
}

export default authRoutes
