/** Serves read marks over HTTP. */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import { callerOf } from '../plugins/auth.ts'
import { refTo } from '../src/protocol/components.ts'
import { RoomName } from '../src/protocol/http/messages.ts'
import { ReadChange, ReadState } from '../src/protocol/http/reads.ts'
import { ANY_BODY, jsonResponse, problems, SECURED, TOKEN_PROBLEMS } from '../src/protocol/openapi.ts'
import { perUserAndMinute } from './limit-per-user.ts'
import { optionalBody } from './optional-body.ts'

/** Maximum number of changes of read marks that a user may make per minute over HTTP. */
const CHANGES_PER_MINUTE = 120
const BODY_LIMIT = 4096

const readRoutes: FastifyPluginAsyncTypebox = async fastify => {
  fastify.route({
    method: 'PUT',
    url: '/api/chat/rooms/:room/read',
    bodyLimit: BODY_LIMIT,
    config: perUserAndMinute(CHANGES_PER_MINUTE, ':reads'),
    preValidation: optionalBody,
    schema: {
      operationId: 'markRead',
      summary: 'Mark a room as read or unread',
      description:
        'For members. Moves your read mark to `up_to`, or to the newest entry. A mark never moves back: a lower `up_to`, or one with another `epoch`, changes nothing. Limited to 120 per minute per user.',
      tags: ['rooms'],
      security: SECURED,
      params: Type.Object({ room: RoomName }),
      body: refTo(ReadChange),
      response: {
        200: jsonResponse('The current mark.', refTo(ReadState), { isLimited: true }),
        ...problems(
          'room_not_found',
          'not_allowed',
          'banned',
          'validation_failed',
          'rate_limited',
          'busy',
          ...TOKEN_PROBLEMS,
          ...ANY_BODY
        )
      }
    },
    handler: async request => fastify.chatCore.readMarks.set(callerOf(request), request.params.room, request.body)
  })
}

export default readRoutes
