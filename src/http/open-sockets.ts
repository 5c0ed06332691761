/**
 * Tracks the open sockets of a server, including upgraded ones, so that a shutdown can close them. Otherwise, an incomplete
 * request, or an idle connection that a browser opened in advance, would delay the shutdown.
 */
import type { Server as HttpServer } from 'node:http'
import { Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../lib/clock.ts'
import { currentResponse } from './current-response.ts'

export interface OpenSockets {
  /** Also tracks the sockets of another server. */
  watch(server: HttpServer): void
  /**
   * Stops listening, so that a proxy sends new requests to another process. Requests that arrive on open connections are still
   * handled for `idleMs` milliseconds; then idle connections are closed. Resolves when the requests in progress have ended, or
   * after `requestsMs` more milliseconds.
   */
  stopListening(limits: DrainLimits): Promise<void>
  /** Destroys the sockets that are still open after `ms` milliseconds. */
  destroyIn(ms: number): void
}

export interface DrainLimits {
  readonly idleMs: number
  readonly requestsMs: number
}

const POLL_MS = 10

export const watchSockets = (main: HttpServer): OpenSockets => {
  const servers = new Set<HttpServer>()
  const sockets = new Set<Socket>()
  // Checks each socket instead of listening to the events of responses. If a connection is closed, Node emits no event for its
  // queued responses.
  const hasResponses = (): boolean => [...sockets].some(currentResponse)

  const watch = (server: HttpServer): void => {
    if (servers.has(server)) return
    servers.add(server)
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
  }
  watch(main)

  return {
    watch,
    async stopListening({ idleMs, requestsMs }) {
      // Waits until the event loop has accepted the waiting connections and read their requests. A connection that is still
      // waiting when the server stops listening is reset. A POST request on such a connection would fail, because a proxy
      // must not repeat a POST request.
      await nextTurn()
      // Fastify sends `Connection: close` only if a request arrives after this moment. A connection that stayed open after a
      // response would get a further request, which would be refused.
      for (const socket of sockets) endAfterResponse(socket)
      // `close` of an HTTP server would also close idle connections, on which a proxy may be sending a request.
      for (const server of servers) Server.prototype.close.call(server)
      await until(() => sockets.size === 0, idleMs)
      await nextTurn()
      for (const server of servers) server.closeIdleConnections()
      await until(() => !hasResponses(), requestsMs)
      for (const server of servers) server.closeIdleConnections()
    },
    destroyIn(ms) {
      setTimeout(() => {
        for (const socket of sockets) socket.destroy()
      }, ms).unref()
    }
  }
}

/** Closes a connection after the response that belongs to it, unless the headers of the response have already been sent. */
const endAfterResponse = (socket: Socket): void => {
  const response = currentResponse(socket)
  if (response && !response.headersSent) response.setHeader('connection', 'close')
}

const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** Resolves when a condition holds, or after `ms` milliseconds. */
const until = async (holds: () => boolean, ms: number): Promise<void> => {
  const deadline = systemClock.monotonic() + ms
  while (!holds() && systemClock.monotonic() < deadline) await delay(POLL_MS)
}
