/** Adds and removes passkeys, and accepts a passkey as a recent proof of identity. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { callerOf, factorActorOf, PROOF_SECONDS } from '../plugins/auth.ts'
import { timestamp } from '../src/lib/clock.ts'
import { refTo } from '../src/protocol/components.ts'
import { Proven } from '../src/protocol/http/sessions.ts'
import { AddedPasskey, NewPasskey, PasskeyProof, PasskeyRequest } from '../src/protocol/http/two-factor.ts'
import { ANY_BODY, BODY_PROBLEMS, emptyResponse, jsonResponse, problems } from '../src/protocol/openapi.ts'
import { challengeRoute, FACTOR_PROBLEMS, FACTOR_SCHEMA, factorChangeRoute, factorRoute } from './factor-route.ts'

/** Mounts the routes, unless a host application authenticates the users. */
const passkeyRoutes: FastifyPluginAsyncTypebox = async fastify => {
  const { accounts } = fastify.chatAuth
  if (!accounts) return
  const { passkeys, passkeyLogin } = accounts.twoFactor

  fastify.route({
    method: 'POST',
    url: '/api/auth/passkeys/options',
    ...challengeRoute(),
    config: { chatProof: true },
    schema: {
      ...FACTOR_SCHEMA,
      operationId: 'getPasskeyOptions',
      summary: 'Start to add a passkey',
      description:
        'Pass `options` to `navigator.credentials.create` (WebAuthn), and send its result with `challenge` within five minutes.',
      response: {
        200: jsonResponse('What to pass to the browser.', refTo(PasskeyRequest)),
        ...problems('too_many_passkeys', 'passkeys_unavailable', 'proof_required', ...ANY_BODY, ...FACTOR_PROBLEMS)
      }
    },
    handler: request => passkeys.startAdding(factorActorOf(request))
  })

  fastify.route({
    method: 'POST',
    url: '/api/auth/passkeys',
    ...factorChangeRoute(),
    schema: {
      ...FACTOR_SCHEMA,
      operationId: 'addPasskey',
      summary: 'Add a passkey',
      description: 'From now on, logins require a second factor.',
      body: refTo(NewPasskey),
      response: {
        201: jsonResponse('The passkey.', refTo(AddedPasskey)),
        ...problems(
          'invalid_challenge',
          'invalid_passkey',
          'too_many_passkeys',
          'passkeys_unavailable',
          'proof_required',
          ...FACTOR_PROBLEMS,
          ...BODY_PROBLEMS
        )
      }
    },
    async handler(request, reply) {
      const { publicId, name, createdAt, recoveryCodes } = await passkeys.add(factorActorOf(request), request.body)
      reply.code(201)
      return {
        id: publicId,
        name,
        created_at: timestamp(createdAt),
        ...(recoveryCodes ? { recovery_codes: [...recoveryCodes] } : {})
      }
    }
  })

  fastify.route({
    method: 'DELETE',
    url: '/api/auth/passkeys/:id',
    ...factorChangeRoute(),
    schema: {
      ...FACTOR_SCHEMA,
      operationId: 'removePasskey',
      summary: 'Remove a passkey',
      description: 'If no second factor is left, the recovery codes are deleted too.',
      params: Type.Object({ id: Type.String({ minLength: 1, maxLength: 100 }) }),
      response: {
        204: emptyResponse('The passkey was removed.'),
        ...problems('passkey_not_found', 'validation_failed', 'proof_required', ...ANY_BODY, ...FACTOR_PROBLEMS)
      }
    },
    async handler(request, reply) {
      await passkeys.remove(factorActorOf(request), request.params.id)
      return reply.code(204).send()
    }
  })

  fastify.route({
    method: 'POST',
    url: '/api/auth/passkeys/proof/options',
    ...challengeRoute(),
    schema: {
      ...FACTOR_SCHEMA,
      operationId: 'getPasskeyProofOptions',
      summary: 'Start a proof with a passkey',
      description:
        'Pass `options` to `navigator.credentials.get` (WebAuthn), and send its result with `challenge` within five minutes.',
      response: {
        200: jsonResponse('What to pass to the browser.', refTo(PasskeyRequest)),
        ...problems('passkeys_unavailable', ...ANY_BODY, ...FACTOR_PROBLEMS)
      }
    },
    handler: request => passkeyLogin.startProof(factorActorOf(request))
  })

  fastify.route({
    method: 'POST',
    url: '/api/auth/passkeys/proof',
    ...factorRoute(),
    schema: {
      ...FACTOR_SCHEMA,
      operationId: 'proveWithPasskey',
      summary: 'Prove who you are with a passkey',
      description: 'The passkey replaces the password and the code, and must verify its user.',
      body: refTo(PasskeyProof),
      response: {
        200: jsonResponse('The proof is accepted.', refTo(Proven)),
        ...problems(
          'invalid_challenge',
          'invalid_passkey',
          'passkeys_unavailable',
          'invalid_credentials',
          ...FACTOR_PROBLEMS,
          ...BODY_PROBLEMS
        )
      }
    },
    async handler(request) {
      const user = await passkeyLogin.prove(factorActorOf(request), request.body)
      await accounts.proofs.mark(user, callerOf(request).sessionId)
      return { expires_in: PROOF_SECONDS }
    }
  })
}

export default passkeyRoutes
