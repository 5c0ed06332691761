/** Lets users enter, confirm, change and remove their e-mail address. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { clientOf, provenOwnerOf } from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { refTo } from '../src/protocol/components.ts'
import { EmailBody, EmailChallenge, EmailVerification } from '../src/protocol/http/emails.ts'
import { ANY_BODY, BODY_PROBLEMS, emptyResponse, problems, SECURED, TOKEN_PROBLEMS } from '../src/protocol/openapi.ts'
import { BODY_LIMIT } from './auth.ts'
import { LINK_SCHEMA, type LinkRoutesOptions, linkRoute } from './link-route.ts'

const GUARD = [...TOKEN_PROBLEMS, 'proof_required'] as const

/** Registers the routes that need no access token. */
export const publicEmailRoutes: FastifyPluginAsyncTypebox<LinkRoutesOptions> = async (fastify, options) => {
  const { accounts } = fastify.chatAuth
  if (!accounts) return

  fastify.route({
    ...linkRoute(options, ':email'),
    url: '/api/auth/email/verify',
    schema: {
      ...LINK_SCHEMA,
      operationId: 'verifyEmail',
      summary: 'Confirm an e-mail address',
      description: 'Send this only when the person presses a button, because mail scanners open links.',
      body: refTo(EmailVerification),
      response: { 204: emptyResponse('The address is confirmed.'), ...problems('link_expired', ...BODY_PROBLEMS) }
    },
    async handler(request, reply) {
      await accounts.emails.verify(request.body.token, clientOf(request))
      reply.code(204)
    }
  })

  fastify.route({
    ...linkRoute(options, ':email'),
    url: '/api/auth/email',
    schema: {
      ...LINK_SCHEMA,
      operationId: 'requestVerification',
      summary: 'Request another link after email_not_verified',
      description:
        'Without `email`, the link is sent to the address that was entered before. At most three mails an hour are sent.',
      body: refTo(EmailChallenge),
      response: {
        202: emptyResponse('A mail is sent, unless too many mails were sent before.'),
        ...problems('invalid_challenge', 'invalid_token', ...BODY_PROBLEMS)
      }
    },
    async handler(request, reply) {
      const { challenge, email } = request.body
      await accounts.emails.resend(challenge, email, clientOf(request))
      reply.code(202)
    }
  })
}

/** Registers the routes that require an authenticated user. */
const emailRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { accounts } = fastify.chatAuth
  if (!accounts) return

  fastify.route({
    method: 'PUT',
    url: '/api/users/me/email',
    bodyLimit: BODY_LIMIT,
    config: { chatProof: true },
    preHandler: limitReads(),
    schema: {
      operationId: 'setMyEmail',
      summary: 'Enter or change the e-mail address',
      description:
        'Sends a link to the address. The address is used after it has been confirmed with the link. Until then, the previous address stays. If the address belongs to another account, its owner gets a mail instead; the response is the same. At most three mails an hour are sent.',
      tags: ['users'],
      security: SECURED,
      body: refTo(EmailBody),
      response: {
        202: emptyResponse('A mail is sent, unless too many mails were sent before.'),
        ...problems(...GUARD, ...BODY_PROBLEMS)
      }
    },
    async handler(request, reply) {
      await accounts.emails.enter(provenOwnerOf(request), request.body.email, clientOf(request))
      reply.code(202)
    }
  })

  fastify.route({
    method: 'DELETE',
    url: '/api/users/me/email',
    config: { chatProof: true },
    preHandler: limitReads(),
    schema: {
      operationId: 'removeMyEmail',
      summary: 'Remove the e-mail address',
      description:
        'Removes the verified address and the unverified address. Links that were mailed to these addresses stop working.',
      tags: ['users'],
      security: SECURED,
      response: {
        204: emptyResponse('The account has no address.'),
        ...problems(...GUARD, ...ANY_BODY, 'not_allowed', 'rate_limited', 'busy', 'unavailable')
      }
    },
    async handler(request, reply) {
      await accounts.emails.remove(provenOwnerOf(request), clientOf(request))
      reply.code(204)
    }
  })
}

export default emailRoutes
