/**
 * Authenticates users by their access tokens, which this service or another issuer has signed. The auth plugin loads this file
 * unless a host application authenticates the users.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { createAdminGuard } from '../../src/accounts/admin/admin-guard.ts'
import type { SettingValues } from '../../src/config/plugin-options.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { whenKnown } from '../../src/lib/when-known.ts'
import type { ownSettings } from '../auth.ts'
import { createOwnAccounts } from './own-accounts.ts'
import { callerFrom, callerOf, missingToken, socketToken, tokenOf } from './requests.ts'
import type { Caller, ChatAuth } from './types.ts'

export interface OwnAuthOptions extends Pick<ChatAuth, 'cookies' | 'admit'> {
  readonly values: SettingValues<typeof ownSettings, 'secretKey'>
  readonly clock: Clock
}

/** Creates the authentication by access tokens. Throws a TypeError if `secretKey` or the plugin `crypto` is missing. */
export const createOwnAuth = async (
  fastify: FastifyInstance,
  { values, clock, cookies, admit }: OwnAuthOptions
): Promise<ChatAuth> => {
  // Not a dependency of the plugin, because with `authenticate` it does not use `chatCrypto`.
  if (!fastify.hasDecorator('chatCrypto'))
    throw new TypeError('Accounts of the chat need encryption. Register the plugin `crypto` before `auth`.')
  const accounts = await createOwnAccounts(fastify, values, clock)
  const adminGuard = createAdminGuard({
    administration: fastify.chatDb.administration,
    factors: fastify.chatDb.factors,
    isFactorRequired: values.adminSecondFactor
  })
  fastify.addHook('onListen', async () => {
    const warning = await adminGuard.warning()
    if (warning) fastify.log.warn(warning)
  })
  const identify = (token: string): Caller | Promise<Caller> => {
    const askedAt = clock.monotonic()
    return whenKnown(accounts.identify(token), identity =>
      callerFrom({ ...identity, user: { ...identity.user, externalId: null } }, askedAt)
    )
  }
  const requireToken = async (request: FastifyRequest, token: string | undefined, example?: string) => {
    if (!token) throw missingToken(example)
    const caller = identify(token)
    request.chatUser = caller instanceof Promise ? await caller : caller
  }

  return {
    accounts,
    hasLocalAccounts: values.authLocal,
    cookies,
    requireUser: request => requireToken(request, tokenOf(request)),
    recheckUser: request => requireToken(request, tokenOf(request)),
    requireSocketUser: request => requireToken(request, socketToken(request), '/ws/chat?token=<token>'),
    renew: async token => identify(token),
    async requireProof(request) {
      const caller = callerOf(request)
      const { userId, sessionId, authenticatedAt } = caller
      const { chatIssuerProof } = request.routeOptions.config
      const proven = { userId, sessionId, ...(chatIssuerProof ? { authenticatedAt } : {}) }
      // A password change raises the generation of the user and of the session that requests it. `caller` may have been read
      // before the change, so the generation of the session in the database takes precedence.
      const generation = (await accounts.proofs.require(proven)) ?? caller.generation
      request.chatUser = { ...caller, generation }
    },
    requireAdmin: request => adminGuard.check(callerOf(request)),
    admit
  }
}
