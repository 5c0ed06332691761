/** The open sockets of a server, upgraded ones too: a browser's spare connection, or half a request, must not delay a shutdown. */
import type { Server, Socket } from 'node:net'

export interface OpenSockets {
  /** Destroys the sockets that are still open after so many milliseconds. */
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
