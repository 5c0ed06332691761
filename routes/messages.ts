/** Serves the history of the room `general`. */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import { callerOf } from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { GENERAL, Message } from '../src/protocol/http/messages.ts'
import { countOf, Limit } from '../src/protocol/http/paging.ts'
import { jsonResponse, listOf, problems, SECURED, TOKEN_PROBLEMS } from '../src/protocol/openapi.ts'

const GUARD = [...TOKEN_PROBLEMS, 'validation_failed', 'rate_limited', 'busy', 'unavailable'] as const

const messageRoutes: FastifyPluginAsyncTypebox = async fastify => {
  fastify.route({
    method: 'GET',
    url: '/api/chat/messages',
    config: { chatMayWait: true },
    preHandler: limitReads(({ query }) => countOf((query as { limit?: number }).limit)),
    schema: {
      operationId: 'listMessages',
      summary: 'The newest messages of the room "general", oldest first',
      description: 'Messages that no key decrypts, or that were erased, are omitted.',
      tags: ['chat'],
      security: SECURED,
      querystring: Type.Object({ limit: Limit }),
      response: {
        200: jsonResponse('The messages, oldest first.', listOf(Message)),
        ...problems('banned', ...GUARD)
      }
    },
    async handler(request, reply) {
      const part = await fastify.chatCore.log.read(callerOf(request), GENERAL, { limit: countOf(request.query.limit) })
      // The response is assembled from cached JSON, so it must not be serialized again.
      reply.type('application/json; charset=utf-8')
      return part.json('[', () => ']', { omitUnavailable: true }) as unknown as Message[]
    }
  })
}

export default messageRoutes
