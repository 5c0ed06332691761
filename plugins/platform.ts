/** The third-party plugins that the routes stand on, each only where the host has none of its own. */
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import websocket from '@fastify/websocket'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { answerSubprotocol } from '../src/auth/extract-token.ts'
import { ChatError } from '../src/errors.ts'
import { openApiBase, schemaName } from '../src/openapi-base.ts'
import { rateLimitStore } from '../src/ops/rate-limit-store.ts'
import { onlyWebSockets } from '../src/ops/upgrades.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether a WebSocket may be opened here. */
    chatSocket?: boolean
    /** Whether the route answers while the service stops. */
    chatWhileStopping?: boolean
  }
}

/** Options of the platform plugin. */
export interface ChatPlatformOptions {
  readonly corsOrigins: readonly string[]
  readonly publicUrl?: string | undefined
}

/** Until a socket that was told to close is dropped, in milliseconds. */
const CLOSE_TIMEOUT_MS = 5000

export default fp(
  async function chatPlatform(fastify: FastifyInstance, options: ChatPlatformOptions) {
    // First: the others' hooks must run after its own, which marks upgrades.
    if (fastify.hasPlugin('@fastify/websocket')) warnOfForeignWebsocket(fastify)
    else await registerWebsocket(fastify)
    fastify.addHook('onRequest', async request => checkUpgradeAndStop(fastify, request))
    if (!fastify.hasPlugin('@fastify/cors')) await fastify.register(cors, corsOptions(options.corsOrigins))
    if (!fastify.hasPlugin('@fastify/helmet')) await fastify.register(helmet, HELMET)
    if (!fastify.hasPlugin('@fastify/rate-limit')) await registerRateLimit(fastify)
    if (!fastify.hasPlugin('@fastify/swagger')) {
      const openapi = openApiBase(options.publicUrl)
      await fastify.register(swagger, { openapi, refResolver: { buildLocalReference: schemaName } })
    }
  },
  { name: 'chat-platform', fastify: '5.x', dependencies: ['chat-config', 'chat-db', 'chat-core'] }
)

const registerWebsocket = async (fastify: FastifyInstance): Promise<void> => {
  const options = {
    maxPayload: fastify.chat.maxFrameBytes,
    perMessageDeflate: false,
    closeTimeout: CLOSE_TIMEOUT_MS,
    handleProtocols: answerSubprotocol
  }
  let stopTakingUpgrades = () => {}
  await fastify.register(websocket, {
    options,
    // The chat has said goodbye to its sockets by now, so nothing is left to wait for.
    preClose(this: FastifyInstance, done) {
      stopTakingUpgrades()
      this.websocketServer.close()
      done()
    },
    // `ws` has sent its own close code (1009, 1002, 1007) before it reports the error.
    errorHandler(error, socket, request) {
      request.log.warn(
        { err: error },
        'a WebSocket was closed for breaking the protocol, or for a frame that is too big'
      )
      if (socket.readyState !== socket.CLOSING) socket.terminate()
    }
  })
  stopTakingUpgrades = onlyWebSockets(fastify.server)
}

/**
 * `@fastify/websocket` accepts an upgrade on any GET route, and only then finds that there is no handler: without a token
 * or origin having been looked at. And nothing but health is served while the service stops.
 */
const checkUpgradeAndStop = (fastify: FastifyInstance, { ws, routeOptions }: FastifyRequest): void => {
  const { chatSocket, chatWhileStopping } = routeOptions.config
  if (ws && !chatSocket) throw new ChatError('not_found', 'There is no WebSocket here. Connect to /ws/chat.')
  if (fastify.chat.isDraining && !chatWhileStopping) {
    throw new ChatError('unavailable', 'The service restarts. Try again in a moment.', { retryAfterMs: 1000 })
  }
}

const warnOfForeignWebsocket = (fastify: FastifyInstance): void => {
  const { maxPayload } = fastify.websocketServer.options
  if (maxPayload === undefined || maxPayload > 10 * fastify.chat.maxFrameBytes) {
    fastify.log.warn({ maxPayload }, '@fastify/websocket is the host’s and takes large frames: set its maxPayload')
  }
}

const corsOptions = (origins: readonly string[]) => ({
  // `*` is only let through in development; with credentials a browser wants the origin itself.
  origin: origins.includes('*') ? true : [...origins],
  credentials: true,
  methods: ['GET', 'POST'],
  allowedHeaders: ['authorization', 'content-type', 'idempotency-key', 'x-request-id'],
  exposedHeaders: ['retry-after', 'x-request-id', 'x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'],
  maxAge: 600,
  // Else an OPTIONS that is no preflight is a 400 in plain text, and not a problem.
  strictPreflight: false
})

// An API serves no pages; the documents bring a policy of their own.
const HELMET = {
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } }
}

const registerRateLimit = async (fastify: FastifyInstance): Promise<void> => {
  await fastify.register(rateLimit, {
    global: false,
    store: rateLimitStore(fastify.chatDb.rateLimits),
    errorResponseBuilder: (_request, { ttl }) => {
      const seconds = Math.ceil(ttl / 1000)
      const detail = `Too many requests from your address. Try again in ${seconds} seconds.`
      return new ChatError('rate_limited', detail, { retryAfterMs: ttl })
    }
  })
}
