/**
 * Registers the third-party plugins that the routes need, unless the host application has already registered them. Rejects
 * requests during a shutdown and while the process is overloaded.
 */
import cors from '@fastify/cors'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import type { DoneFuncWithErrOrRes, FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { LruMap } from 'toad-cache'
import { TokenBucket } from '../src/chat/connections/token-bucket.ts'
import { createOptionsReader, type SettingOptions } from '../src/config/plugin-options.ts'
import { platformSettings } from '../src/config/settings/http.ts'
import { respondToPlainOptions } from '../src/http/plain-options.ts'
import { rateLimitStore } from '../src/http/rate-limit-store.ts'
import { clientAddress, clientNetwork, networkOf } from '../src/lib/client-address.ts'
import { type Clock, systemClock } from '../src/lib/clock.ts'
import { corsOptions, createOrigins } from '../src/lib/origins.ts'
import type { Load } from '../src/ops/load.ts'
import { ChatError, type ErrorCode } from '../src/protocol/errors.ts'
import { mapProblems, openApiBase, schemaName } from '../src/protocol/openapi.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Returns the OpenAPI document of the chat's routes. Present only if the API documents are mounted. */
    chatDocument(): object
  }
  interface FastifyContextConfig {
    /** Keeps the route available during a shutdown. */
    chatWhileStopping?: boolean
    /** Allows requests to the route to be rejected while the process is overloaded. Set for history and lists. */
    chatMayWait?: boolean
    /** Allows browsers and proxies to store the response, because it is the same for all users. */
    chatMayBeStored?: boolean
  }
}

/** Options of the platform plugin. docs/settings.md describes the options that are settings. */
export interface ChatPlatformOptions extends SettingOptions<typeof platformSettings> {
  /** The path prefix of all routes. */
  readonly prefix?: string
  /** Enables `chatDocument`, the OpenAPI document of the chat alone. */
  readonly hasDocument?: boolean
  /** Replaces the `security` of the chat's routes if the host authenticates the users or has its own OpenAPI document. */
  readonly documentSecurity?: readonly { readonly [scheme: string]: string[] }[] | undefined
  /** Error codes that cannot occur, because the host has not passed the function that causes them. */
  readonly impossibleErrors?: readonly ErrorCode[]
}

const readOptions = createOptionsReader('chat-platform', { settings: platformSettings })

export default fp(
  async function chatPlatform(fastify: FastifyInstance, options: ChatPlatformOptions) {
    const { corsOrigins, publicUrl, apiContact } = readOptions(options)
    const { prefix = '', hasDocument = false } = options
    fastify.addHook('onRequest', (request, _reply, done) => {
      checkUpgradeAndStop(fastify, request)
      done()
    })
    if (corsOrigins.length > 0 && !fastify.hasPlugin('@fastify/cors')) {
      fastify.addHook('onRequest', respondToPlainOptions)
      await fastify.register(cors, corsOptions(createOrigins(corsOrigins, publicUrl)))
    }
    if (!fastify.hasPlugin('@fastify/rate-limit')) await registerRateLimit(fastify)
    const isHostDocument = fastify.hasPlugin('@fastify/swagger')
    if (isHostDocument || !fastify.chatAuth.accounts) {
      const codeHere = codeIn(options, fastify.chatAuth.accounts === null)
      fastify.addHook('onRoute', route => fitDocument(route, isHostDocument ? prefix : '', options, codeHere))
    }
    if (hasDocument) {
      const openapi = openApiBase({ publicUrl, apiContact })
      const refResolver = { buildLocalReference: schemaName }
      await fastify.register(swagger, { openapi, refResolver, decorator: 'chatDocument' })
    }
  },
  {
    name: 'chat-platform',
    fastify: '5.x',
    dependencies: ['chat-db', 'chat-auth', 'chat-core', 'chat-ops', 'chat-sockets']
  }
)

/**
 * Rejects a request in four cases:
 * - The host's `@fastify/websocket` has accepted the request as an upgrade, but the path is not a WebSocket route of the chat.
 *   `@fastify/websocket` accepts upgrades on every GET route.
 * - The service is shutting down, and the route does not have `chatWhileStopping`.
 * - The process is overloaded. Routes with `chatMayWait` reject requests if the load is `high` or `extreme`, WebSocket routes
 *   only if it is `extreme`.
 * - The request is an upgrade, and the process has the maximum number of WebSockets, or opens them faster than `connectRate`
 *   allows. `admit` checks both limits.
 */
const checkUpgradeAndStop = (fastify: FastifyInstance, request: FastifyRequest): void => {
  const { chatSocket, chatWhileStopping, chatMayWait } = request.routeOptions.config
  if (Reflect.get(request, 'ws') && !fastify.chatSockets.isUpgrade(request)) {
    throw new ChatError('not_found', `This path does not accept WebSockets. Connect to ${fastify.prefix}/ws/chat.`)
  }
  if (fastify.chatCore.isDraining && !chatWhileStopping) {
    throw new ChatError('unavailable', 'The service is restarting. Try again in a moment.', { retryAfterMs: 1000 })
  }
  if (chatSocket && fastify.chatSockets.isUpgrade(request)) {
    // A customer of a provider often has a whole /48 of IPv6, in which every /64 would be another network.
    fastify.chatCore.connections.admit(networkOf(clientAddress(request), 48))
  }
  if (chatMayWait || chatSocket) refuseWhileLoaded(fastify.chatOps.load(), chatSocket === true)
}

/**
 * Rejects reads while the load is `high` or `extreme`, and new WebSockets while the load is `extreme`, so that the process can
 * still handle the messages of connected users.
 */
const refuseWhileLoaded = (load: Load, isSocket: boolean): void => {
  if (load === 'normal' || (isSocket && load !== 'extreme')) return
  // The delay is random, so that clients that are rejected at the same time do not retry at the same time.
  const retryAfterMs = 2000 + Math.random() * 8000
  throw new ChatError('busy', 'The service is busy. Try again in a moment.', { retryAfterMs })
}

type CodeHere = (code: ErrorCode) => ErrorCode | undefined

const TOKEN_ERRORS: ReadonlySet<ErrorCode> = new Set(['missing_token', 'invalid_token', 'token_expired'])

/**
 * Returns a function that maps the error codes of a route to the codes in the OpenAPI document. If the host authenticates the
 * users, token errors become `not_logged_in`. Impossible codes are omitted.
 */
const codeIn =
  ({ impossibleErrors = [] }: ChatPlatformOptions, areUsersHosts: boolean): CodeHere =>
  code => {
    if (impossibleErrors.includes(code)) return undefined
    return areUsersHosts && TOKEN_ERRORS.has(code) ? 'not_logged_in' : code
  }

/**
 * Adapts the schema of a route if a host application authenticates the users or has its own OpenAPI document. Replaces
 * `security` with `documentSecurity`, and maps the error codes with `codeHere`. In the document of the host, operation ids must
 * be unique, so `prefix` is added to the operation id.
 */
const fitDocument = (
  route: RouteOptions,
  prefix: string,
  { documentSecurity }: ChatPlatformOptions,
  codeHere: CodeHere
): void => {
  // A HEAD route shares the schema object of its GET route, which has already been adapted.
  if (!route.schema || route.method === 'HEAD') return
  const { security, response, ...schema } = route.schema
  const words = [...prefix.split(/[^A-Za-z0-9]+/).filter(Boolean), schema.operationId ?? '']
  const isSecured = security !== undefined && security.length > 0
  const here = isSecured ? documentSecurity : security
  route.schema = {
    ...schema,
    ...(here ? { security: here } : {}),
    ...(schema.operationId ? { operationId: camelCase(words) } : {}),
    ...(response ? { response: mapProblems(response, codeHere) } : {})
  }
  // Disables the host's transform, which may expect another kind of schema, such as zod. The chat's schemas are JSON Schema.
  route.config = { ...route.config, swaggerTransform: false }
}

const camelCase = ([first = '', ...rest]: string[]): string =>
  first + rest.map(word => word.charAt(0).toUpperCase() + word.slice(1)).join('')

const registerRateLimit = async (fastify: FastifyInstance): Promise<void> => {
  await fastify.register(rateLimit, {
    global: false,
    store: rateLimitStore(fastify.chatDb.rateLimits, systemClock),
    errorResponseBuilder: (_request, { ttl }) => {
      const seconds = Math.ceil(ttl / 1000)
      const detail = `Too many requests. Try again in ${seconds} seconds.`
      return new ChatError('rate_limited', detail, { retryAfterMs: ttl })
    }
  })
}

/**
 * Returns the `config` that makes a route limit the requests per minute of each client. A request with an invalid body is not
 * counted, so that a mistake in a form does not use up the limit. If `max` is 0, there is no limit.
 */
export const perMinute = (max: number, groupId: string) =>
  max === 0
    ? {}
    : { rateLimit: { max, timeWindow: 60_000, groupId, hook: 'preHandler' as const, keyGenerator: clientNetwork } }

/** The number of requests per second of a network, and the number in a burst, that `limitNetwork` allows. */
const [NETWORK_RATE, NETWORK_BURST] = [50, 500]
/** Maximum number of remembered networks. The network that has sent no request for the longest time is forgotten. */
const MAX_NETWORKS = 10_000

/**
 * Returns a `preHandler` hook that limits the requests of each network to this process. It counts in memory, because the requests
 * of many users behind one address would otherwise wait for one row of the database. Throws `rate_limited`.
 */
export const limitNetwork = (clock: Pick<Clock, 'monotonic'> = systemClock) => {
  const buckets = new LruMap<TokenBucket>(MAX_NETWORKS)
  return (request: FastifyRequest, _reply: FastifyReply, done: DoneFuncWithErrOrRes): void => {
    const network = clientNetwork(request)
    const bucket = buckets.get(network) ?? new TokenBucket(NETWORK_RATE, NETWORK_BURST)
    buckets.set(network, bucket)
    const retryAfterMs = bucket.take(clock.monotonic())
    if (retryAfterMs === 0) return done()
    done(new ChatError('rate_limited', 'Too many requests of your network. Try again in a moment.', { retryAfterMs }))
  }
}
