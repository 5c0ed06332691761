/** The history of the chat over HTTP. */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import { callerOf } from '../plugins/auth.ts'
import { restItems } from '../plugins/chat.ts'
import { answer, listOf, problems, SECURED } from '../src/openapi-base.ts'
import { GENERAL, Message } from '../src/schemas/messages.ts'

/** More messages than this are not read at once; a larger `limit` is taken as this. */
const MAX_LIMIT = 1000

const messageRoutes: FastifyPluginAsyncTypebox = async fastify => {
  fastify.route({
    method: 'GET',
    url: '/api/chat/messages',
    onRequest: fastify.chatAuth.requireUser,
    schema: {
      operationId: 'listMessages',
      summary: 'The newest messages of the room "general", oldest first',
      tags: ['chat'],
      security: SECURED,
      querystring: Type.Object({
        limit: Type.Integer({
          minimum: 1,
          default: 50,
          description: 'How many at most; above 1,000 is taken as 1,000.',
          examples: [50]
        })
      }),
      response: {
        200: answer('The messages.', listOf(Message)),
        ...problems(
          'missing_token',
          'invalid_token',
          'token_expired',
          'not_logged_in',
          'validation_failed',
          'unavailable'
        )
      }
    },
    async handler(request, reply) {
      const limit = Math.min(request.query.limit, MAX_LIMIT)
      const { entries } = await fastify.chatCore.read(callerOf(request), GENERAL, { limit })
      const shown = entries.filter(({ isShown }) => isShown)
      // Written from the entries as they are kept, without another round through objects.
      reply.type('application/json; charset=utf-8')
      return restItems('[', shown, ']') as unknown as Message[]
    }
  })
}

export default messageRoutes
