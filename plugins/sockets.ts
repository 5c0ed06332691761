/**
 * Opens the WebSockets of the chat's routes. Other listeners of the server handle all other upgrades. Decorates the Fastify
 * instance with `chatSockets`.
 */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { WebSocket } from 'ws'
import { selectSubprotocol } from '../src/accounts/tokens/extract-token.ts'
import type { ConnectionOptions } from '../src/chat/connections/context.ts'
import { listeningServers } from '../src/http/fastify-internals.ts'
import { createHandshake } from '../src/http/handshake.ts'
import { ofChatError, problemOf } from '../src/http/problems.ts'
import { createSocketPaths } from '../src/http/socket-paths.ts'
import { createUpgrades, type UpgradesOptions } from '../src/http/upgrades.ts'
import type { Log } from '../src/lib/logging.ts'
import { requestLogOf } from '../src/lib/repeated-log.ts'
import { CLOSE } from '../src/protocol/close-codes.ts'
import { ChatError } from '../src/protocol/errors.ts'
import { shutdownOf } from '../src/shutdown.ts'

export type OpenSocket = ConnectionOptions['socket'] & { readonly protocol: string }

export type ChatSocketsOptions = Pick<UpgradesOptions, 'responseTimeoutMs'>

declare module 'fastify' {
  interface FastifyInstance {
    chatSockets: {
      /**
       * Opens the WebSocket of an upgrade and calls `opened` with it, unless the client has disconnected. Throws a ChatError if
       * the request is not a valid WebSocket upgrade.
       */
      open(request: FastifyRequest, reply: FastifyReply, opened: (socket: OpenSocket) => void): void
      /** Returns whether a request is a WebSocket upgrade for this chat and has not been accepted yet. */
      isUpgrade(request: FastifyRequest): boolean
    }
  }
  interface FastifyContextConfig {
    /** Marks a route that accepts WebSockets. */
    chatSocket?: boolean
  }
}

export default fp(
  async function chatSockets(fastify: FastifyInstance, { responseTimeoutMs }: ChatSocketsOptions) {
    const paths = createSocketPaths(fastify)
    fastify.addHook('onRoute', route => {
      if (route.config?.chatSocket) paths.add(route)
    })
    const upgrades = createUpgrades({
      server: fastify.server,
      isOurs: paths.match,
      route: fastify.routing,
      refuse: (response, error) => refuse(fastify, response, error),
      responseTimeoutMs
    })
    fastify.addHook('onListen', async () => listeningServers(fastify).forEach(upgrades.include))
    const shutdown = shutdownOf(fastify)
    shutdown.add('limit open upgrades', () => upgrades.drain())
    shutdown.add('stop monitoring', () => upgrades.release())

    const handshake = createHandshake({
      maxPayload: fastify.chatCore.connections.maxFrameBytes,
      chooseProtocol: selectSubprotocol
    })
    fastify.decorate('chatSockets', {
      isUpgrade: ({ raw }) => upgrades.find(raw) !== undefined,
      open(request, reply, opened) {
        const upgrade = upgrades.find(request.raw)
        if (!upgrade)
          throw new ChatError(
            'upgrade_required',
            'This path accepts only WebSocket handshakes. Connect with a WebSocket client.'
          )
        handshake.open(upgrade, socket => {
          upgrades.accept(request.raw)
          serve(socket, opened, requestLogOf(request))
        })
        reply.hijack()
      }
    })
  },
  { name: 'chat-sockets', fastify: '5.x', dependencies: ['chat-core'] }
)

const serve = (socket: WebSocket, opened: (socket: OpenSocket) => void, log: Log): void => {
  socket.on('error', err => {
    log.warn({ err }, 'closed a WebSocket after a protocol error or a frame that is too large')
    // After a protocol error, `ws` has already sent a close frame (1002, 1007, 1008 or 1009). Terminating the socket could
    // prevent the client from receiving this frame.
    if (socket.readyState !== socket.CLOSING) socket.terminate()
  })
  try {
    opened(socket)
  } catch (err) {
    log.error({ err }, 'failed to handle a WebSocket')
    socket.close(CLOSE.internalError.code, CLOSE.internalError.reason)
  }
}

/** Sends a problem directly on the response, because there may be no Fastify reply. */
const refuse = (fastify: FastifyInstance, ...[response, error]: Parameters<UpgradesOptions['refuse']>): void => {
  const id = randomUUID()
  const log = requestLogOf({ server: fastify, log: fastify.log, id })
  log.error({ err: error.cause ?? error, reqId: id }, 'no route responded to an upgrade')
  const refusal = ofChatError(error)
  const problem = problemOf(refusal, id)
  response.writeHead(problem.status, {
    ...refusal.headers,
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'x-request-id': id
  })
  response.end(JSON.stringify(problem))
}
