/** Serves the inbox over HTTP: the rooms of a user with the numbers of unread messages. */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import { callerOf } from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { refTo } from '../src/protocol/components.ts'
import { AfterInbox, InboxPage, MAX_INBOX_ROOMS } from '../src/protocol/http/inbox.ts'
import { RoomName } from '../src/protocol/http/messages.ts'
import { countOf } from '../src/protocol/http/paging.ts'
import { ANY_BODY, emptyResponse, jsonResponse, problems, SECURED, TOKEN_PROBLEMS } from '../src/protocol/openapi.ts'
import { perUserAndMinute } from './limit-per-user.ts'

/** Maximum number of rooms that a user may hide or show per minute. */
const CHANGES_PER_MINUTE = 60
/**
 * How many entries the read limit counts for a page of any length. The number is high, because the service reads all rooms of
 * the user to compute the totals.
 */
const ENTRIES_PER_PAGE = 200

const GUARD = [...TOKEN_PROBLEMS, 'validation_failed', 'rate_limited', 'busy'] as const

const inboxRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { inbox } = fastify.chatCore

  fastify.route({
    method: 'GET',
    url: '/api/chat/inbox',
    config: { chatMayWait: true },
    preHandler: limitReads(() => ENTRIES_PER_PAGE),
    schema: {
      operationId: 'getInbox',
      summary: 'Your rooms with unread messages, the latest message first',
      description:
        'Lists the rooms in which you are a member. Hidden direct rooms are left out until their next message. While `has_more` is true, request the next page with `after` set to `next`.',
      tags: ['rooms'],
      security: SECURED,
      querystring: Type.Object({
        after: AfterInbox,
        limit: Type.Optional(
          Type.Integer({
            minimum: 1,
            default: 50,
            description: 'The maximum number of rooms; values above 200 count as 200.',
            examples: [50]
          })
        )
      }),
      response: { 200: jsonResponse('The rooms.', refTo(InboxPage)), ...problems(...GUARD) }
    },
    async handler(request) {
      const { after, limit } = request.query
      return inbox.page(callerOf(request), { after, limit: Math.min(countOf(limit), MAX_INBOX_ROOMS) })
    }
  })

  for (const isHidden of [true, false]) {
    fastify.route({
      method: isHidden ? 'PUT' : 'DELETE',
      url: '/api/chat/rooms/:room/hidden',
      config: perUserAndMinute(CHANGES_PER_MINUTE, ':hidden'),
      schema: {
        operationId: isHidden ? 'hideRoom' : 'unhideRoom',
        summary: isHidden ? 'Hide a direct room until its next message' : 'Show a hidden direct room again',
        description: 'Changes only your inbox. Limited to 60 per minute per user.',
        tags: ['rooms'],
        security: SECURED,
        params: Type.Object({ room: RoomName }),
        response: {
          204: emptyResponse(isHidden ? 'The room is hidden.' : 'The room is shown.'),
          ...problems('room_not_found', 'not_allowed', ...GUARD, ...ANY_BODY)
        }
      },
      async handler(request, reply) {
        await inbox.hide(callerOf(request), request.params.room, isHidden)
        return reply.code(204).send()
      }
    })
  }
}

export default inboxRoutes
