/** Lets administrators invite people to register. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { administratorOf } from '../plugins/auth.ts'
import { timestamp } from '../src/lib/clock.ts'
import { refTo } from '../src/protocol/components.ts'
import { Invitation, NewInvitation } from '../src/protocol/http/admin.ts'
import { jsonResponse, problems, SECURED } from '../src/protocol/openapi.ts'
import { ADMIN_ONLY, ADMIN_PROBLEMS } from './admin-users.ts'
import { BODY_LIMIT } from './auth.ts'
import { optionalBody } from './optional-body.ts'

const HOUR_MS = 60 * 60 * 1000
const DEFAULT_HOURS = 72

const adminInvitationRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { accounts } = fastify.chatAuth
  if (!accounts) return

  fastify.route({
    method: 'POST',
    url: '/api/admin/invitations',
    bodyLimit: BODY_LIMIT,
    config: ADMIN_ONLY,
    preValidation: optionalBody,
    schema: {
      operationId: 'invite',
      summary: 'Invite a person to register',
      description:
        'The invitation works once, also while only invited people can register. The service does not store it, and does not send it to anybody.',
      tags: ['admin'],
      security: SECURED,
      body: refTo(NewInvitation),
      response: {
        201: jsonResponse('The invitation.', refTo(Invitation)),
        ...problems(
          'registration_closed',
          'invalid_json',
          'payload_too_large',
          'unsupported_media_type',
          ...ADMIN_PROBLEMS
        )
      }
    },
    async handler(request, reply) {
      const { expires_in_hours: hours = DEFAULT_HOURS } = request.body
      const { invitation, expiresAt } = await accounts.invitations.create(administratorOf(request), hours * HOUR_MS)
      reply.code(201)
      return { invitation, expires_at: timestamp(expiresAt) }
    }
  })
}

export default adminInvitationRoutes
