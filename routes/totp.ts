/** Lists second factors, sets up authenticator apps, and creates recovery codes. Changes require a recent proof of identity. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { factorActorOf } from '../plugins/auth.ts'
import { timestamp } from '../src/lib/clock.ts'
import { refTo } from '../src/protocol/components.ts'
import { Factors, RecoveryCodes, TotpCode, TotpSecret } from '../src/protocol/http/two-factor.ts'
import { ANY_BODY, BODY_PROBLEMS, emptyResponse, jsonResponse, problems } from '../src/protocol/openapi.ts'
import { FACTOR_PROBLEMS, FACTOR_SCHEMA, factorChangeRoute, factorRoute } from './factor-route.ts'

/** Mounts the routes, unless a host application authenticates the users. */
const totpRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { accounts } = fastify.chatAuth
  if (!accounts) return
  const { factors, passkeys, hasPasskeys } = accounts.twoFactor

  fastify.route({
    method: 'GET',
    url: '/api/auth/factors',
    ...factorRoute(),
    schema: {
      ...FACTOR_SCHEMA,
      operationId: 'getFactors',
      summary: 'The second factors of the user',
      description: 'Whether an authenticator app is set up, how many recovery codes are left, and the passkeys.',
      response: { 200: jsonResponse('The second factors.', refTo(Factors)), ...problems(...FACTOR_PROBLEMS) }
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
    ...factorChangeRoute(),
    schema: {
      ...FACTOR_SCHEMA,
      operationId: 'enrolTotp',
      summary: 'Set up an authenticator app',
      description: 'The app is not used before its first code is confirmed.',
      response: {
        200: jsonResponse('The secret.', refTo(TotpSecret)),
        ...problems('totp_enabled', 'proof_required', ...ANY_BODY, ...FACTOR_PROBLEMS)
      }
    },
    handler: request => factors.enrolTotp(factorActorOf(request))
  })

  fastify.route({
    method: 'POST',
    url: '/api/auth/totp/confirm',
    ...factorChangeRoute(),
    schema: {
      ...FACTOR_SCHEMA,
      operationId: 'confirmTotp',
      summary: 'Confirm an authenticator app',
      description: 'From now on, logins require a second factor. Earlier recovery codes become invalid.',
      body: refTo(TotpCode),
      response: {
        200: jsonResponse('The recovery codes.', refTo(RecoveryCodes)),
        ...problems('invalid_code', 'proof_required', ...FACTOR_PROBLEMS, ...BODY_PROBLEMS)
      }
    },
    handler: async request => ({
      recovery_codes: [...(await factors.confirmTotp(factorActorOf(request), request.body.code))]
    })
  })

  fastify.route({
    method: 'DELETE',
    url: '/api/auth/totp',
    ...factorChangeRoute(),
    schema: {
      ...FACTOR_SCHEMA,
      operationId: 'removeTotp',
      summary: 'Remove the authenticator app',
      description: 'If no second factor is left, the recovery codes are deleted too.',
      response: {
        204: emptyResponse('There is no app anymore.'),
        ...problems('proof_required', ...ANY_BODY, ...FACTOR_PROBLEMS)
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
    ...factorChangeRoute(),
    schema: {
      ...FACTOR_SCHEMA,
      operationId: 'createRecoveryCodes',
      summary: 'Create new recovery codes',
      description: 'Earlier codes become invalid.',
      response: {
        200: jsonResponse('The recovery codes.', refTo(RecoveryCodes)),
        ...problems('no_second_factor', 'proof_required', ...ANY_BODY, ...FACTOR_PROBLEMS)
      }
    },
    handler: async request => ({ recovery_codes: [...(await factors.renewRecoveryCodes(factorActorOf(request)))] })
  })
}

export default totpRoutes
