/**
 * Changes passwords, either in a session whose owner has recently proven who they are, or with a token. The token is in a mailed
 * link, or an administrator has issued it.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { callerOf, clientOf } from '../plugins/auth.ts'
import { perMinute } from '../plugins/platform.ts'
import { refTo } from '../src/protocol/components.ts'
import { ForgottenPassword, PasswordChange, PasswordReset } from '../src/protocol/http/passwords.ts'
import { BODY_PROBLEMS, emptyResponse, problems, SECURED, TOKEN_PROBLEMS } from '../src/protocol/openapi.ts'
import { BODY_LIMIT } from './auth.ts'
import { LINK_SCHEMA, type LinkRoutesOptions, linkRoute } from './link-route.ts'
import { normalizing } from './normalize-password.ts'

/** Registers the routes that need no access token. */
export const publicPasswordRoutes: FastifyPluginAsyncTypebox<LinkRoutesOptions> = async (fastify, options) => {
  const { accounts } = fastify.chatAuth
  if (!accounts) return

  fastify.route({
    ...linkRoute(options, ':forgot'),
    url: '/api/auth/password/forgot',
    schema: {
      ...LINK_SCHEMA,
      operationId: 'forgotPassword',
      summary: 'Request a mail with a link for a new password',
      description:
        'The response is the same whether an account has the address or not. The mail is sent only to confirmed addresses, and at most three times an hour. No mail is sent if the service has no mail server.',
      body: refTo(ForgottenPassword),
      response: { 202: emptyResponse('The request is accepted.'), ...problems(...BODY_PROBLEMS) }
    },
    async handler(request, reply) {
      await accounts.passwordChanges.forgot(request.body.email)
      reply.code(202)
    }
  })

  fastify.route({
    ...linkRoute(options, ':reset'),
    url: '/api/auth/password/reset',
    preValidation: normalizing('password'),
    schema: {
      ...LINK_SCHEMA,
      operationId: 'resetPassword',
      summary: 'Choose a new password with the token of a link',
      description:
        'Ends every session of the user and does not log in. The token works once. A mailed token is valid for 30 minutes, a token from an administrator for 24 hours. Second factors stay.',
      body: refTo(PasswordReset),
      response: {
        204: emptyResponse('The password is changed.'),
        ...problems('link_expired', 'password_too_common', ...BODY_PROBLEMS)
      }
    },
    async handler(request, reply) {
      const { token, password } = request.body
      await accounts.passwordChanges.reset(token, password, clientOf(request))
      reply.code(204)
    }
  })
}

/** Registers the route that requires an authenticated user. */
const passwordRoutes: FastifyPluginAsyncTypebox<LinkRoutesOptions> = async (fastify, { loginRateLimit }) => {
  const { accounts } = fastify.chatAuth
  if (!accounts) return

  fastify.route({
    method: 'POST',
    url: '/api/users/me/password',
    bodyLimit: BODY_LIMIT,
    config: { ...perMinute(loginRateLimit, ':password'), chatProof: true },
    preValidation: normalizing('new'),
    schema: {
      operationId: 'changeMyPassword',
      summary: 'Change the password',
      description: 'Ends every other session of the user. The session of the request and its tokens stay valid.',
      tags: ['users'],
      security: SECURED,
      body: refTo(PasswordChange),
      response: {
        204: emptyResponse('The password is changed.'),
        ...problems(...TOKEN_PROBLEMS, 'proof_required', 'password_too_common', ...BODY_PROBLEMS)
      }
    },
    async handler(request, reply) {
      await accounts.passwordChanges.change(callerOf(request), request.body.new, clientOf(request))
      reply.code(204)
    }
  })
}

export default passwordRoutes
