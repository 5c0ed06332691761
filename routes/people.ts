/** Serves what users need to find each other: the search for users, and direct rooms. */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import { callerOf } from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { refTo } from '../src/protocol/components.ts'
import { DirectRoom, MIN_USER_QUERY, UserList } from '../src/protocol/http/members.ts'
import { countOf, Limit, Search } from '../src/protocol/http/paging.ts'
import { Room } from '../src/protocol/http/rooms.ts'
import { ANY_BODY, jsonResponse, problems, SECURED, TOKEN_PROBLEMS } from '../src/protocol/openapi.ts'
import { countPerHour, perUserAndMinute } from './limit-per-user.ts'

/** Maximum number of direct rooms that a user may open per minute. */
const DIRECT_PER_MINUTE = 10
/** Limits how many direct rooms a user may create per hour. Opening an existing room does not count. */
const NEW_DIRECT = { max: 50, group: 'direct', problem: 'You created too many direct rooms.' }
const BODY_LIMIT = 16 * 1024
const GUARD = [...TOKEN_PROBLEMS, 'validation_failed', 'rate_limited'] as const

/** Serves direct rooms. Not registered if `DIRECT_ROOMS` is false. */
export const directRoomRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { chatCore: chat } = fastify

  fastify.route({
    method: 'POST',
    url: '/api/chat/direct',
    bodyLimit: BODY_LIMIT,
    config: perUserAndMinute(DIRECT_PER_MINUTE, ':direct'),
    schema: {
      operationId: 'openDirectRoom',
      summary: 'Open the direct room with one to seven other people',
      description:
        'The same people have only one direct room. `not_allowed` if one of them cannot be in it, whatever the reason is. Limited to ten per minute per user, and to 50 new rooms per hour.',
      tags: ['rooms'],
      security: SECURED,
      body: refTo(DirectRoom),
      response: {
        201: jsonResponse('The created room.', refTo(Room), { isLimited: true }),
        200: jsonResponse('The room, which existed before.', refTo(Room), { isLimited: true }),
        ...problems('not_allowed', 'upgrade_pending', ...GUARD, ...ANY_BODY)
      }
    },
    async handler(request, reply) {
      const { room, isNew } = await chat.rooms.direct(callerOf(request), request.body.users, () =>
        countPerHour(request, NEW_DIRECT)
      )
      reply.code(isNew ? 201 : 200)
      return room
    }
  })
}

/** Serves the search for users. Not registered if `USER_DIRECTORY` is false. */
export const userDirectoryRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { chatDb } = fastify

  fastify.route({
    method: 'GET',
    url: '/api/users',
    config: { chatMayWait: true },
    preHandler: limitReads(({ query }) => countOf((query as { limit?: number }).limit)),
    schema: {
      operationId: 'searchUsers',
      summary: 'The users whose names begin with a text',
      description: 'In the order of their names. Lists only active users.',
      tags: ['rooms'],
      security: SECURED,
      querystring: Type.Object({
        query: Search('The beginning of the name. The case of the letters a to z does not matter.', MIN_USER_QUERY),
        limit: Limit
      }),
      response: { 200: jsonResponse('The users.', refTo(UserList)), ...problems(...GUARD, 'busy') }
    },
    async handler(request) {
      const { query, limit } = request.query
      const found = await chatDb.users.findByPrefix(query, countOf(limit))
      return { users: found.map(({ id, username }) => ({ user_id: id, username })) }
    }
  })
}
