/** Lets administrators read the audit log. */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import { type AuditRow, administratorOf } from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { timestamp } from '../src/lib/clock.ts'
import { refTo } from '../src/protocol/components.ts'
import { type AuditEvent, AuditEventList } from '../src/protocol/http/admin.ts'
import { countOf, Limit, pageOf } from '../src/protocol/http/paging.ts'
import { Int64 } from '../src/protocol/integers.ts'
import { jsonResponse, problems, SECURED } from '../src/protocol/openapi.ts'
import { ADMIN_ONLY, ADMIN_PROBLEMS, After } from './admin-users.ts'

const adminAuditRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { accounts } = fastify.chatAuth
  if (!accounts) return

  fastify.route({
    method: 'GET',
    url: '/api/admin/audit',
    config: ADMIN_ONLY,
    preHandler: limitReads(({ query }) => countOf((query as { limit?: number }).limit)),
    schema: {
      operationId: 'listAuditEvents',
      summary: 'The audit log, newest event first',
      description:
        'Request the next page with `after` set to `next`. Each page that is read is itself an event, `audit_read`.',
      tags: ['admin'],
      security: SECURED,
      querystring: Type.Object({
        after: After,
        limit: Limit,
        user: Type.Optional(
          Int64({
            minimum: 1,
            maximum: 2 ** 31 - 1,
            description: 'Only events that concern this user, or that the user caused.'
          })
        ),
        event: Type.Optional(
          Type.String({ pattern: '^[a-z_]{1,64}$', description: 'Only events of this name.', examples: ['login'] })
        )
      }),
      response: {
        200: jsonResponse('The events.', refTo(AuditEventList)),
        ...problems(...ADMIN_PROBLEMS, 'rate_limited', 'busy')
      }
    },
    async handler(request) {
      const { after: before, limit, user: userId, event } = request.query
      const count = countOf(limit)
      const found = await accounts.auditLog.read(administratorOf(request), { before, userId, event }, count + 1)
      const { items, ...more } = pageOf(found, count)
      return { events: items.map(shown), ...more }
    }
  })
}

export default adminAuditRoutes

const shown = ({ id, at, event, userId, actorId, sessionId, address, agent, detail, count }: AuditRow): AuditEvent => ({
  id,
  at: timestamp(at),
  event,
  ...(userId === null ? {} : { user_id: userId }),
  ...(actorId === null ? {} : { actor_id: actorId }),
  ...(sessionId === null ? {} : { session_id: sessionId }),
  ...(address === null ? {} : { address }),
  ...(agent === null ? {} : { agent }),
  ...(detail === null ? {} : { detail: { ...detail } }),
  count
})
