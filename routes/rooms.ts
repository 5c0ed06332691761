/** Serves rooms over HTTP: lists, creates, changes and deletes rooms, and returns the users who are present. */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import { callerOf } from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { refTo } from '../src/protocol/components.ts'
import { RoomName } from '../src/protocol/http/messages.ts'
import { countOf, Limit, Search } from '../src/protocol/http/paging.ts'
import { AfterRoom, NewRoom, Presence, Room, RoomChange, RoomList } from '../src/protocol/http/rooms.ts'
import { ANY_BODY, emptyResponse, jsonResponse, problems, SECURED, TOKEN_PROBLEMS } from '../src/protocol/openapi.ts'
import { perUserAndMinute } from './limit-per-user.ts'

/** Maximum number of rooms that a user may create per minute. */
const NEW_ROOMS_PER_MINUTE = 10
/** Maximum number of rooms that a user may change or delete per minute. */
const CHANGES_PER_MINUTE = 30
const BODY_LIMIT = 16 * 1024

const Named = Type.Object({ room: RoomName })
const GUARD = [...TOKEN_PROBLEMS, 'validation_failed'] as const
const CHANGE = ['room_not_found', 'not_allowed', 'muted', 'banned', 'room_archived', 'upgrade_pending'] as const
const READ = ['banned', ...GUARD, 'rate_limited', 'busy'] as const

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
      description:
        'While `has_more` is true, request the next page with `after` set to `next`. A page may have fewer rooms than `limit` although there are more: with `query`, or because it would be larger than 1 MiB.',
      tags: ['rooms'],
      security: SECURED,
      querystring: Type.Object({
        after: AfterRoom,
        limit: Limit,
        mine: Type.Optional(
          Type.Boolean({ description: 'Whether to list only rooms in which you are a member.', examples: [true] })
        ),
        query: Type.Optional(Search('Only rooms whose name or title contains this text, regardless of case.'))
      }),
      response: { 200: jsonResponse('The rooms, in the order of their names.', refTo(RoomList)), ...problems(...READ) }
    },
    async handler(request) {
      const { after, limit, mine, query } = request.query
      return chat.rooms.list(callerOf(request), { after, limit: countOf(limit), isMine: mine, query })
    }
  })

  fastify.route({
    method: 'POST',
    url: '/api/chat/rooms',
    bodyLimit: BODY_LIMIT,
    config: perUserAndMinute(NEW_ROOMS_PER_MINUTE, ':rooms'),
    schema: {
      operationId: 'createRoom',
      summary: 'Create a room',
      description:
        'You become the owner. A private room gets its name from the service, so its request has no `room`. Limited to ten per minute per user.',
      tags: ['rooms'],
      security: SECURED,
      body: refTo(NewRoom),
      response: {
        201: jsonResponse('The created room.', refTo(Room), { isLimited: true }),
        ...problems('room_taken', 'not_allowed', 'upgrade_pending', 'rate_limited', ...GUARD, ...ANY_BODY)
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
    method: 'PATCH',
    url: '/api/chat/rooms/:room',
    bodyLimit: BODY_LIMIT,
    config: perUserAndMinute(CHANGES_PER_MINUTE, ':room-changes'),
    schema: {
      operationId: 'updateRoom',
      summary: 'Change the properties of a room',
      description:
        'For owners, and in public rooms for administrators; moderators may change the slow mode. Appends an entry of the kind `room` to the log. Limited to 30 changes per minute per user.',
      tags: ['rooms'],
      security: SECURED,
      params: Named,
      body: refTo(RoomChange),
      response: {
        200: jsonResponse('The changed room.', refTo(Room), { isLimited: true }),
        ...problems(...CHANGE, 'rate_limited', 'busy', ...GUARD, ...ANY_BODY)
      }
    },
    handler: async request => chat.rooms.describe(callerOf(request), request.params.room, request.body)
  })

  fastify.route({
    method: 'DELETE',
    url: '/api/chat/rooms/:room',
    bodyLimit: BODY_LIMIT,
    config: perUserAndMinute(CHANGES_PER_MINUTE, ':room-changes'),
    schema: {
      operationId: 'deleteRoom',
      summary: 'Delete a room with everything in it',
      description:
        'For owners, and in public rooms for administrators. The room is gone at once; its data is removed in the background, and its name cannot be used until then. `general` cannot be deleted. Limited like the changes of rooms.',
      tags: ['rooms'],
      security: SECURED,
      params: Named,
      response: {
        204: emptyResponse('The room was deleted.'),
        ...problems(...CHANGE, 'rate_limited', 'busy', ...GUARD, ...ANY_BODY)
      }
    },
    async handler(request, reply) {
      await chat.rooms.remove(callerOf(request), request.params.room)
      return reply.code(204).send()
    }
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
