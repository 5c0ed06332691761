/**
 * Writes to a connection's socket, and limits the number of bytes queued for the client. Replies of one turn of the event loop
 * are sent in one write. Any other frame is sent after the replies that are queued at that time. Entries that don't fit into the
 * queue are not sent. Instead, the subscription reads them from the log when the socket drains.
 *
 * Writes directly to the net.Socket, which is the private property `_socket` of the `ws` socket. This is safe only while `ws`
 * itself has nothing queued, which means that its `bufferedAmount` equals the `writableLength` of the net.Socket. In all other
 * cases, and if `ws` compresses, frames are sent with `ws.send`. tests/chat/connections/outgoing.test.ts checks the meaning of
 * `bufferedAmount` in the installed version of `ws`.
 */
import type { Socket as NetSocket } from 'node:net'
import { type Chunk, chunkOf, type Encoded } from './encoded.ts'

/**
 * Maximum number of bytes that are queued for a slow reader. If more than half of this maximum is queued, hints are dropped. See
 * `Outgoing.hint`.
 */
const MAX_QUEUED_BYTES = 1024 * 1024
/** While a subscription is catching up, it reads from the log only if at most this many bytes are queued. */
const CATCH_UP_BYTES = MAX_QUEUED_BYTES / 4

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

export class Outgoing {
  readonly #socket: WritableSocket
  /**
   * The net.Socket, or null if `ws` compresses frames (`extensions` is not empty). Stored, because `ws` computes `extensions`
   * on every access.
   */
  readonly #raw: WritableSocket['_socket']
  readonly #onFull: () => void
  #replies: Encoded[] | undefined
  #isEnded = false

  /** Calls `onFull` when replies have filled the queue. `onFull` must pause reads from the connection. */
  constructor(socket: WritableSocket, onFull: () => void) {
    this.#socket = socket
    this.#raw = socket.extensions === '' ? socket._socket : null
    this.#onFull = onFull
  }

  /** True while so little is queued that subscriptions may continue to read from the log. */
  get mayCatchUp(): boolean {
    return !this.#isEnded && this.queued <= CATCH_UP_BYTES
  }

  get isFull(): boolean {
    return this.queued > MAX_QUEUED_BYTES
  }

  /**
   * Writes entries of a log if they fit into the queue, or if the queue is empty. Returns whether they were written. This
   * method is called for every socket and delivery, so it reads as few properties of the socket as possible.
   */
  write(chunk: Chunk): boolean {
    if (this.#isEnded) return false
    if (this.#replies) this.flush()
    const { queued } = this
    if (queued > 0 && queued + chunk.bytes.length > MAX_QUEUED_BYTES) return false
    this.#write(chunk)
    return true
  }

  /**
   * Sends a hint, which is a frame that may be lost, such as a presence or typing frame. Drops the frame if more than half of the
   * queue is used. Returns whether the frame was sent.
   */
  hint(frame: Encoded): boolean {
    if (this.#isEnded) return false
    this.flush()
    if (this.queued > MAX_QUEUED_BYTES / 2) return false
    this.#write(chunkOf([frame]))
    return true
  }

  /** Queues the reply to a frame. The reply is written together with the other replies of this turn of the event loop. */
  reply(frame: Encoded): void {
    if (this.#isEnded) return
    if (this.#replies) return void this.#replies.push(frame)
    this.#replies = [frame]
    queueMicrotask(() => this.flush())
  }

  /** Writes the queued replies. */
  flush(): void {
    if (!this.#replies) return
    const chunk = chunkOf(this.#replies)
    this.#replies = undefined
    this.#write(chunk)
    if (this.isFull) this.#onFull()
  }

  /** Drops queued replies. Nothing is written after this call. */
  end(): void {
    this.#isEnded = true
    this.#replies = undefined
  }

  /** The number of bytes that are queued. */
  get queued(): number {
    return this.#socket.bufferedAmount
  }

  /** Writes a chunk in one write if possible, or else frame by frame. If writing fails, the socket emits `close`. */
  #write({ frames, bytes }: Chunk): void {
    const raw = this.#raw
    if (raw && this.#socket.readyState === OPEN && raw.writableLength === this.#socket.bufferedAmount) raw.write(bytes)
    else for (const { frame, head } of frames) this.#socket.send(frame.subarray(head), { binary: false }, () => {})
  }
}
