/**
 * Opens raw connections for attacks. Over a raw connection, an attack can send data that a client library would refuse to send.
 * It can also leave responses unread.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** The opcodes of WebSocket frames (RFC 6455, section 5.2). */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** The address from which attacks connect. The other users connect from another one. */
const ATTACKER = '127.0.0.2'

/** Opens a TCP connection, and ignores its errors. */
export const open = async (port: number): Promise<Socket> => {
  const socket = connect({ port, host: '127.0.0.1', localAddress: ATTACKER, noDelay: true })
  socket.on('error', () => {})
  await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  return socket
}

/** Writes data. Resolves when the socket accepts more data, when it is closed, or when `signal` is aborted. */
export const write = (socket: Socket, data: string | Buffer, signal: AbortSignal): Promise<void> => {
  if (socket.destroyed || socket.write(data)) return Promise.resolve()
  return new Promise(resolve => {
    const go = (): void => {
      socket.off('drain', go).off('close', go)
      signal.removeEventListener('abort', go)
      resolve()
    }
    socket.on('drain', go).on('close', go)
    signal.addEventListener('abort', go)
    if (signal.aborted) go()
  })
}

/** Returns the request line and the headers of a request as text, with the access token if one is given. */
export const head = (line: string, token?: string, more: readonly string[] = []): string =>
  [`${line} HTTP/1.1`, 'host: 127.0.0.1', ...(token ? [`authorization: Bearer ${token}`] : []), ...more, '', ''].join(
    '\r\n'
  )

/** Opens a WebSocket. Returns the raw connection. The connection discards all received data. */
export const upgrade = async (port: number, token?: string, path = '/ws/chat'): Promise<Socket> => {
  const socket = await open(port)
  const key = randomBytes(16).toString('base64')
  const more = ['connection: Upgrade', 'upgrade: websocket', 'sec-websocket-version: 13', `sec-websocket-key: ${key}`]
  socket.write(head(`GET ${path}`, token, more))
  await Promise.race([once(socket, 'data'), once(socket, 'close')])
  socket.resume()
  return socket
}

/** Returns the bytes of a client's frame. The masking key is all zeros, so it does not change the payload. */
export const frame = (opcode: number, payload: string | Buffer = '', isFinal = true): Buffer => {
  const bytes = Buffer.from(payload)
  const { length } = bytes
  const size = length < 126 ? 6 : length < 65_536 ? 8 : 14
  const header = Buffer.alloc(size)
  header[0] = (isFinal ? 0x80 : 0) | opcode
  if (size === 6) header[1] = 0x80 | length
  else if (size === 8) {
    header[1] = 0x80 | 126
    header.writeUInt16BE(length, 2)
  } else {
    header[1] = 0x80 | 127
    header.writeBigUInt64BE(BigInt(length), 2)
  }
  return Buffer.concat([header, bytes])
}

/** Returns `data` repeated `count` times, so that it can be sent in one write. */
export const times = (count: number, data: string | Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, () => Buffer.from(data)))
