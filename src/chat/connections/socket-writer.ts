/**
 * Encode once, write many. A frame is put into its WebSocket form (RFC 6455, 5.2) a single time, and what goes to a socket
 * in one go is one write: a room's frames of a turn are concatenated once for everyone who follows it.
 *
 * What of `ws` this relies on, held by tests/chat/connections/socket-writer.test.ts: a server's frames are not masked; `_socket` is the
 * net.Socket; a frame sent by `ws` is handed to that socket at once unless its sender holds something back, and then
 * `bufferedAmount` is more than the socket's own `writableLength`. Wherever that doesn't hold, frames go through `ws.send`.
 */
import type { Socket as NetSocket } from 'node:net'

/** One text message as a whole WebSocket frame: a head of so many bytes, then the JSON. */
export interface Encoded {
  readonly frame: Buffer
  readonly head: number
}

/** Frames for one write: each of them, and all in one piece. */
export interface Chunk {
  readonly frames: readonly Encoded[]
  readonly bytes: Buffer
}

const TEXT = 0x81
const LENGTH_16 = 126
const LENGTH_64 = 127

/** Frames a JSON text, in one piece and not masked, as a server does. */
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

/** Puts frames together for one write. */
export const chunkOf = (frames: readonly Encoded[]): Chunk => {
  const [only] = frames
  const bytes = only && frames.length === 1 ? only.frame : Buffer.concat(frames.map(({ frame }) => frame))
  return { frames, bytes }
}

/** The part of a `ws` socket that writing needs; `_socket` is private there. */
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

/** Whether bytes may go past `ws`: it is open, doesn't compress, and holds nothing back that must go before them. */
const mayBypass = ({ readyState, extensions, bufferedAmount, _socket }: WritableSocket): boolean =>
  readyState === OPEN && extensions === '' && _socket?.writableLength === bufferedAmount

/** Writes a chunk to one socket: in one write where it can be, else frame by frame. A failure ends in its close event. */
export const write = (socket: WritableSocket, { frames, bytes }: Chunk): void => {
  if (mayBypass(socket)) {
    socket._socket?.write(bytes)
    return
  }
  for (const { frame, head } of frames) socket.send(frame.subarray(head), { binary: false }, () => {})
}
