/** Creates the accounts of the service. The auth plugin loads this file unless a host application authenticates the users. */
import jwtPlugin from '@fastify/jwt'
import type { FastifyInstance } from 'fastify'
import { type Accounts, createAccounts } from '../../src/accounts/accounts.ts'
import type { AccountsContext } from '../../src/accounts/context.ts'
import { loadIssuer } from '../../src/accounts/issuers/issuer.ts'
import { createLookupKeys } from '../../src/accounts/lookup-keys.ts'
import { createMail } from '../../src/accounts/mail/mail.ts'
import { createPasswordPolicy, serviceNamesOf } from '../../src/accounts/passwords/policy.ts'
import { createLoginThrottle } from '../../src/accounts/passwords/throttle.ts'
import { createPasswords } from '../../src/accounts/passwords.ts'
import { createAccessTokens, type Jwt } from '../../src/accounts/tokens/access-tokens.ts'
import { loadTwoFactor } from '../../src/accounts/two-factor/two-factor.ts'
import type { SettingValues } from '../../src/config/plugin-options.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { withoutRepeats } from '../../src/lib/repeated-log.ts'
import { shutdownOf } from '../../src/shutdown.ts'
import type { ownSettings } from '../auth.ts'

// The namespace prevents conflicts with the decorators of a host that also uses @fastify/jwt.
const NAMESPACE = 'chat'
const DAY_MS = 24 * 60 * 60 * 1000
const HOUR_MS = 60 * 60 * 1000

/** Creates the accounts from the settings of the auth plugin. Throws a TypeError if `secretKey` is missing. */
export const createOwnAccounts = async (
  fastify: FastifyInstance,
  values: SettingValues<typeof ownSettings, 'secretKey'>,
  clock: Clock
): Promise<Accounts> => {
  const { secretKey, secretKeyPrevious, accessTokenExpireMinutes, bcryptRounds, legacySocketHours } = values
  if (!secretKey)
    throw new TypeError(
      'The plugin chat-auth requires `secretKey` for accounts of the chat, or `authenticate` for users of a host application.'
    )
  const jwt = await loadJwt(fastify, secretKey)
  const tokens = createAccessTokens({
    jwt,
    clock,
    secretKey,
    secretKeyPrevious,
    audience: values.audience ?? fastify.chatDb.schema,
    lifetime: accessTokenExpireMinutes * 60
  })
  const context = createContext(fastify, clock)
  const issuer = await loadIssuer(context, values)
  if (issuer) shutdownOf(fastify).add('stop background work', async () => issuer.stop())
  const twoFactor = await loadTwoFactor(context, values)
  // Not awaited, so that the start does not wait for a table scan.
  fastify.addHook('onListen', async () => void twoFactor.reportOtherHosts().catch(() => {}))
  return createAccounts({
    context,
    twoFactor,
    passwords: createPasswords({ rounds: bcryptRounds }),
    tokens,
    policy: createPasswordPolicy({
      isCommonChecked: values.passwordCommonCheck,
      serviceNames: serviceNamesOf(values.publicUrl)
    }),
    throttle: createLoginThrottle(context),
    lifetime: { idleMs: values.sessionIdleDays * DAY_MS, maxMs: values.sessionMaxDays * DAY_MS },
    legacySocketMs: legacySocketHours * HOUR_MS,
    isEmailRequired: values.requireVerifiedEmail,
    registration: values.registration,
    issuer,
    isLocal: values.authLocal,
    gates: []
  })
}

const createContext = (fastify: FastifyInstance, clock: Clock): AccountsContext => ({
  database: fastify.chatDb,
  keyring: fastify.chatCrypto,
  clock,
  log: withoutRepeats(fastify.server, fastify.log, clock),
  mail: fastify.hasDecorator('chatMail')
    ? fastify.chatMail
    : createMail({ keyring: fastify.chatCrypto, isConfigured: false }),
  lookupKeys: createLookupKeys({ repository: fastify.chatDb.lookupKeys, keyring: fastify.chatCrypto })
})

/** Registers `@fastify/jwt` in a separate child instance, and returns the methods that `@fastify/jwt` adds. */
const loadJwt = async (fastify: FastifyInstance, secret: string): Promise<Jwt> => {
  let jwt: Jwt | undefined
  await fastify.register(async function chatJwt(child) {
    // Shadows the `jwt` decorator of a host. Otherwise, `@fastify/jwt` would add the namespace to the decorator of the host.
    child.decorate('jwt', Object.create(null))
    await child.register(jwtPlugin, { namespace: NAMESPACE, secret, decoratorName: 'chatJwtUser' })
    jwt = (child.jwt as unknown as Record<string, Jwt>)[NAMESPACE]
  })
  if (!jwt)
    throw new Error(
      '@fastify/jwt did not register the namespace "chat". Install the version of @fastify/jwt that fastify-chat requires.'
    )
  return jwt
}
