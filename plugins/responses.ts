/**
 * Limits the memory that responses need while clients do not read them. Each connection has one response at a time. A long
 * response is written in pieces, as the client reads. A connection without progress is closed. If all long responses together need
 * too much memory, further ones are rejected. Decorates the Fastify instance with `chatResponses`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Server, Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { listeningServers } from '../src/http/fastify-internals.ts'
import { createStallWatch } from '../src/http/stalled.ts'
import { createTurns, type Turns } from '../src/http/turns.ts'
import { lingerForBody } from '../src/http/unread-body.ts'
import { clientNetwork } from '../src/lib/client-address.ts'
import { type Clock, systemClock } from '../src/lib/clock.ts'
import { PIECE_BYTES, piecesOf } from '../src/lib/pieces.ts'
import { withoutRepeats } from '../src/lib/repeated-log.ts'
import { ChatError } from '../src/protocol/errors.ts'
import { shutdownOf } from '../src/shutdown.ts'

declare module 'fastify' {
  interface FastifyInstance {
    chatResponses: {
      /**
       * Watches a response for which no hooks run, for example the response to a malformed URL. Closes the connection if the
       * client does not read the response.
       */
      watch(request: FastifyRequest, reply: FastifyReply): void
      /** Calls `ended` once, when the response has been sent or the connection is closed. */
      onEnd(reply: FastifyReply, ended: () => void): void
      /** Watches a socket until the socket is closed. Closes the socket if the client does not read the written bytes. */
      watchSocket(socket: Socket): void
    }
  }
}

export interface ChatResponsesOptions {
  readonly clock?: Clock
  /** Timeout in milliseconds for a client to read 16 KiB. The default is 30,000. */
  readonly responseStallMs?: number
  /**
   * Maximum number of bytes of all long responses that are not sent completely. Further long responses are replaced by the error
   * `busy`. Responses that the service produces while they are sent, such as history, need less memory and do not count. The
   * default is 64 MiB.
   */
  readonly maxUnsentBytes?: number
  /**
   * Whether the whole server belongs to the chat. If true, all requests of a connection are queued before routing, so that each
   * turn of the event loop routes and handles only one of them. If false, only requests to the chat's routes are queued, after
   * routing.
   */
  readonly isWhole?: boolean
}

/** Affects only the scope in which this plugin is registered, so that the responses of a host application stay unchanged. */
export default fp(
  async function chatResponses(fastify: FastifyInstance, options: ChatResponsesOptions) {
    const { clock = systemClock, responseStallMs, maxUnsentBytes = MAX_UNSENT_BYTES, isWhole = false } = options
    const log = withoutRepeats(fastify.server, fastify.log, clock)
    const stalls = createStallWatch({
      clock,
      ...(responseStallMs === undefined ? {} : { stallMs: responseStallMs }),
      onStalled: () => log.warn({}, 'closed a connection whose client did not read the response')
    })
    const turns = createTurns()
    const watch = ({ raw }: FastifyRequest, reply: FastifyReply): void => {
      if (hasOwnSocket(raw)) turns.onEnd(raw.socket, reply.raw, stalls.watch(raw.socket))
    }
    fastify.decorate('chatResponses', {
      watch,
      onEnd: ({ request, raw }, ended) => turns.onEnd(request.raw.socket, raw, ended),
      watchSocket: socket => void stalls.watch(socket)
    })
    fastify.addHook('onRequest', (request, reply, done) => {
      if (!hasOwnSocket(request.raw)) return done()
      const begin = (): void => {
        watch(request, reply)
        done()
      }
      if (isWhole) begin()
      else turns.take(request.raw.socket, reply.raw, begin)
    })
    if (isWhole) {
      takeTurns(fastify.server, turns)
      fastify.addHook('onListen', async () => {
        for (const server of listeningServers(fastify)) if (server !== fastify.server) takeTurns(server, turns)
      })
    }
    const unsent = new Map<string, number>()
    let unsentBytes = 0
    const addUnsent = (network: string, bytes: number): void => {
      unsentBytes += bytes
      const own = (unsent.get(network) ?? 0) + bytes
      if (own > 0) unsent.set(network, own)
      else unsent.delete(network)
    }
    /** A network that has more than its share may not use the part that is reserved for the others. */
    const isTooMuch = (network: string, bytes: number): boolean => {
      const own = (unsent.get(network) ?? 0) + bytes
      const reserve = own > maxUnsentBytes * NETWORK_SHARE ? maxUnsentBytes * RESERVE : 0
      return unsentBytes + bytes > maxUnsentBytes - reserve
    }
    fastify.addHook('onSend', (request, reply, payload, done) => {
      const isWatched = hasOwnSocket(request.raw)
      if (isWatched) lingerForBody(request, reply)
      // Payloads that are bytes already are the same for all requests, and stay in memory anyway.
      const bytes = typeof payload === 'string' && payload.length > MAX_WHOLE_BYTES ? Buffer.from(payload) : undefined
      if (bytes && isWatched) {
        const network = clientNetwork(request)
        if (isTooMuch(network, bytes.length)) return done(busy())
        addUnsent(network, bytes.length)
        turns.onEnd(request.raw.socket, reply.raw, () => addUnsent(network, -bytes.length))
      }
      done(null, inPieces(reply, bytes ?? payload))
    })
    shutdownOf(fastify).add('stop monitoring', () => stalls.close())
  },
  { name: 'chat-responses', fastify: '5.x' }
)

/**
 * Replaces the `request` listeners of a server. The new listener queues the requests of each connection, and passes one request
 * at a time to the replaced listeners.
 */
const takeTurns = (server: Server, turns: Turns): void => {
  const handlers = server.listeners('request')
  server.removeAllListeners('request')
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    turns.take(request.socket, response, () => {
      for (const handle of handlers) handle.call(server, request, response)
    })
  })
}

/**
 * Returns whether a request is an HTTP/1 request on a network connection, and not an upgrade. This plugin ignores all other
 * requests: a WebSocket has its own limits, HTTP/2 has flow control, and an injected request has no network socket.
 */
const hasOwnSocket = (request: IncomingMessage): boolean => {
  const isUpgrade = 'upgrade' in request && request.upgrade === true
  return !isUpgrade && request.httpVersionMajor === 1 && request.socket instanceof Socket
}

/** Maximum size in bytes of a response that is written as a whole. */
const MAX_WHOLE_BYTES = 2 * PIECE_BYTES
const MAX_UNSENT_BYTES = 64 * 1024 * 1024
/** The part of the unsent bytes that only networks with less than `NETWORK_SHARE` of them may use. */
const RESERVE = 1 / 4
const NETWORK_SHARE = 1 / 8
const RETRY_AFTER_MS = 1000

const busy = (): ChatError =>
  new ChatError('busy', 'The service is sending too many other responses. Try again in a moment.', {
    retryAfterMs: RETRY_AFTER_MS
  })

const inPieces = (reply: FastifyReply, payload: unknown): unknown => {
  if (!Buffer.isBuffer(payload) || payload.length <= MAX_WHOLE_BYTES) return payload
  reply.header('content-length', payload.length)
  return Readable.from(piecesOf(payload), { objectMode: false })
}
