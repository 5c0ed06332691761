/** The WebSocket route: who may connect is settled before the upgrade; the chat takes the open socket over. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { callerOf } from '../plugins/auth.ts'
import { ChatError } from '../src/errors.ts'
import { clientNetwork } from '../src/http/client-address.ts'
import { GENERAL } from '../src/schemas/messages.ts'

/** Which pages may connect, beside the request's own host. */
export interface SocketRouteOptions {
  readonly corsOrigins: readonly string[]
  readonly publicUrl?: string | undefined
}

interface SocketQuery {
  readonly rooms?: unknown
}

/** The rooms to follow from the start: `general`, unless `?rooms=` lists others, or none. */
const roomsOf = ({ rooms }: SocketQuery): string[] => {
  if (rooms === undefined) return [GENERAL]
  const names = [rooms].flat().flatMap(list => String(list).split(','))
  return [...new Set(names.map(name => name.trim()).filter(Boolean))]
}

const socketRoute: FastifyPluginAsync<SocketRouteOptions> = async (fastify, options) => {
  const allowed = new Set([...options.corsOrigins, ...(options.publicUrl ? [new URL(options.publicUrl).origin] : [])])

  fastify.route<{ Querystring: SocketQuery }>({
    method: 'GET',
    url: '/ws/chat',
    exposeHeadRoute: false,
    schema: { hide: true },
    config: { chatSocket: true },
    // After @fastify/websocket's own hooks: a socket that is refused here is closed by them.
    async preValidation(request) {
      checkOrigin(request, allowed)
      await fastify.chatAuth.requireSocketUser(request)
      if (!request.ws) throw new ChatError('upgrade_required', 'Connect here with a WebSocket client.')
      await fastify.chatCore.prepare(roomsOf(request.query))
    },
    handler: () => {
      throw new ChatError('upgrade_required', 'Connect here with a WebSocket client.')
    },
    wsHandler(socket, request) {
      fastify.chatCore.connect({
        socket,
        session: callerOf(request),
        speaksV1: socket.protocol === 'chat.v1',
        address: clientNetwork(request),
        rooms: roomsOf(request.query as SocketQuery),
        log: request.log
      })
    }
  })
}

export default socketRoute

/** Throws `origin_not_allowed` unless the page is ours, listed, or no page at all (no `Origin`: not a browser). */
const checkOrigin = ({ headers, host, log }: FastifyRequest, allowed: ReadonlySet<string>): void => {
  const { origin } = headers
  if (origin === undefined || allowed.has('*') || allowed.has(origin) || hostOf(origin) === host) return
  log.warn({ origin: origin.slice(0, 200) }, 'a WebSocket from a foreign origin was refused')
  throw new ChatError('origin_not_allowed', 'This page may not connect. Add its origin to CORS_ORIGINS.')
}

const hostOf = (origin: string): string | undefined => (URL.canParse(origin) ? new URL(origin).host : undefined)
