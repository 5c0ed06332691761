/** Serves the members of rooms over HTTP: lists them, adds and removes them, and changes their roles. */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { callerOf } from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { refTo } from '../src/protocol/components.ts'
import { Member, MemberChange, MemberList, UserOrMe } from '../src/protocol/http/members.ts'
import { RoomName } from '../src/protocol/http/messages.ts'
import { countOf, Limit, Search } from '../src/protocol/http/paging.ts'
import { ANY_BODY, emptyResponse, jsonResponse, problems, SECURED } from '../src/protocol/openapi.ts'
import { perUserAndMinute } from './limit-per-user.ts'
import { AfterUser, CHANGE, GUARD, InRoom, userIdOf } from './member-parameters.ts'
import { optionalBody } from './optional-body.ts'

/** Maximum number of changes of members that a user may make per minute. */
const CHANGES_PER_MINUTE = 60
const BODY_LIMIT = 16 * 1024

const OneMember = Type.Object({ room: RoomName, user: UserOrMe })

const memberRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { members } = fastify.chatCore
  const change = { bodyLimit: BODY_LIMIT, config: perUserAndMinute(CHANGES_PER_MINUTE, ':members') }

  fastify.route({
    method: 'GET',
    url: '/api/chat/rooms/:room/members',
    config: { chatMayWait: true },
    preHandler: limitReads(({ query }) => countOf((query as { limit?: number }).limit)),
    schema: {
      operationId: 'listMembers',
      summary: 'The members of a room, in the order of their ids',
      description:
        'While `has_more` is true, request the next page with `after` set to `next`. With `query`, a page may have fewer members than `limit` although there are more.',
      tags: ['rooms'],
      security: SECURED,
      params: InRoom,
      querystring: Type.Object({
        after: AfterUser,
        query: Type.Optional(Search('Only members whose names contain this text, regardless of case.')),
        limit: Limit
      }),
      response: {
        200: jsonResponse('The members.', refTo(MemberList)),
        ...problems('room_not_found', 'banned', ...GUARD)
      }
    },
    async handler(request) {
      const { after = 0, query = '', limit } = request.query
      return members.list(callerOf(request), request.params.room, { after, query, limit: countOf(limit) })
    }
  })

  fastify.route({
    method: 'PUT',
    url: '/api/chat/rooms/:room/members/:user',
    ...change,
    preValidation: optionalBody,
    schema: {
      operationId: 'putMember',
      summary: 'Join a room, add a user to it, or change the role of a member',
      description:
        'With `me`, you join. In a private room, every member may add users; in a public room, moderators may. Only owners give and change roles. In a public room, administrators of the service may do what owners may. Limited to 60 changes of members per minute per user.',
      tags: ['rooms'],
      security: SECURED,
      params: OneMember,
      body: refTo(MemberChange),
      response: {
        200: jsonResponse('The member.', refTo(Member), { isLimited: true }),
        ...problems(...CHANGE, ...GUARD, ...ANY_BODY)
      }
    },
    async handler(request) {
      const { room, user } = request.params
      return members.put(callerOf(request), room, idOf(request, user), request.body.role)
    }
  })

  fastify.route({
    method: 'DELETE',
    url: '/api/chat/rooms/:room/members/:user',
    ...change,
    schema: {
      operationId: 'removeMember',
      summary: 'Leave a room, or remove a member',
      description:
        'With `me`, you leave. Moderators and owners may remove members with a lower role, and administrators of the service every member of a public room. The last owner cannot leave while there are other members.',
      tags: ['rooms'],
      security: SECURED,
      params: OneMember,
      response: {
        204: emptyResponse('The user is not a member anymore.'),
        ...problems(...CHANGE, ...GUARD, ...ANY_BODY)
      }
    },
    async handler(request, reply) {
      const { room, user } = request.params
      await members.remove(callerOf(request), room, idOf(request, user))
      return reply.code(204).send()
    }
  })
}

export default memberRoutes

const idOf = (request: FastifyRequest, user: string): number =>
  user === 'me' ? callerOf(request).userId : userIdOf(user)
