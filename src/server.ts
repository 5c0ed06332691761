/** Runs the service as a process: creates the Fastify instance, listens, and shuts down on a signal. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import cors from '@fastify/cors'
import Fastify, { type FastifyInstance } from 'fastify'
import headersPlugin from '../plugins/headers.ts'
import metricsPlugin from '../plugins/metrics.ts'
import { sendNotFound, sendProblem } from '../plugins/problems.ts'
import responsesPlugin from '../plugins/responses.ts'
import { type ChatServiceOptions, chatService } from './app.ts'
import type { Settings } from './config/settings.ts'
import { listeningServers } from './http/fastify-internals.ts'
import { checkHead, refuseMalformed, takeEveryRequest } from './http/malformed.ts'
import { type DrainLimits, watchSockets } from './http/open-sockets.ts'
import { respondToPlainOptions } from './http/plain-options.ts'
import { DATA_HEADERS, HSTS } from './http/security-headers.ts'
import { trustProxies } from './lib/client-address.ts'
import { systemClock } from './lib/clock.ts'
import { logMethod, redactsItself, serializers } from './lib/logging.ts'
import { corsHeaders, corsOptions, createOrigins } from './lib/origins.ts'
import { shutdownOf } from './shutdown.ts'
import { exitOnSignals, stopOnSignals } from './signals.ts'

/** Timeouts for clients, in milliseconds. */
export interface Timeouts {
  /** Timeout for sending a complete request. */
  readonly requestMs?: number
  /** Timeout for sending the next request on a connection that is kept alive. */
  readonly keepAliveMs?: number
  /** Timeout for reading 16 KiB of a response. */
  readonly responseStallMs?: number
  /**
   * Limits the shutdown step `stop listening`, in which requests on open connections are still handled. If absent, this step is
   * skipped, and the server listens until Fastify closes it.
   */
  readonly drain?: DrainLimits
}

const REQUEST_MS = 30_000
const KEEP_ALIVE_MS = 72_000
const DRAIN = { idleMs: 350, requestsMs: 1100 }

export interface ServerOptions
  extends Pick<
    ChatServiceOptions,
    | 'client'
    | 'authorize'
    | 'authorizeActions'
    | 'clock'
    | 'bus'
    | 'appendQueue'
    | 'joinsPosters'
    | 'builtInKinds'
    | 'printMail'
    | 'mailLimits'
  > {
  readonly settings: Settings
  /** Warnings about the settings. The service logs them. */
  readonly warnings?: readonly string[]
  /**
   * Whether log lines are text for a terminal instead of JSON. Has no effect if `logTo` is given or pino-pretty is not
   * installed.
   */
  readonly pretty?: boolean
  /** Shortens timeouts in tests. */
  readonly timeouts?: Timeouts
  /** Receives the log lines. If absent, they are written to the standard output. */
  readonly logTo?: { write(line: string): void }
}

/** Creates the server. Call Fastify's `listen` and `close` to start and stop it. */
export const createServer = async (options: ServerOptions): Promise<FastifyInstance> => {
  const { settings, warnings = [], pretty = false, logTo, timeouts = {}, ...injected } = options
  const { requestMs = REQUEST_MS, keepAliveMs = KEEP_ALIVE_MS, drain, ...stalls } = timeouts
  const origins = createOrigins(settings.corsOrigins, settings.publicUrl)
  const fastify: FastifyInstance = Fastify({
    logger: {
      level: settings.logLevel,
      serializers,
      hooks: { logMethod },
      ...(logTo ? { stream: logTo } : {}),
      ...(pretty && !logTo ? prettyTransport() : {})
    },
    genReqId: requestId,
    trustProxy: typeof settings.trustProxy === 'boolean' ? settings.trustProxy : trustProxies(settings.trustProxy),
    frameworkErrors(error, request, reply) {
      reply.headers({ ...corsHeaders(origins, request.headers.origin), ...DATA_HEADERS, ...HSTS })
      fastify.chatResponses.watch(request, reply)
      sendProblem(error, request, reply)
    },
    routerOptions: { maxParamLength: 128 },
    // Disables the timeout of plugins, because the slow steps of the start have their own timeouts: DATABASE_WAIT_SECONDS and
    // the lock timeout of migrations.
    pluginTimeout: 0,
    requestTimeout: requestMs,
    keepAliveTimeout: keepAliveMs,
    // If a request has no Host header, Node would respond with an empty 400. `checkHead` responds with a problem instead.
    http: {
      requireHostHeader: false,
      headersTimeout: requestMs,
      connectionsCheckingInterval: Math.min(5000, requestMs)
    },
    clientErrorHandler(error, socket) {
      refuseMalformed(error, socket, ({ headers }) => corsHeaders(origins, headers.origin))
      fastify.chatResponses.watchSocket(socket)
    },
    // During a shutdown, the service itself responds: as usual on routes with `chatWhileStopping`, and with a problem on all other
    // routes.
    return503OnClosing: false
  })
  redactsItself(fastify.log)
  const sockets = watchSockets(fastify.server)
  fastify.addHook('onListen', async () => listeningServers(fastify).forEach(sockets.watch))
  if (drain) shutdownOf(fastify).add('stop listening', () => sockets.stopListening(drain))
  shutdownOf(fastify).add('end open requests', ({ timeoutMs }) => sockets.destroyIn(timeoutMs))
  takeEveryRequest(fastify.server)
  await fastify.register(responsesPlugin, { clock: injected.clock ?? systemClock, isWhole: true, ...stalls })
  // Registered on the root instance, so that these plugins also apply to the responses for unknown paths.
  await fastify.register(headersPlugin, { isWhole: true })
  await fastify.register(metricsPlugin, settings)
  fastify.addHook('onRequest', respondToPlainOptions)
  await fastify.register(cors, corsOptions(origins))
  fastify.addHook('onRequest', ({ raw }, _reply, done) => {
    checkHead(raw)
    done()
  })
  fastify.setNotFoundHandler(sendNotFound)
  fastify.setErrorHandler(sendProblem)
  await fastify.register(chatService, { resolved: { settings, warnings }, ...injected, pages: true })
  return fastify
}

/** A server that listens. `close` runs the same shutdown as a signal, but does not exit the process. */
export interface RunningServer {
  readonly url: string
  close(): Promise<void>
}

/** Creates the server, listens, and shuts down on SIGTERM or SIGINT. Rejects if the server cannot start. */
export const startServer = async (options: ServerOptions): Promise<RunningServer> => {
  const { settings } = options
  const waited = exitOnSignals()
  const timeouts = { drain: DRAIN, ...options.timeouts }
  const fastify = await createServer({ ...options, timeouts }).finally(waited.over)
  const stopped = stopOnSignals(fastify)
  try {
    const url = await fastify.listen({ host: settings.host, port: settings.port })
    return { url, close: stopped.now }
  } catch (error) {
    await stopped.now()
    throw error
  }
}

const REQUEST_ID = /^[\w-]{8,64}$/

/** Returns the value of the request's `X-Request-Id` header if it is well-formed, else a new id. */
const requestId = ({ headers }: Pick<IncomingMessage, 'headers'>): string => {
  const given = headers['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}

/**
 * Returns the options to log with pino-pretty, an optional peer dependency. Returns no options if it is not installed.
 */
const prettyTransport = () => {
  try {
    createRequire(import.meta.url).resolve('pino-pretty')
    return { transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname', translateTime: 'HH:MM:ss' } } }
  } catch {
    return {}
  }
}
