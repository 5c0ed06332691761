/** Checks whether a program has begun to listen. */
import { once } from 'node:events'
import { createConnection } from 'node:net'

/** Returns whether a port of 127.0.0.1 accepts connections. */
export const acceptsConnections = async (port: number): Promise<boolean> => {
  const socket = createConnection(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
