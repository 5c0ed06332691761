/** Serves reports of messages: users report messages, and moderators of the room read and resolve the reports. */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { callerOf } from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { refTo } from '../src/protocol/components.ts'
import { RoomName } from '../src/protocol/http/messages.ts'
import { countOf } from '../src/protocol/http/paging.ts'
import {
  CreatedReport,
  NewReport,
  ReportId,
  ReportList,
  ReportRange,
  Resolution
} from '../src/protocol/http/reports.ts'
import { Int64 } from '../src/protocol/integers.ts'
import { ANY_BODY, emptyResponse, jsonResponse, problems, SECURED, TOKEN_PROBLEMS } from '../src/protocol/openapi.ts'
import { countPerHour, perUserAndMinute } from './limit-per-user.ts'
import { optionalBody } from './optional-body.ts'

/** Maximum number of reports that a user may send per hour. */
const REPORTS = { max: 20, group: 'reports', problem: 'You have reported 20 messages within an hour.' }
/** Maximum number of reports that a user may resolve per minute. */
const RESOLUTIONS_PER_MINUTE = 60
const BODY_LIMIT = 16 * 1024

const Seq = Int64({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'The `seq` of the message.',
  examples: [1]
})
const Named = Type.Object({ room: RoomName })
const GUARD = [...TOKEN_PROBLEMS, 'validation_failed', 'rate_limited', 'busy', 'unavailable'] as const

const reportRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { reports } = fastify.chatCore

  fastify.route({
    method: 'POST',
    url: '/api/chat/rooms/:room/messages/:seq/report',
    bodyLimit: BODY_LIMIT,
    preValidation: optionalBody,
    preHandler: (request: FastifyRequest) => countPerHour(request, REPORTS),
    schema: {
      operationId: 'reportMessage',
      summary: 'Report a message to the moderators',
      description:
        'Once per message; a second report returns the first one. The report keeps a copy of the text, which moderators of the room can read, and administrators if the room is public or direct. Limited to 20 per hour per user.',
      tags: ['rooms'],
      security: SECURED,
      params: Type.Object({ room: RoomName, seq: Seq }),
      body: refTo(NewReport),
      response: {
        201: jsonResponse('The report.', refTo(CreatedReport)),
        200: jsonResponse('Your earlier report of the message.', refTo(CreatedReport)),
        ...problems('room_not_found', 'message_not_found', 'already_deleted', ...GUARD, ...ANY_BODY)
      }
    },
    async handler(request, reply) {
      const { room, seq } = request.params
      const { id, isNew } = await reports.add(callerOf(request), room, seq, request.body.reason)
      reply.code(isNew ? 201 : 200)
      return { id }
    }
  })

  fastify.route({
    method: 'GET',
    url: '/api/chat/rooms/:room/reports',
    config: { chatMayWait: true },
    preHandler: limitReads(({ query }) => countOf((query as { limit?: number }).limit)),
    schema: {
      operationId: 'listReports',
      summary: 'The reported messages of a room, newest first',
      description:
        'For moderators and owners of the room. Reports are deleted `REPORT_DAYS` days after their resolution.',
      tags: ['rooms'],
      security: SECURED,
      params: Named,
      querystring: ReportRange,
      response: {
        200: jsonResponse('The reports.', refTo(ReportList)),
        ...problems('room_not_found', 'not_allowed', ...GUARD)
      }
    },
    handler: async request => reports.list(callerOf(request), request.params.room, request.query)
  })

  fastify.route({
    method: 'POST',
    url: '/api/chat/rooms/:room/reports/:id/resolve',
    bodyLimit: BODY_LIMIT,
    config: perUserAndMinute(RESOLUTIONS_PER_MINUTE, ':resolutions'),
    schema: {
      operationId: 'resolveReport',
      summary: 'Resolve a report',
      description:
        'For moderators and owners of the room. The outcome `deleted` deletes the message like a deletion by the moderator, and resolves all open reports of it.',
      tags: ['rooms'],
      security: SECURED,
      params: Type.Object({ room: RoomName, id: ReportId }),
      body: refTo(Resolution),
      response: {
        204: emptyResponse('The report is resolved.'),
        ...problems(
          'room_not_found',
          'report_not_found',
          'not_allowed',
          'not_author',
          'muted',
          'banned',
          'already_resolved',
          'upgrade_pending',
          ...GUARD,
          ...ANY_BODY
        )
      }
    },
    async handler(request, reply) {
      const { room, id } = request.params
      await reports.resolve(callerOf(request), room, id, request.body.outcome)
      return reply.code(204).send()
    }
  })
}

export default reportRoutes
