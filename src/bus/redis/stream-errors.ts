/** Keeps errors of the sockets of ioredis from ending the process. */
import type { Socket } from 'node:net'
import type { Redis } from 'ioredis'

/** Part of ioredis that its types declare as private. */
interface Connected {
  readonly connector: { connect(emit: unknown): Promise<Socket> }
}

/**
 * Adds a listener for errors to each socket. ioredis handles only the first error of a socket. A TLS connection that is closed
 * during its handshake emits two errors. Without a listener, the second error is an uncaught exception.
 */
export const handleStreamErrors = (redis: Redis): void => {
  const { connector } = redis as unknown as Connected
  const connect = connector.connect.bind(connector)
  connector.connect = async emit => {
    const socket = await connect(emit)
    socket.on('error', () => {})
    return socket
  }
}
