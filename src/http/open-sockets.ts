/**
 * Tracks the open sockets of a server, including upgraded ones. An idle connection that a browser opened in advance, or an
 * incomplete request, must not delay a shutdown.
 */
import type { Server, Socket } from 'node:net'

export interface OpenSockets {
  /** Destroys the sockets that are still open after `ms` milliseconds. */
  destroyIn(ms: number): void
}

export const watchSockets = (server: Server): OpenSockets => {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return {
    destroyIn(ms) {
      setTimeout(() => {
        for (const socket of sockets) socket.destroy()
      }, ms).unref()
    }
  }
}
