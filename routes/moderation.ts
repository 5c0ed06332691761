/** Serves the mutes and bans of rooms over HTTP, for moderators. */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import { callerOf } from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { refTo } from '../src/protocol/components.ts'
import { RoomName } from '../src/protocol/http/messages.ts'
import { countOf, Limit } from '../src/protocol/http/paging.ts'
import { Ban, Mute, RestrictionList } from '../src/protocol/http/restrictions.ts'
import { ANY_BODY, emptyResponse, jsonResponse, problems, SECURED } from '../src/protocol/openapi.ts'
import { perUserAndMinute } from './limit-per-user.ts'
import { AfterUser, CHANGE, GUARD, InRoom, userIdOf } from './member-parameters.ts'
import { optionalBody } from './optional-body.ts'

/** Maximum number of mutes and bans that a user may begin or end per minute. */
const CHANGES_PER_MINUTE = 60
const BODY_LIMIT = 16 * 1024
const LIMITED = 'Limited to 60 mutes and bans per minute per user.'

const OneUser = Type.Object({
  room: RoomName,
  user: Type.String({
    pattern: '^[1-9][0-9]{0,9}$',
    'x-rule': 'must be the id of a user',
    description: 'The id of a user.',
    examples: ['2']
  })
})

const RESTRAINTS = [
  {
    path: 'mutes',
    begin: 'mute',
    end: 'unmute',
    body: Mute,
    begins: { operationId: 'muteUser', summary: 'Mute a user in a room' },
    ends: { operationId: 'unmuteUser', summary: 'End a mute' },
    effect: 'A muted user may read, report, join and leave, and delete their own messages, but nothing else.'
  },
  {
    path: 'bans',
    begin: 'ban',
    end: 'unban',
    body: Ban,
    begins: { operationId: 'banUser', summary: 'Ban a user from a room' },
    ends: { operationId: 'unbanUser', summary: 'End a ban' },
    effect: 'A banned user is removed, and may not read the room, join it or be added. The user need not be a member.'
  }
] as const

const moderationRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { moderation } = fastify.chatCore
  const config = perUserAndMinute(CHANGES_PER_MINUTE, ':moderation')

  fastify.route({
    method: 'GET',
    url: '/api/chat/rooms/:room/restrictions',
    config: { chatMayWait: true },
    preHandler: limitReads(({ query }) => countOf((query as { limit?: number }).limit)),
    schema: {
      operationId: 'listRestrictions',
      summary: 'The muted and banned users of a room, in the order of their ids',
      description:
        'For moderators. While `has_more` is true, request the next page with `after` set to `next`. `limit` counts users; a user may be both muted and banned.',
      tags: ['rooms'],
      security: SECURED,
      params: InRoom,
      querystring: Type.Object({
        after: AfterUser,
        limit: Limit
      }),
      response: {
        200: jsonResponse('The restrictions.', refTo(RestrictionList)),
        ...problems('room_not_found', 'not_allowed', 'banned', ...GUARD)
      }
    },
    async handler(request) {
      const { after = 0, limit } = request.query
      return moderation.list(callerOf(request), request.params.room, { after, limit: countOf(limit) })
    }
  })

  for (const { path, begin, end, body, begins, ends, effect } of RESTRAINTS) {
    const url = `/api/chat/rooms/:room/${path}/:user`
    const shared = { tags: ['rooms'], security: SECURED, params: OneUser }
    const response = (description: string) => ({
      204: emptyResponse(description),
      ...problems(...CHANGE, ...GUARD, ...ANY_BODY)
    })

    fastify.route({
      method: 'PUT',
      url,
      config,
      bodyLimit: BODY_LIMIT,
      preValidation: optionalBody,
      schema: {
        ...shared,
        ...begins,
        description: `For moderators, against users with a lower role. ${effect} Replaces an earlier ${begin}. ${LIMITED}`,
        body: refTo(body),
        response: response('The user is restricted.')
      },
      async handler(request, reply) {
        const { room, user } = request.params
        await moderation.restrain(callerOf(request), room, userIdOf(user), begin, request.body)
        return reply.code(204).send()
      }
    })

    fastify.route({
      method: 'DELETE',
      url,
      config,
      bodyLimit: BODY_LIMIT,
      schema: {
        ...shared,
        ...ends,
        description: `For moderators, for users with a lower role. Responds with \`user_not_found\` if there is no ${begin} to end. ${LIMITED}`,
        response: response('The restriction has ended.')
      },
      async handler(request, reply) {
        const { room, user } = request.params
        await moderation.restrain(callerOf(request), room, userIdOf(user), end)
        return reply.code(204).send()
      }
    })
  }
}

export default moderationRoutes
