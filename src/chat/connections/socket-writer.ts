/**
 * Encodes a message once as a WebSocket frame (RFC 6455, section 5.2), and writes it to many sockets. Frames that are sent to a
 * socket at the same time are concatenated for one write. A room's frames are concatenated once for all subscribers.
 *
 * Bypasses `ws` and writes to its net.Socket, `_socket`, which is private. This is safe only while `ws` itself has nothing
 * queued, that is, while the `bufferedAmount` of `ws` equals the `writableLength` of the net.Socket. Otherwise, and if `ws`
 * compresses, frames are sent with `ws.send`. tests/chat/connections/socket-writer.test.ts checks that `bufferedAmount` of the
 * installed `ws` has this meaning.
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

/** Encodes a JSON text as one WebSocket text frame. The frame is unmasked, like every frame that a server sends. */
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

/** Writes chunks to one open socket. If writing fails, the socket emits `close`. */
export class SocketWriter {
  readonly #socket: WritableSocket
  /**
   * The net.Socket for direct writes, or null if `ws` compresses. It is determined only once, because `ws` computes
   * `extensions` on every access.
   */
  readonly #raw: WritableSocket['_socket']

  constructor(socket: WritableSocket) {
    this.#socket = socket
    this.#raw = socket.extensions === '' ? socket._socket : null
  }

  /** The number of bytes that are queued. */
  get queued(): number {
    return this.#socket.bufferedAmount
  }

  /** Writes a chunk in one write if possible, or else frame by frame. */
  write({ frames, bytes }: Chunk): void {
    const raw = this.#raw
    if (raw && this.#socket.readyState === OPEN && raw.writableLength === this.#socket.bufferedAmount) raw.write(bytes)
    else for (const { frame, head } of frames) this.#socket.send(frame.subarray(head), { binary: false }, () => {})
  }
}
