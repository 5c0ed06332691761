/**
 * Authenticates requests, either by access tokens of this service and of another issuer, or with the function `authenticate` of
 * a host application. Decorates the Fastify instance with `chatAuth`, and requests with `chatUser`.
 */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createHostUsers } from '../src/accounts/host-users.ts'
import { createRetention, retentionJobs } from '../src/accounts/retention.ts'
import { createOptionsReader, type SettingOptions } from '../src/config/plugin-options.ts'
import { administrationSettings, reportSettings } from '../src/config/settings/audit.ts'
import { authSettings } from '../src/config/settings/auth.ts'
import { chatSettings } from '../src/config/settings/chat.ts'
import { platformSettings } from '../src/config/settings/http.ts'
import { issuerSettings } from '../src/config/settings/issuers.ts'
import { mailSettings } from '../src/config/settings/mail.ts'
import { passwordSettings } from '../src/config/settings/passwords.ts'
import { registrationSettings } from '../src/config/settings/registration.ts'
import { sessionSettings } from '../src/config/settings/sessions.ts'
import { twoFactorSettings } from '../src/config/settings/two-factor.ts'
import { createSessionCookies } from '../src/http/session-cookies.ts'
import { type Clock, systemClock } from '../src/lib/clock.ts'
import { withoutRepeats } from '../src/lib/repeated-log.ts'
import { shutdownOf } from '../src/shutdown.ts'
import { createHostAuth } from './auth/host-auth.ts'
import type { Authenticate } from './auth/types.ts'

// Routes must not import src/accounts directly, so this plugin exports what they need.
export type { Accounts } from '../src/accounts/accounts.ts'
export type { LoginRequest } from '../src/accounts/login.ts'
export { PROOF_SECONDS } from '../src/accounts/sessions/proof.ts'
export { sessionIdOfToken } from '../src/accounts/sessions/refresh-token.ts'
export type { StartedSession } from '../src/accounts/sessions/start.ts'
export type { ManagedUser as StoredManagedUser } from '../src/db/repositories/administration.ts'
export type { AuditRow } from '../src/db/repositories/audit-reader.ts'
export {
  administratorOf,
  callerOf,
  clientOf,
  factorActorOf,
  provenOwnerOf,
  sessionOf,
  tokenOf
} from './auth/requests.ts'
export type { Authenticate, Caller } from './auth/types.ts'

/**
 * Options of the auth plugin. docs/settings.md describes the options that are settings. `secretKey` is required unless
 * `authenticate` is given.
 */
export interface ChatAuthOptions extends SettingOptions<typeof ownSettings> {
  /** Authenticates the users of a host application. With this function, the service has no accounts and issues no tokens. */
  readonly authenticate?: Authenticate | undefined
  readonly clock?: Clock
}

export const ownSettings = {
  ...authSettings,
  ...administrationSettings,
  ...reportSettings,
  ...twoFactorSettings,
  ...passwordSettings,
  ...sessionSettings,
  ...registrationSettings,
  ...issuerSettings,
  legacySocketHours: chatSettings.legacySocketHours,
  publicUrl: platformSettings.publicUrl,
  requireVerifiedEmail: mailSettings.requireVerifiedEmail
}

const readOptions = createOptionsReader('chat-auth', {
  settings: ownSettings,
  // `secretKey` is not required with `authenticate`, because the service then signs no tokens.
  excused: ['secretKey'],
  functions: ['authenticate']
})

export default fp(
  async function chatAuth(fastify: FastifyInstance, options: ChatAuthOptions) {
    const values = readOptions(options)
    const { authenticate, clock = systemClock } = options
    const { users, schema } = fastify.chatDb
    const hostUsers = createHostUsers({ users, log: withoutRepeats(fastify.server, fastify.log, clock), clock })
    const cookies = createSessionCookies({ audience: values.audience ?? schema, publicUrl: values.publicUrl })
    startRetention(fastify, clock, values)
    fastify.decorateRequest('chatUser', null)
    if (authenticate) {
      fastify.decorate('chatAuth', createHostAuth({ authenticate, hostUsers, clock, cookies }))
      return
    }
    // Imported only here, so that a host with its own users does not load the code and the libraries of accounts.
    const { createOwnAuth } = await import('./auth/own-auth.ts')
    fastify.decorate('chatAuth', await createOwnAuth(fastify, { values, clock, cookies, admit: hostUsers.admit }))
  },
  { name: 'chat-auth', fastify: '5.x', dependencies: ['chat-db'] }
)

/**
 * Starts the periodic deletion of expired rows, such as old sessions, audit events and resolved reports. Stops it during the
 * shutdown.
 */
const startRetention = (
  fastify: FastifyInstance,
  clock: Clock,
  { auditAddressDays, reportDays }: { readonly auditAddressDays: number; readonly reportDays: number }
): void => {
  const log = withoutRepeats(fastify.server, fastify.log, clock)
  const retention = createRetention({ jobs: retentionJobs(fastify.chatDb, auditAddressDays, reportDays), clock, log })
  fastify.addHook('onListen', async () => retention.start())
  shutdownOf(fastify).add('stop background work', () => retention.stop())
}
