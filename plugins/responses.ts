/**
 * Bounds what is buffered of responses that nobody reads: long ones are written in pieces as their client reads, and a
 * connection without progress is closed; decorates `chatResponses`.
 */
import { Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { type Clock, systemClock } from '../src/clock.ts'
import { createStallWatch } from '../src/http/stalled.ts'
import { PIECE_BYTES, piecesOf } from '../src/lib/pieces.ts'
import { withoutRepeats } from '../src/lib/repeated-log.ts'

declare module 'fastify' {
  interface FastifyInstance {
    chatResponses: {
      /** Watches a response that no route sends. */
      watch(request: FastifyRequest, reply: FastifyReply): void
      /** Watches a socket until it is closed. */
      watchSocket(socket: Socket): void
    }
  }
}

/** Options of the responses plugin. */
export interface ChatResponsesOptions {
  readonly clock?: Clock
  /** How long a client may take for 16 KiB, in milliseconds, by default 30,000. */
  readonly responseStallMs?: number
}

/** Registered in the service's own scope: a host's responses are the host's. */
export default fp(
  async function chatResponses(fastify: FastifyInstance, options: ChatResponsesOptions) {
    const { clock = systemClock, responseStallMs } = options
    const log = withoutRepeats(fastify.server, fastify.log)
    const stalls = createStallWatch({
      clock,
      ...(responseStallMs === undefined ? {} : { stallMs: responseStallMs }),
      onStalled: () => log.warn({}, 'a connection was closed: its client did not read the response')
    })
    const watch = ({ raw }: FastifyRequest, reply: FastifyReply): void => {
      // A WebSocket has a limit of its own, and HTTP/2 its flow control.
      if (isUpgrade(raw) || !(raw.socket instanceof Socket)) return
      reply.raw.once('close', stalls.watch(raw.socket))
    }
    fastify.decorate('chatResponses', { watch, watchSocket: socket => void stalls.watch(socket) })
    fastify.addHook('onRequest', (request, reply, done) => {
      watch(request, reply)
      done()
    })
    fastify.addHook('onSend', (_request, reply, payload, done) => done(null, inPieces(reply, payload)))
    fastify.addHook('onClose', async () => stalls.close())
  },
  { name: 'chat-responses', fastify: '5.x' }
)

/** Node's own mark, which its types leave out. */
const isUpgrade = (raw: object): boolean => 'upgrade' in raw && raw.upgrade === true

/** More is written in pieces. */
const MAX_WHOLE_BYTES = 2 * PIECE_BYTES

const inPieces = (reply: FastifyReply, payload: unknown): unknown => {
  const bytes = typeof payload === 'string' && payload.length > MAX_WHOLE_BYTES ? Buffer.from(payload) : payload
  if (!Buffer.isBuffer(bytes) || bytes.length <= MAX_WHOLE_BYTES) return payload
  reply.header('content-length', bytes.length)
  return Readable.from(piecesOf(bytes), { objectMode: false })
}
