/** Accepts WebSockets: checks the origin and the user before the upgrade, and passes the open socket to the chat. */
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { callerOf } from '../plugins/auth.ts'
import { clientNetwork } from '../src/lib/client-address.ts'
import { safeHeader } from '../src/lib/logging.ts'
import { createOrigins, isAllowedByCors, isOwnOrigin, type Origins } from '../src/lib/origins.ts'
import { requestLogOf } from '../src/lib/repeated-log.ts'
import { ChatError } from '../src/protocol/errors.ts'
import { GENERAL } from '../src/protocol/http/messages.ts'

/** The origins whose pages may connect, in addition to pages from the request's own host. */
export interface SocketRouteOptions {
  readonly corsOrigins: readonly string[]
  readonly publicUrl?: string | undefined
}

interface SocketQuery {
  readonly rooms?: unknown
  readonly inbox?: unknown
}

/**
 * Returns the rooms to subscribe to when the socket opens: the rooms in `?rooms=`, which may be empty, or `general` if the
 * parameter is absent.
 */
const roomsOf = ({ rooms }: SocketQuery): string[] => {
  if (rooms === undefined) return [GENERAL]
  const names = [rooms].flat().flatMap(list => String(list).split(','))
  return [...new Set(names.map(name => name.trim()).filter(Boolean))]
}

const socketRoute: FastifyPluginAsync = async fastify => {
  /** Maps a request to the requested rooms that don't exist. */
  const absent = new WeakMap<object, ReadonlySet<string>>()

  fastify.route<{ Querystring: SocketQuery }>({
    method: 'GET',
    url: '/ws/chat',
    exposeHeadRoute: false,
    schema: { hide: true },
    config: { chatSocket: true },
    async preValidation(request) {
      if (!fastify.chatSockets.isUpgrade(request)) return
      const caller = { principal: callerOf(request), address: clientNetwork(request) }
      absent.set(request, await fastify.chatCore.connections.prepare(roomsOf(request.query), caller))
    },
    // The socket is not opened in the handler, because the @fastify/websocket of a host wraps the handlers of all routes.
    async preHandler(request, reply) {
      fastify.chatSockets.open(request, reply, socket =>
        fastify.chatCore.connections.open({
          socket,
          principal: callerOf(request),
          hasChatV1: socket.protocol === 'chat.v1',
          address: clientNetwork(request),
          rooms: roomsOf(request.query),
          hasInbox: request.query.inbox === 'true',
          absent: absent.get(request),
          log: requestLogOf(request),
          requestId: request.id
        })
      )
    },
    handler: () => {}
  })
}

export default socketRoute

/**
 * Adds a hook to a scope. The hook checks the origin of WebSocket upgrades. It is a `preValidation` hook, because it must run
 * after the hooks with which a host sets CORS headers, and before the hook that authenticates the user of the upgrade.
 */
export const checkOrigins = (fastify: FastifyInstance, options: SocketRouteOptions): void => {
  const origins = createOrigins(options.corsOrigins, options.publicUrl)
  fastify.addHook('preValidation', (request, reply, done) => {
    if (request.routeOptions.config.chatSocket) checkOrigin(request, reply, origins)
    done()
  })
}

/**
 * Throws `origin_not_allowed` if a page may not connect. A page may connect if it is from the request's own host, or if the
 * settings allow its origin. A page may also connect if a hook of the host application has set CORS headers that allow the
 * origin. A client without an `Origin` header is not a browser and is accepted.
 */
const checkOrigin = (request: FastifyRequest, reply: FastifyReply, origins: Origins): void => {
  const { origin, cookie } = request.headers
  if (origin === undefined || origins.isAllowed(origin) || isOwnOrigin(origin, request.host)) return
  // If the service has its own accounts, cookies are ignored, because access tokens are never in cookies. A host may
  // authenticate its users by cookies.
  const hasCookies = cookie !== undefined && request.server.chatAuth.accounts === null
  if (isAllowedByCors(reply.getHeaders(), origin, hasCookies)) return
  const log = requestLogOf(request)
  log.warn({ origin: safeHeader(origin) }, 'rejected a WebSocket from an origin that is not allowed')
  const advice =
    'Add the origin to CORS_ORIGINS (in a host application: `corsOrigins`, or your own CORS headers with credentials).'
  throw new ChatError('origin_not_allowed', `The origin of this page is not allowed to connect. ${advice}`)
}
