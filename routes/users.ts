/**
 * Serves the authenticated user's own account: the profile, the deletion and the export. A browser hides the response to a
 * rejected WebSocket upgrade. To find out the reason for the rejection, a page requests the profile.
 */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import { callerOf, clientOf, provenOwnerOf } from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { streamOf } from '../plugins/privacy.ts'
import { timestamp } from '../src/lib/clock.ts'
import { refTo } from '../src/protocol/components.ts'
import { ChatError } from '../src/protocol/errors.ts'
import { AccountDeletion, ProfileChange, User } from '../src/protocol/http/users.ts'
import { ANY_BODY, jsonResponse, problems, SECURED, TOKEN_PROBLEMS } from '../src/protocol/openapi.ts'
import { optionalBody } from './optional-body.ts'

const GUARD = [...TOKEN_PROBLEMS, 'rate_limited', 'busy'] as const
const BODY = ['validation_failed', ...ANY_BODY] as const
const BODY_LIMIT = 16 * 1024

const userRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { chatPrivacy: privacy, chatAuth, chatDb } = fastify

  fastify.route({
    method: 'GET',
    url: '/api/users/me',
    preHandler: limitReads(),
    schema: {
      operationId: 'getMe',
      summary: 'The authenticated user',
      description:
        'Its error also shows why a WebSocket was rejected, since a browser cannot read the status of a rejected upgrade.',
      tags: ['users'],
      security: SECURED,
      response: { 200: jsonResponse('The user.', refTo(User)), ...problems(...GUARD) }
    },
    async handler(request) {
      const { userId } = callerOf(request)
      return shown(fastify, (await chatDb.users.findByIds([userId])).get(userId))
    }
  })

  // A host application manages the accounts of its users itself.
  if (!chatAuth.accounts) return

  fastify.route({
    method: 'PATCH',
    url: '/api/users/me',
    bodyLimit: BODY_LIMIT,
    preHandler: limitReads(),
    schema: {
      operationId: 'updateMe',
      summary: 'Change your profile',
      description: 'Only the given fields change. `display_name: null` removes the display name.',
      tags: ['users'],
      security: SECURED,
      body: refTo(ProfileChange),
      response: { 200: jsonResponse('The user.', refTo(User)), ...problems(...GUARD, ...BODY) }
    },
    async handler(request) {
      const { display_name: name } = request.body
      // PostgreSQL stores UTF-8, which cannot encode a lone surrogate. `toWellFormed` replaces it with U+FFFD.
      const stored = name === null ? null : name.toWellFormed()
      const { userId: id, generation, sessionId } = callerOf(request)
      return shown(fastify, await chatDb.users.setDisplayName({ id, generation, sessionId }, stored))
    }
  })

  fastify.route({
    method: 'DELETE',
    url: '/api/users/me',
    bodyLimit: BODY_LIMIT,
    config: { chatProof: true, chatIssuerProof: true },
    preValidation: optionalBody,
    schema: {
      operationId: 'deleteMe',
      summary: 'Delete your account',
      description:
        'Ends all your sessions at once. The rest is done in the background. Your messages stay under the name `deleted user <id>`. They are erased if you ask for it, or if the service erases the messages of every deleted account. Requires a recent proof, or a token of another issuer with a login within the last ten minutes.',
      tags: ['users'],
      security: SECURED,
      body: Type.Optional(refTo(AccountDeletion)),
      response: {
        202: { description: 'The account has ended.', type: 'null' },
        ...problems('proof_required', 'last_admin', ...GUARD, ...BODY)
      }
    },
    async handler(request, reply) {
      const owner = { ...provenOwnerOf(request), client: clientOf(request) }
      await privacy.requestDeletion(callerOf(request).userId, { erase: request.body?.erase, by: owner })
      return reply.code(202).send()
    }
  })

  fastify.route({
    method: 'GET',
    url: '/api/users/me/export',
    exposeHeadRoute: false,
    config: { chatProof: true, chatIssuerProof: true },
    preHandler: limitReads(),
    schema: {
      operationId: 'exportMe',
      summary: 'Export everything that is stored about you',
      description:
        'Lines of JSON, each with a `type`. The last line is `{"type":"end","counts":{…},"complete":true}`; without it the export is incomplete. You can export once an hour, and run one export at a time. Requires a recent proof, or a token of another issuer with a login within the last ten minutes.',
      tags: ['users'],
      security: SECURED,
      response: {
        200: {
          description: 'The records, one per line.',
          content: { 'application/x-ndjson': { schema: Type.String() } }
        },
        ...problems('proof_required', ...GUARD)
      }
    },
    async handler(request, reply) {
      const { lines, end } = await privacy.exports.begin(callerOf(request))
      fastify.chatResponses.onEnd(reply, end)
      reply
        .type('application/x-ndjson; charset=utf-8')
        .header('content-disposition', 'attachment; filename="chat.ndjson"')
      return reply.send(streamOf(lines) as unknown as string)
    }
  })
}

export default userRoutes

type StoredUser = Awaited<ReturnType<FastifyInstance['chatDb']['users']['setDisplayName']>>

const shown = async (fastify: FastifyInstance, user: StoredUser): Promise<User> => {
  if (!user) throw new ChatError('invalid_token', 'The account does not exist anymore. Log in again.')
  const { id, username, displayName, role, createdAt } = user
  return {
    id,
    username,
    ...(displayName === null ? {} : { display_name: displayName }),
    role,
    created_at: timestamp(createdAt),
    ...(await emailFieldsOf(fastify, id))
  }
}

/** Returns the fields about the e-mail address of a user. Returns no fields if the service sends no mail. */
const emailFieldsOf = async ({ chatAuth }: FastifyInstance, userId: number) => {
  const emails = chatAuth.accounts?.emails
  if (!emails?.isConfigured) return {}
  const { email, isVerified, pendingEmail } = await emails.describe(userId)
  return {
    ...(email === undefined ? {} : { email }),
    email_is_verified: isVerified,
    ...(pendingEmail === undefined ? {} : { pending_email: pendingEmail })
  }
}
