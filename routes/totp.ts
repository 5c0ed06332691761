/** Lists second factors, sets up authenticator apps, and creates recovery codes. Every change requires a recent proof. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { factorActorOf } from '../plugins/auth.ts'
import { limitReads } from '../plugins/chat.ts'
import { timestamp } from '../src/lib/clock.ts'
import { refTo } from '../src/protocol/components.ts'
import { Factors, RecoveryCodes, TotpCode, TotpSecret } from '../src/protocol/http/two-factor.ts'
import {
  ANY_BODY,
  BODY_PROBLEMS,
  emptyResponse,
  jsonResponse,
  problems,
  SECURED,
  TOKEN_PROBLEMS
} from '../src/protocol/openapi.ts'
import { limitChanges } from './limit-changes.ts'

const BODY_LIMIT = 16 * 1024
const GUARD = [...TOKEN_PROBLEMS, 'rate_limited', 'busy'] as const

/** Mounts the routes, unless a host application authenticates the users. */
const totpRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { accounts } = fastify.chatAuth
  if (!accounts) return
  const { factors, passkeys, hasPasskeys } = accounts.twoFactor
  const change = { config: { chatProof: true }, preHandler: [limitReads(), limitChanges('factors')] }
  const shared = { bodyLimit: BODY_LIMIT, ...change }
  const documented = { tags: ['auth'], security: SECURED }

  fastify.route({
    method: 'GET',
    url: '/api/auth/factors',
    preHandler: limitReads(),
    schema: {
      ...documented,
      operationId: 'getFactors',
      summary: 'The second factors of the user',
      description: 'Whether an authenticator app is set up, how many recovery codes are left, and the passkeys.',
      response: { 200: jsonResponse('The second factors.', refTo(Factors)), ...problems(...GUARD) }
    },
    async handler(request) {
      const { user } = factorActorOf(request)
      const [{ hasTotp, recoveryCodes }, all] = await Promise.all([factors.summary(user.id), passkeys.list(user.id)])
      const items = all.map(({ publicId, name, createdAt, lastUsedAt, isUsable }) => ({
        id: publicId,
        name,
        created_at: timestamp(createdAt),
        last_used_at: lastUsedAt === null ? null : timestamp(lastUsedAt),
        is_usable: isUsable
      }))
      return {
        totp: { is_enabled: hasTotp },
        recovery_codes: { left: recoveryCodes },
        passkeys: { is_available: hasPasskeys, items }
      }
    }
  })

  fastify.route({
    method: 'POST',
    url: '/api/auth/totp',
    ...shared,
    schema: {
      ...documented,
      operationId: 'enrolTotp',
      summary: 'Set up an authenticator app',
      description: 'The app is not used before its first code is confirmed.',
      response: {
        200: jsonResponse('The secret.', refTo(TotpSecret)),
        ...problems('totp_enabled', 'proof_required', ...ANY_BODY, ...GUARD)
      }
    },
    handler: request => factors.enrolTotp(factorActorOf(request))
  })

  fastify.route({
    method: 'POST',
    url: '/api/auth/totp/confirm',
    ...shared,
    schema: {
      ...documented,
      operationId: 'confirmTotp',
      summary: 'Confirm an authenticator app',
      description: 'From now on, logins require a second factor. Earlier recovery codes become invalid.',
      body: refTo(TotpCode),
      response: {
        200: jsonResponse('The recovery codes.', refTo(RecoveryCodes)),
        ...problems('invalid_code', 'proof_required', ...GUARD, ...BODY_PROBLEMS)
      }
    },
    handler: async request => ({
      recovery_codes: [...(await factors.confirmTotp(factorActorOf(request), request.body.code))]
    })
  })

  fastify.route({
    method: 'DELETE',
    url: '/api/auth/totp',
    ...change,
    schema: {
      ...documented,
      operationId: 'removeTotp',
      summary: 'Remove the authenticator app',
      description: 'If no second factor is left, the recovery codes are deleted too.',
      response: {
        204: emptyResponse('There is no app anymore.'),
        ...problems('proof_required', ...ANY_BODY, ...GUARD)
      }
    },
    async handler(request, reply) {
      await factors.removeTotp(factorActorOf(request))
      return reply.code(204).send()
    }
  })

  fastify.route({
    method: 'POST',
    url: '/api/auth/recovery-codes',
    ...shared,
    schema: {
      ...documented,
      operationId: 'createRecoveryCodes',
      summary: 'Create new recovery codes',
      description: 'Earlier codes become invalid.',
      response: {
        200: jsonResponse('The recovery codes.', refTo(RecoveryCodes)),
        ...problems('no_second_factor', 'proof_required', ...ANY_BODY, ...GUARD)
      }
    },
    handler: async request => ({ recovery_codes: [...(await factors.renewRecoveryCodes(factorActorOf(request)))] })
  })
}

export default totpRoutes
