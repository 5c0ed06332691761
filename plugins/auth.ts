/**
 * Authenticates callers: users who registered here by their access tokens, or the users of a host application by its
 * `authenticate`; decorates `chatAuth` and `request.chatUser`.
 */
import jwtPlugin from '@fastify/jwt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { type Accounts, createAccounts } from '../src/accounts/accounts.ts'
import { createHostUsers, type HostUser } from '../src/accounts/host-users.ts'
import { createPasswords } from '../src/accounts/passwords.ts'
import { createAccessTokens, type Jwt } from '../src/accounts/tokens/access-tokens.ts'
import { extractToken } from '../src/accounts/tokens/extract-token.ts'
import type { Principal } from '../src/chat/access/authorize.ts'
import { createOptionsReader, type SettingOptions, type SettingValues } from '../src/config/plugin-options.ts'
import { authSettings } from '../src/config/settings/auth.ts'
import type { UserRecord } from '../src/db/repositories/users.ts'
import { type Clock, systemClock } from '../src/lib/clock.ts'
import { withoutRepeats } from '../src/lib/repeated-log.ts'
import { ChatError } from '../src/protocol/errors.ts'

/** The caller of a request, and when the user was created. */
type Caller = Principal & Pick<UserRecord, 'createdAt'>

/** Returns the host application's user who sent a request, or nothing. Called before each request and upgrade. */
export type Authenticate = (
  request: FastifyRequest
) => HostUser | null | undefined | Promise<HostUser | null | undefined>

declare module 'fastify' {
  interface FastifyInstance {
    chatAuth: {
      /** Manages the accounts of this service; null if the users are those of a host. */
      readonly accounts: Accounts | null
      /** Responds with a 401 unless the caller is authenticated, and sets `request.chatUser`; an onRequest hook. */
      requireUser(request: FastifyRequest): Promise<void>
      /** Does the same for an upgrade to a WebSocket, whose client may send its token elsewhere. */
      requireSocketUser(request: FastifyRequest): Promise<void>
      /** Returns the user of a new token for a connection. Throws `invalid_token`, `token_expired`, or `not_allowed` in a host. */
      renew(token: string): Promise<Caller>
      /** Returns the chat user of a host user, created on first use. */
      admit(person: HostUser): Promise<UserRecord>
    }
  }
  interface FastifyRequest {
    chatUser: Caller | null
  }
}

/** Options of the auth plugin. docs/settings.md describes the settings among them. `secretKey` is required unless `authenticate` is given. */
export interface ChatAuthOptions extends SettingOptions<typeof authSettings> {
  /** Makes the users those of the host: then there are no accounts here, and no tokens. */
  readonly authenticate?: Authenticate | undefined
  readonly clock?: Clock
}

// A namespace of our own: a host may have @fastify/jwt too, and its decorators must not change.
const NAMESPACE = 'chat'
/** Limits how long a host's authentication is valid by default, in milliseconds. */
const DAY_MS = 24 * 60 * 60 * 1000

const readOptions = createOptionsReader('chat-auth', {
  settings: authSettings,
  // Not required with `authenticate`: then no token is signed here.
  excused: ['secretKey'],
  functions: ['authenticate']
})

export default fp(
  async function chatAuth(fastify: FastifyInstance, options: ChatAuthOptions) {
    const settings = readOptions(options)
    const { authenticate, clock = systemClock } = options
    const { users } = fastify.chatDb
    const hostUsers = createHostUsers({ users, log: withoutRepeats(fastify.server, fastify.log, clock), clock })

    fastify.decorateRequest('chatUser', null)
    if (authenticate) {
      const requireUser = async (request: FastifyRequest): Promise<void> => {
        const askedAt = clock.monotonic()
        const { user, expiresAt = clock.now() + DAY_MS } = await hostUsers.identify(() => authenticate(request))
        request.chatUser = principalOf(user, expiresAt, askedAt)
      }
      const renew = async () => {
        throw new ChatError(
          'not_allowed',
          'This application authenticates its users itself. Reconnect instead of sending a token.'
        )
      }
      fastify.decorate('chatAuth', {
        accounts: null,
        requireUser,
        requireSocketUser: requireUser,
        renew,
        admit: hostUsers.admit
      })
      return
    }

    const accounts = await createOwnAccounts(fastify, settings, clock)
    const renew = async (token: string): Promise<Caller> => {
      const askedAt = clock.monotonic()
      const { user, expiresAt } = await accounts.identify(token)
      return principalOf({ ...user, externalId: null }, expiresAt, askedAt)
    }
    const requireToken = async (request: FastifyRequest, token: string | undefined, example?: string) => {
      if (!token) throw missingToken(example)
      request.chatUser = await renew(token)
    }
    fastify.decorate('chatAuth', {
      accounts,
      requireUser: request => requireToken(request, extractToken({ authorization: request.headers.authorization })),
      requireSocketUser: request => requireToken(request, socketToken(request), '/ws/chat?token=<token>'),
      renew,
      admit: hostUsers.admit
    })
  },
  { name: 'chat-auth', fastify: '5.x', dependencies: ['chat-db'] }
)

/** Returns the user of a request that has passed `requireUser` or the WebSocket route. */
export const callerOf = ({ chatUser }: FastifyRequest): Caller => {
  if (!chatUser) throw missingToken()
  return chatUser
}

const principalOf = (
  { id, username, externalId, createdAt }: UserRecord,
  expiresAt: number,
  askedAt: number
): Caller => ({
  userId: id,
  username,
  externalId,
  createdAt,
  expiresAt,
  askedAt
})

const missingToken = (example = 'Authorization: Bearer <token>'): ChatError =>
  new ChatError('missing_token', `Send the access token, for example as "${example}".`)

/** Returns the token of a WebSocket client, which can't set headers in a browser. */
const socketToken = ({ headers, query }: FastifyRequest): string | undefined => {
  const { token } = query as { token?: unknown }
  return extractToken({
    authorization: headers.authorization,
    subprotocols: headers['sec-websocket-protocol'],
    queryToken: typeof token === 'string' ? token : undefined
  })
}

const createOwnAccounts = async (
  fastify: FastifyInstance,
  settings: SettingValues<typeof authSettings, 'secretKey'>,
  clock: Clock
) => {
  const { secretKey, secretKeyPrevious, accessTokenExpireMinutes, bcryptRounds } = settings
  if (!secretKey)
    throw new TypeError(
      'The plugin chat-auth requires `secretKey`, or `authenticate` for the users of a host application.'
    )
  const jwt = await loadJwt(fastify, secretKey)
  const tokens = createAccessTokens({
    jwt,
    clock,
    secretKey,
    secretKeyPrevious,
    audience: settings.audience ?? fastify.chatDb.schema,
    lifetime: accessTokenExpireMinutes * 60
  })
  return createAccounts({
    users: fastify.chatDb.users,
    passwords: createPasswords({ rounds: bcryptRounds }),
    tokens,
    clock
  })
}

/** Registers `@fastify/jwt` in a child instance of its own. */
const loadJwt = async (fastify: FastifyInstance, secret: string): Promise<Jwt> => {
  let jwt: Jwt | undefined
  await fastify.register(async function chatJwt(child) {
    // Shadows a host's `jwt`, to which the namespace would otherwise be added.
    child.decorate('jwt', Object.create(null))
    await child.register(jwtPlugin, { namespace: NAMESPACE, secret, decoratorName: 'chatJwtUser' })
    jwt = (child.jwt as unknown as Record<string, Jwt>)[NAMESPACE]
  })
  if (!jwt) throw new Error('@fastify/jwt did not register its namespace.')
  return jwt
}
