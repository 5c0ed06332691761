/**
 * Encodes a frame once and writes it many times. A frame is converted to its WebSocket form (RFC 6455, 5.2) once, and what goes to a
 * socket at the same time is one write: a room's frames of a turn are concatenated once for all subscribers.
 *
 * This relies on internals of `ws`, checked by tests/chat/connections/socket-writer.test.ts: a server's frames are not masked;
 * `_socket` is the net.Socket; `ws` writes a frame to that socket synchronously unless it queues something, and then `bufferedAmount`
 * is more than the socket's own `writableLength`. If one of these does not hold, frames are sent with `ws.send`.
 */
import type { Socket as NetSocket } from 'node:net'

/** Holds one text message as a whole WebSocket frame: a head of `head` bytes, then the JSON. */
export interface Encoded {
  readonly frame: Buffer
  readonly head: number
}

/** Holds frames for one write: each of them, and all concatenated. */
export interface Chunk {
  readonly frames: readonly Encoded[]
  readonly bytes: Buffer
}

const TEXT = 0x81
const LENGTH_16 = 126
const LENGTH_64 = 127

/** Encodes a JSON text as one unmasked frame, as a server does. */
export const encode = (json: string): Encoded => {
  const length = Buffer.byteLength(json)
  const head = length < LENGTH_16 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(head + length)
  frame[0] = TEXT
  if (head === 2) frame[1] = length
  else if (head === 4) {
    frame[1] = LENGTH_16
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = LENGTH_64
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  frame.write(json, head, 'utf8')
  return { frame, head }
}

/** Concatenates frames for one write. */
export const chunkOf = (frames: readonly Encoded[]): Chunk => {
  const [only] = frames
  const bytes = only && frames.length === 1 ? only.frame : Buffer.concat(frames.map(({ frame }) => frame))
  return { frames, bytes }
}

/** Describes the part of a `ws` socket that writing needs; `_socket` is private there. */
export interface WritableSocket {
  readonly readyState: number
  readonly bufferedAmount: number
  readonly extensions: string
  readonly _socket?:
    | (Pick<NetSocket, 'write' | 'writableLength' | 'bytesWritten' | 'on'> &
        Partial<Pick<NetSocket, 'bytesRead' | 'end'>>)
    | null
  send(data: Uint8Array, options: { binary: boolean }, done: (error?: Error | null) => void): void
}

const OPEN = 1

/** Returns whether bytes may bypass `ws`: it is open, doesn't compress, and has queued nothing that must be sent first. */
const mayBypass = ({ readyState, extensions, bufferedAmount, _socket }: WritableSocket): boolean =>
  readyState === OPEN && extensions === '' && _socket?.writableLength === bufferedAmount

/** Writes a chunk to one socket: in one write if possible, else frame by frame. A failure ends in the socket's close event. */
export const write = (socket: WritableSocket, { frames, bytes }: Chunk): void => {
  if (mayBypass(socket)) {
    socket._socket?.write(bytes)
    return
  }
  for (const { frame, head } of frames) socket.send(frame.subarray(head), { binary: false }, () => {})
}
