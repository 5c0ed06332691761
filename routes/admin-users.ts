/** Lets administrators list users and change their accounts. Every route requires a recent proof of identity. */
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import { administratorOf, type StoredManagedUser } from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { timestamp } from '../src/lib/clock.ts'
import { NO_CONTROLS } from '../src/lib/text.ts'
import { refTo } from '../src/protocol/components.ts'
import type { ErrorCode } from '../src/protocol/errors.ts'
import { IssuedReset, ManagedUser, ManagedUserList, UserChange } from '../src/protocol/http/admin.ts'
import { countOf, Limit, pageOf } from '../src/protocol/http/paging.ts'
import { AccountDeletion } from '../src/protocol/http/users.ts'
import { Int64 } from '../src/protocol/integers.ts'
import { ANY_BODY, jsonResponse, problems, SECURED, TOKEN_PROBLEMS } from '../src/protocol/openapi.ts'

import { optionalBody } from './optional-body.ts'

const BODY_LIMIT = 16 * 1024

/** The errors of every route for administrators. */
export const ADMIN_PROBLEMS = [
  ...TOKEN_PROBLEMS,
  'not_allowed',
  'second_factor_missing',
  'proof_required',
  'validation_failed',
  'unavailable'
] as const satisfies readonly ErrorCode[]

/** The configuration of every route for administrators. */
export const ADMIN_ONLY = { chatAdmin: true, chatProof: true }

const LIST = ['rate_limited', 'busy'] as const

/** Defines the query parameter `after` of the lists. Its value is the `next` of the previous page. */
export const After = Type.Optional(
  Int64({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'The `next` of the previous page.' })
)

const UserId = Type.Object({ id: Int64({ minimum: 1, maximum: 2 ** 31 - 1 }) })

const adminUserRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { chatAuth, chatPrivacy } = fastify
  if (!chatAuth.accounts) return
  const { administration } = chatAuth.accounts

  fastify.route({
    method: 'GET',
    url: '/api/admin/users',
    config: ADMIN_ONLY,
    preHandler: limitReads(({ query }) => countOf((query as { limit?: number }).limit)),
    schema: {
      operationId: 'listUsers',
      summary: 'The users, in the order of their ids',
      description: 'Request the next page with `after` set to `next`. Deleted users are not listed.',
      tags: ['admin'],
      security: SECURED,
      querystring: Type.Object({
        query: Type.Optional(
          Type.String({
            maxLength: 50,
            pattern: NO_CONTROLS,
            'x-rule': 'must have no control characters',
            description: 'Only users whose names begin with this text. The case of the letters a to z does not matter.'
          })
        ),
        after: After,
        limit: Limit
      }),
      response: { 200: jsonResponse('The users.', refTo(ManagedUserList)), ...problems(...ADMIN_PROBLEMS, ...LIST) }
    },
    async handler(request) {
      const { query, after, limit } = request.query
      const count = countOf(limit)
      const found = await administration.list({ prefix: query, after, limit: count + 1 })
      const { items, ...more } = pageOf(found, count)
      return { users: items.map(shown), ...more }
    }
  })

  fastify.route({
    method: 'PATCH',
    url: '/api/admin/users/:id',
    bodyLimit: BODY_LIMIT,
    config: ADMIN_ONLY,
    schema: {
      operationId: 'changeUser',
      summary: 'Change the role of a user, suspend or restore the user',
      description:
        'A suspension ends every session: sockets are closed with 4403. The last administrator can be neither demoted nor suspended.',
      tags: ['admin'],
      security: SECURED,
      params: UserId,
      body: refTo(UserChange),
      response: {
        200: jsonResponse('The changed user.', refTo(ManagedUser)),
        ...problems('user_not_found', 'last_admin', ...ADMIN_PROBLEMS, ...ANY_BODY)
      }
    },
    handler: async request =>
      shown(await administration.change(administratorOf(request), request.params.id, request.body))
  })

  fastify.route({
    method: 'DELETE',
    url: '/api/admin/users/:id',
    bodyLimit: BODY_LIMIT,
    config: ADMIN_ONLY,
    preValidation: optionalBody,
    schema: {
      operationId: 'deleteUser',
      summary: 'Delete the account of a user',
      description:
        'Ends every session at once. The rest is done in the background, and cannot be undone. The messages stay under the name `deleted user <id>`, or are erased.',
      tags: ['admin'],
      security: SECURED,
      params: UserId,
      body: Type.Optional(refTo(AccountDeletion)),
      response: {
        202: { description: 'The account has ended.', type: 'null' },
        ...problems('user_not_found', 'last_admin', ...ADMIN_PROBLEMS, ...ANY_BODY)
      }
    },
    async handler(request, reply) {
      const by = administratorOf(request)
      await chatPrivacy.requestDeletion(request.params.id, { erase: request.body?.erase, by })
      return reply.code(202).send()
    }
  })

  fastify.route({
    method: 'POST',
    url: '/api/admin/users/:id/logout-all',
    bodyLimit: BODY_LIMIT,
    config: ADMIN_ONLY,
    schema: {
      operationId: 'endSessionsOfUser',
      summary: 'End every session of a user',
      description: 'The connections of the user are closed with 4401. The user can log in again.',
      tags: ['admin'],
      security: SECURED,
      params: UserId,
      response: {
        204: { description: 'The sessions have ended.', type: 'null' },
        ...problems('user_not_found', ...ADMIN_PROBLEMS)
      }
    },
    async handler(request, reply) {
      await administration.endSessions(administratorOf(request), request.params.id)
      return reply.code(204).send()
    }
  })

  fastify.route({
    method: 'POST',
    url: '/api/admin/users/:id/reset-password',
    bodyLimit: BODY_LIMIT,
    config: ADMIN_ONLY,
    schema: {
      operationId: 'resetPasswordOfUser',
      summary: 'Let a user choose a new password',
      description:
        'Mails a link to the verified address of the user. Returns a token instead if the user has no verified address, or if too many links were mailed. The old password stays valid until the user chooses a new one. Second factors stay. Users of another issuer have no password here.',
      tags: ['admin'],
      security: SECURED,
      params: UserId,
      response: {
        200: jsonResponse('How the user gets the token.', refTo(IssuedReset)),
        ...problems('user_not_found', ...ADMIN_PROBLEMS)
      }
    },
    async handler(request) {
      const { token, lifetimeMs } = await administration.resetPassword(administratorOf(request), request.params.id)
      const expires_in = Math.floor(lifetimeMs / 1000)
      return token === undefined ? { is_mailed: true, expires_in } : { is_mailed: false, token, expires_in }
    }
  })
}

export default adminUserRoutes

const shown = ({ id, username, displayName, role, status, createdAt }: StoredManagedUser): ManagedUser => ({
  id,
  username,
  ...(displayName === null ? {} : { display_name: displayName }),
  role,
  status,
  created_at: timestamp(createdAt)
})
