/** The service as a process: a Fastify of its own around it, listening, and going down in good order on a signal. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import Fastify, { type FastifyInstance } from 'fastify'
import { sendNotFound, sendProblem } from '../plugins/problems.ts'
import responsesPlugin from '../plugins/responses.ts'
import { type ChatServiceOptions, chatService } from './app.ts'
import type { Settings } from './config/settings.ts'
import { checkHead, refuseMalformed, takeEveryRequest } from './http/malformed.ts'
import { OWN_HEADERS } from './http/security-headers.ts'
import { trustProxies } from './lib/client-address.ts'
import { systemClock } from './lib/clock.ts'
import { logMethod, redactsItself, serializers } from './lib/logging.ts'
import { corsHeaders, corsOptions, createOrigins } from './lib/origins.ts'

/** How long a client may take, in milliseconds. */
export interface Timeouts {
  /** Until a request is whole. */
  readonly requestMs?: number
  /** Without another request on a connection. */
  readonly keepAliveMs?: number
  /** For 16 KiB of a response. */
  readonly responseStallMs?: number
}

const REQUEST_MS = 30_000
const KEEP_ALIVE_MS = 72_000

/** What a server is made of. */
export interface ServerOptions extends Pick<ChatServiceOptions, 'client' | 'clock' | 'bus' | 'appendQueue' | 'kinds'> {
  readonly settings: Settings
  /** What resolving the settings had to say; logged. */
  readonly warnings?: readonly string[]
  /** Log lines for people instead of JSON. */
  readonly pretty?: boolean
  /** For tests: shorter timeouts. */
  readonly timeouts?: Timeouts
  /** Where log lines go instead of the standard output. */
  readonly logTo?: { write(line: string): void }
}

/** Makes the server; `listen` and `close` are Fastify's. */
export const createServer = async (options: ServerOptions): Promise<FastifyInstance> => {
  const { settings, warnings = [], pretty = false, logTo, timeouts = {}, ...injected } = options
  const { requestMs = REQUEST_MS, keepAliveMs = KEEP_ALIVE_MS, ...stalls } = timeouts
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
      reply.headers(corsHeaders(origins, request.headers.origin))
      fastify.chatResponses.watch(request, reply)
      sendProblem(error, request, reply)
    },
    routerOptions: { maxParamLength: 128 },
    // What may take long at the start has bounds of its own: DATABASE_WAIT_SECONDS, a migration's own time.
    pluginTimeout: 0,
    requestTimeout: requestMs,
    keepAliveTimeout: keepAliveMs,
    // A request without a Host gets a problem from `checkHead`. Node looks for late requests only so often.
    http: {
      requireHostHeader: false,
      headersTimeout: requestMs,
      connectionsCheckingInterval: Math.min(5000, requestMs)
    },
    clientErrorHandler(error, socket) {
      refuseMalformed(error, socket)
      fastify.chatResponses.watchSocket(socket)
    },
    // The service answers for itself while it stops: with problems, and with its health.
    return503OnClosing: false
  })
  redactsItself(fastify.log)
  const letGo = keepSockets(fastify)
  takeEveryRequest(fastify.server)
  await fastify.register(responsesPlugin, { clock: injected.clock ?? systemClock, isWhole: true, ...stalls })
  fastify.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
  })
  // At the root, for a 404 too.
  await fastify.register(helmet, OWN_HEADERS)
  await fastify.register(cors, corsOptions(origins))
  fastify.addHook('onRequest', async ({ raw }) => checkHead(raw))
  fastify.setNotFoundHandler(sendNotFound)
  fastify.setErrorHandler(sendProblem)
  await fastify.register(chatService, { resolved: { settings, warnings }, ...injected, pages: true })
  // Registered last, so that it runs when the chat has said its goodbyes.
  await fastify.register(async last => {
    last.addHook('preClose', async () => letGo())
  })
  return fastify
}

/** A server that listens. `close` ends it as a signal would, and leaves the process alone. */
export interface RunningServer {
  readonly url: string
  close(): Promise<void>
}

/** Starts the process's server: it listens, and a SIGTERM or SIGINT takes it down. Rejects when it can't start. */
export const startServer = async (options: ServerOptions): Promise<RunningServer> => {
  const { settings } = options
  const waited = leaveOnSignals()
  const fastify = await createServer(options).finally(waited.over)
  const stopped = stopOnSignals(fastify)
  try {
    const url = await fastify.listen({ host: settings.host, port: settings.port })
    return { url, close: stopped.now }
  } catch (error) {
    await stopped.now()
    throw error
  }
}

/**
 * Until there is a server to stop, a signal ends the process. It would by itself, but not where the process is the first of
 * a container: there the kernel drops every signal that has no handler, for as long as the database is waited for.
 */
const leaveOnSignals = (): { over(): void } => {
  const leave = (): never => process.exit(0)
  process.on('SIGTERM', leave).on('SIGINT', leave)
  return {
    over() {
      process.off('SIGTERM', leave).off('SIGINT', leave)
    }
  }
}

/** A stop that hasn't ended by then is ended. */
const STOP_MS = 9500
/** npm and watchers pass a signal on that the whole group has had already: within this time, two are one. */
const SAME_SIGNAL_MS = 1000

const stopOnSignals = (fastify: FastifyInstance): { now(): Promise<void> } => {
  let startedAt: number | undefined
  const stop = async (status: number): Promise<void> => {
    setTimeout(() => process.exit(status), STOP_MS).unref()
    await fastify.close()
    process.exit(status)
  }
  const onSignal = (signal: NodeJS.Signals): void => {
    if (startedAt === undefined) {
      startedAt = systemClock.monotonic()
      fastify.log.info({ signal }, 'stopping')
      void stop(0)
    } else if (systemClock.monotonic() - startedAt > SAME_SIGNAL_MS) process.exit(1)
  }
  const onFault = (err: unknown): void => {
    fastify.log.fatal({ err }, 'stopping after a fault')
    startedAt ??= systemClock.monotonic()
    void stop(1)
  }
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  process.on('uncaughtException', onFault).on('unhandledRejection', onFault)
  return {
    async now() {
      process.off('SIGTERM', onSignal).off('SIGINT', onSignal)
      process.off('uncaughtException', onFault).off('unhandledRejection', onFault)
      await fastify.close()
    }
  }
}

/** How long requests have to end after the chat has, before their sockets are dropped, in milliseconds. */
const LAST_REQUESTS_MS = 700

/**
 * Knows every socket of the server, upgraded ones too. What is still there some time after the returned function was
 * called is dropped: a browser's spare connection or half a request must not hold up the database's closing.
 */
const keepSockets = ({ server }: FastifyInstance): (() => void) => {
  const sockets = new Set<Socket>()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return () => {
    setTimeout(() => {
      for (const socket of sockets) socket.destroy()
    }, LAST_REQUESTS_MS).unref()
  }
}

const REQUEST_ID = /^[\w-]{8,64}$/

/** The caller's request id if it looks like one, else a new one. */
const requestId = ({ headers }: Pick<IncomingMessage, 'headers'>): string => {
  const given = headers['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}

/** pino-pretty where it is installed: it is for people at a terminal, so production goes without. */
const prettyTransport = () => {
  try {
    createRequire(import.meta.url).resolve('pino-pretty')
    return { transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname', translateTime: 'HH:MM:ss' } } }
  } catch {
    return {}
  }
}
