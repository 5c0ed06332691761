/**
 * Encodes a message once as a WebSocket frame (RFC 6455, section 5.2), and writes it to many sockets. Frames that are sent to a
 * socket at the same time are concatenated to one write. A room's frames are concatenated once for all subscribers.
 *
 * Bypasses `ws` and writes to its net.Socket, `_socket`, which is private. This is safe only while `ws` has nothing queued: then
 * its `bufferedAmount` equals the `writableLength` of the socket. Otherwise frames are sent with `ws.send`.
 * tests/chat/connections/socket-writer.test.ts checks that the installed `ws` behaves so.
 */
import type { Socket as NetSocket } from 'node:net'

/** One text message as a complete WebSocket frame: a frame header of `head` bytes, then the JSON. */
export interface Encoded {
  readonly frame: Buffer
  readonly head: number
}

/** Frames for one write. `bytes` is their concatenation. */
export interface Chunk {
  readonly frames: readonly Encoded[]
  readonly bytes: Buffer
}

const TEXT = 0x81
const LENGTH_16 = 126
const LENGTH_64 = 127

/** Encodes a JSON text as one WebSocket text frame. It is unmasked, as all frames of a server are. */
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

/** The members of a `ws` socket that are used for writing. `_socket` is private in `ws`. */
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

/** Returns whether bytes may bypass `ws`: the socket is open and does not compress, and `ws` has queued nothing to send first. */
const mayBypass = ({ readyState, extensions, bufferedAmount, _socket }: WritableSocket): boolean =>
  readyState === OPEN && extensions === '' && _socket?.writableLength === bufferedAmount

/** Writes a chunk to one socket: in one write if possible, else frame by frame. If writing fails, the socket emits `close`. */
export const write = (socket: WritableSocket, { frames, bytes }: Chunk): void => {
  if (mayBypass(socket)) {
    socket._socket?.write(bytes)
    return
  }
  for (const { frame, head } of frames) socket.send(frame.subarray(head), { binary: false }, () => {})
}
