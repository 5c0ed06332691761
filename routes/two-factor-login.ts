/** Logs users in with a second factor, or with a passkey alone. These routes need no token and are limited per IP address. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { clientOf } from '../plugins/auth.ts'
import { perMinute } from '../plugins/platform.ts'
import type { Settings } from '../src/config/settings.ts'
import { refTo } from '../src/protocol/components.ts'
import { CodeLogin, PasskeyLogin, PasskeyLoginStart, PasskeyRequest } from '../src/protocol/http/two-factor.ts'
import { AccessToken } from '../src/protocol/http/users.ts'
import { BODY_PROBLEMS, jsonResponse, PUBLIC, problems } from '../src/protocol/openapi.ts'
import { loginRequestOf, sessionResponse } from './session-response.ts'

export type TwoFactorLoginOptions = Pick<Settings, 'loginRateLimit'>

const BODY_LIMIT = 16 * 1024
/**
 * The errors of every request that completes a login. They include errors about the account, such as `account_suspended`,
 * because the account may have changed since the first step.
 */
const LOGIN_PROBLEMS = [
  'invalid_challenge',
  'invalid_credentials',
  'account_suspended',
  'email_not_verified',
  'origin_not_allowed',
  ...BODY_PROBLEMS
] as const

/** Mounts the routes, unless a host application authenticates the users. */
const twoFactorLoginRoutes: FastifyPluginAsyncTypebox<TwoFactorLoginOptions> = async (fastify, { loginRateLimit }) => {
  const { accounts } = fastify.chatAuth
  if (!accounts) return
  const { twoFactor } = accounts
  const shared = { bodyLimit: BODY_LIMIT, config: perMinute(loginRateLimit, ':second-factor') }

  fastify.route({
    method: 'POST',
    url: '/api/auth/totp/login',
    ...shared,
    config: { ...shared.config, chatLogin: true },
    schema: {
      operationId: 'logInWithCode',
      summary: 'Continue a login with a code',
      description: 'Accepts a code of the authenticator app or a recovery code. The options of the first step apply.',
      tags: ['auth'],
      security: PUBLIC,
      body: refTo(CodeLogin),
      response: {
        200: jsonResponse('The access token.', refTo(AccessToken), { isLimited: true }),
        ...problems('invalid_code', ...LOGIN_PROBLEMS)
      }
    },
    async handler(request, reply) {
      const { challenge, code } = request.body
      const { user, options } = await twoFactor.continueLogin(clientOf(request), challenge, code)
      return sessionResponse(request, reply, await accounts.startSession(user, loginRequestOf(request, options)))
    }
  })

  fastify.route({
    method: 'POST',
    url: '/api/auth/passkeys/login/options',
    ...shared,
    schema: {
      operationId: 'getPasskeyLoginOptions',
      summary: 'Start a login with a passkey',
      description: 'Without the challenge of a login, the passkey replaces the password, and must verify its user.',
      tags: ['auth'],
      security: PUBLIC,
      body: refTo(PasskeyLoginStart),
      response: {
        200: jsonResponse('What to pass to the browser.', refTo(PasskeyRequest), { isLimited: true }),
        ...problems('invalid_challenge', 'passkeys_unavailable', ...BODY_PROBLEMS)
      }
    },
    handler: async ({ body }) => twoFactor.passkeyLogin.startLogin(body.challenge)
  })

  fastify.route({
    method: 'POST',
    url: '/api/auth/passkeys/login',
    ...shared,
    config: { ...shared.config, chatLogin: true },
    schema: {
      operationId: 'logInWithPasskey',
      summary: 'Log in with a passkey',
      description: 'If the passkey is the second step of a login, the options of the first step apply.',
      tags: ['auth'],
      security: PUBLIC,
      body: refTo(PasskeyLogin),
      response: {
        200: jsonResponse('The access token.', refTo(AccessToken), { isLimited: true }),
        ...problems('invalid_passkey', 'passkeys_unavailable', ...LOGIN_PROBLEMS)
      }
    },
    async handler(request, reply) {
      const { challenge, response, ...wanted } = request.body
      const verified = await twoFactor.passkeyLogin.login(clientOf(request), { challenge, response })
      const login = loginRequestOf(request, verified.options ?? wanted)
      return sessionResponse(request, reply, await accounts.startSession(verified.user, login))
    }
  })
}

export default twoFactorLoginRoutes
