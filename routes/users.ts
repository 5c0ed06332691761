/** Who the caller is. Browsers also ask here why a WebSocket was refused, since they can't see that answer. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
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
    onRequest: fastify.chatAuth.requireUser,
    preHandler: limitReads(),
    schema: {
      operationId: 'getMe',
      summary: 'The user behind the access token',
      description:
        'Also tells a browser why a WebSocket was refused, since a browser cannot see the status of a refused upgrade.',
      tags: ['users'],
      security: SECURED,
      response: {
        200: jsonResponse('The user.', refTo(User)),
        ...problems('missing_token', 'invalid_token', 'token_expired', 'rate_limited', 'busy', 'unavailable')
      }
    },
    handler: async request => {
      const { userId: id, username, createdAt } = callerOf(request)
      return { id, username, created_at: timestamp(createdAt) }
    }
  })
}

export default userRoutes
