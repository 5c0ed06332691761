/**
 * Returns the authenticated user. A page also requests this route to find out why a WebSocket was rejected, because it cannot read
 * the response to a rejected upgrade.
 */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import { callerOf } from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { timestamp } from '../src/lib/clock.ts'
import { refTo } from '../src/protocol/components.ts'
import { User } from '../src/protocol/http/users.ts'
import { jsonResponse, problems, SECURED } from '../src/protocol/openapi.ts'

const userRoutes: FastifyPluginAsyncTypebox = async fastify => {
  fastify.route({
    method: 'GET',
    url: '/api/users/me',
    preHandler: limitReads(),
    schema: {
      operationId: 'getMe',
      summary: 'The authenticated user',
      description:
        'Its error also shows why a WebSocket was rejected, since a browser cannot read the status of a rejected upgrade.',
      tags: ['users'],
      security: SECURED,
      response: {
        200: jsonResponse('The user.', refTo(User)),
        ...problems(
          'missing_token',
          'invalid_token',
          'token_expired',
          'account_suspended',
          'rate_limited',
          'busy',
          'unavailable'
        )
      }
    },
    handler: async request => {
      const { userId: id, username, createdAt } = callerOf(request)
      return { id, username, created_at: timestamp(createdAt), ...(await emailFieldsOf(request.server, id)) }
    }
  })
}

/** Returns the fields about the e-mail address of a user. None if the service sends no mail. */
const emailFieldsOf = async ({ chatAuth }: FastifyInstance, userId: number) => {
  const emails = chatAuth.accounts?.emails
  if (!emails?.isConfigured) return {}
  const { email, isVerified, pendingEmail } = await emails.describe(userId)
  return {
    ...(email === undefined ? {} : { email }),
    email_is_verified: isVerified,
    ...(pendingEmail === undefined ? {} : { pending_email: pendingEmail })
  }
}

export default userRoutes
