/** Serves rooms over HTTP: lists and creates rooms, and returns the users who are present. */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import { callerOf } from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { refTo } from '../src/protocol/components.ts'
import { RoomName } from '../src/protocol/http/messages.ts'
import { countOf, Limit } from '../src/protocol/http/paging.ts'
import { AfterRoom, NewRoom, Presence, Room, RoomList } from '../src/protocol/http/rooms.ts'
import { ANY_BODY, jsonResponse, problems, SECURED, TOKEN_PROBLEMS } from '../src/protocol/openapi.ts'

/** Maximum number of rooms that a user may create per minute. */
const NEW_ROOMS_PER_MINUTE = 10
const NEW_ROOM_BYTES = 16 * 1024

const Named = Type.Object({ room: RoomName })
const GUARD = [...TOKEN_PROBLEMS, 'validation_failed'] as const
const READ = [...GUARD, 'rate_limited', 'busy'] as const

const roomRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { chatCore: chat } = fastify
  const single = { preHandler: limitReads() }
  const list = {
    config: { chatMayWait: true },
    preHandler: limitReads(({ query }) => countOf((query as { limit?: number }).limit))
  }

  fastify.route({
    method: 'GET',
    url: '/api/chat/rooms',
    ...list,
    schema: {
      operationId: 'listRooms',
      summary: 'The rooms that you may read, by name',
      description: 'While `has_more` is true, request the next page with `after` set to `next`.',
      tags: ['rooms'],
      security: SECURED,
      querystring: Type.Object({
        after: AfterRoom,
        limit: Limit
      }),
      response: { 200: jsonResponse('The rooms, in the order of their names.', refTo(RoomList)), ...problems(...READ) }
    },
    async handler(request) {
      const { after = '', limit } = request.query
      return chat.rooms.list(callerOf(request), after, countOf(limit))
    }
  })

  fastify.route({
    method: 'POST',
    url: '/api/chat/rooms',
    bodyLimit: NEW_ROOM_BYTES,
    config: {
      rateLimit: {
        max: NEW_ROOMS_PER_MINUTE,
        timeWindow: 60_000,
        groupId: ':rooms',
        // Runs after the validation, so that only requests with a valid body count.
        hook: 'preHandler',
        keyGenerator: request => `user ${callerOf(request).userId}`
      }
    },
    schema: {
      operationId: 'createRoom',
      summary: 'Create a room',
      description: 'Limited to ten per minute per user.',
      tags: ['rooms'],
      security: SECURED,
      body: refTo(NewRoom),
      response: {
        201: jsonResponse('The created room.', refTo(Room), { isLimited: true }),
        ...problems('room_taken', 'not_allowed', 'rate_limited', ...GUARD, ...ANY_BODY)
      }
    },
    async handler(request, reply) {
      const room = await chat.rooms.create(callerOf(request), request.body)
      reply.code(201)
      return room
    }
  })

  fastify.route({
    method: 'GET',
    url: '/api/chat/rooms/:room',
    ...single,
    schema: {
      operationId: 'getRoom',
      summary: 'A room, and the range of its log',
      description: 'A room that you may not read looks like one that does not exist.',
      tags: ['rooms'],
      security: SECURED,
      params: Named,
      response: { 200: jsonResponse('The room.', refTo(Room)), ...problems('room_not_found', ...READ) }
    },
    handler: async request => chat.rooms.show(callerOf(request), request.params.room)
  })

  fastify.route({
    method: 'GET',
    url: '/api/chat/rooms/:room/presence',
    ...single,
    schema: {
      operationId: 'getPresence',
      summary: 'Who is in a room; above 100 people only the count',
      description: 'People are present while they are subscribed, on any process. `users` is absent above 100 people.',
      tags: ['rooms'],
      security: SECURED,
      params: Named,
      response: { 200: jsonResponse('Who is in the room.', refTo(Presence)), ...problems('room_not_found', ...READ) }
    },
    handler: async request => chat.presence.of(callerOf(request), request.params.room)
  })
}

export default roomRoutes
