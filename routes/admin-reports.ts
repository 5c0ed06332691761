/** Lets administrators read and resolve reports of messages. */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import { administratorOf, callerOf } from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { refTo } from '../src/protocol/components.ts'
import { countOf } from '../src/protocol/http/paging.ts'
import { MAX_REPORTS, ReportId, ReportList, ReportRange, Resolution } from '../src/protocol/http/reports.ts'
import { ANY_BODY, emptyResponse, jsonResponse, problems, SECURED } from '../src/protocol/openapi.ts'
import { ADMIN_ONLY, ADMIN_PROBLEMS } from './admin-users.ts'

const BODY_LIMIT = 16 * 1024

const adminReportRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const {
    chatAuth: { accounts },
    chatCore: { reports }
  } = fastify
  if (!accounts) return

  fastify.route({
    method: 'GET',
    url: '/api/admin/reports',
    config: ADMIN_ONLY,
    preHandler: limitReads(({ query }) => countOf((query as { limit?: number }).limit)),
    schema: {
      operationId: 'listAllReports',
      summary: 'The reported messages, newest first',
      description:
        'Of public rooms and direct rooms, and of private rooms in which you are a member. Of a direct room, you see only the reported message. Each page that is read is an event of the audit log.',
      tags: ['admin'],
      security: SECURED,
      querystring: ReportRange,
      response: {
        200: jsonResponse('The reports.', refTo(ReportList)),
        ...problems(...ADMIN_PROBLEMS, 'rate_limited', 'busy')
      }
    },
    async handler(request) {
      const { after: before, state, limit = MAX_REPORTS } = request.query
      const query = { before, state, limit: Math.min(limit, MAX_REPORTS) + 1 }
      return reports.pageOf(await accounts.reports.read(administratorOf(request), query), request.query)
    }
  })

  fastify.route({
    method: 'POST',
    url: '/api/admin/reports/:id/resolve',
    bodyLimit: BODY_LIMIT,
    config: ADMIN_ONLY,
    schema: {
      operationId: 'resolveAnyReport',
      summary: 'Resolve a report as an administrator',
      description:
        'The outcome `deleted` deletes the message by an entry of the log, also in a direct room, and resolves all open reports of it. In a private room, you need the role to delete the message. Recorded in the audit log.',
      tags: ['admin'],
      security: SECURED,
      params: Type.Object({ id: ReportId }),
      body: refTo(Resolution),
      response: {
        204: emptyResponse('The report is resolved.'),
        ...problems(
          'report_not_found',
          'room_not_found',
          'not_author',
          'already_resolved',
          'upgrade_pending',
          'rate_limited',
          'busy',
          ...ADMIN_PROBLEMS,
          ...ANY_BODY
        )
      }
    },
    async handler(request, reply) {
      const { id } = request.params
      await accounts.reports.resolve(administratorOf(request), id, request.body.outcome, report =>
        reports.deleteMessage(callerOf(request), report)
      )
      return reply.code(204).send()
    }
  })
}

export default adminReportRoutes
