/**
 * Writes to a connection's socket: the replies of one turn of the event loop in one write, before anything else, through a bounded
 * queue. What doesn't fit into the queue is read from the log again when the socket has drained.
 */
import { type Chunk, chunkOf, type Encoded, type WritableSocket, write } from './socket-writer.ts'

/** Limits the bytes that are queued for a slow reader. Above half of it, hints (presence, typing) are dropped. */
const MAX_QUEUED_BYTES = 1024 * 1024
/** Limits the queue up to which a subscription continues to read from the log. */
const CATCH_UP_BYTES = MAX_QUEUED_BYTES / 4

export class Outgoing {
  readonly #socket: WritableSocket
  readonly #onFull: () => void
  #replies: Encoded[] = []
  #isEnded = false

  /** Called when replies exceed the queue: then reads must be paused. */
  constructor(socket: WritableSocket, onFull: () => void) {
    this.#socket = socket
    this.#onFull = onFull
  }

  /** Returns whether so little is queued that subscriptions may continue to read. */
  get hasRoom(): boolean {
    return !this.#isEnded && this.#socket.bufferedAmount <= CATCH_UP_BYTES
  }

  get isFull(): boolean {
    return this.#socket.bufferedAmount > MAX_QUEUED_BYTES
  }

  /** Writes entries of a log, unless the queue is full; returns whether it did. */
  write(chunk: Chunk): boolean {
    if (this.#isEnded) return false
    this.flush()
    const queued = this.#socket.bufferedAmount
    if (queued > 0 && queued + chunk.bytes.length > MAX_QUEUED_BYTES) return false
    write(this.#socket, chunk)
    return true
  }

  /** Sends a frame that only matters now, unless half of the queue is used; returns whether it did. */
  hint(frame: Encoded): boolean {
    if (this.#isEnded) return false
    this.flush()
    if (this.#socket.bufferedAmount > MAX_QUEUED_BYTES / 2) return false
    write(this.#socket, chunkOf([frame]))
    return true
  }

  /** Sends the reply to a frame, together with the other replies of this turn of the event loop. */
  reply(frame: Encoded): void {
    if (this.#isEnded) return
    this.#replies.push(frame)
    if (this.#replies.length === 1) queueMicrotask(() => this.flush())
  }

  /** Writes the queued replies. */
  flush(): void {
    if (this.#replies.length === 0) return
    const chunk = chunkOf(this.#replies)
    this.#replies = []
    write(this.#socket, chunk)
    if (this.isFull) this.#onFull()
  }

  /** Writes nothing from now on. */
  end(): void {
    this.#isEnded = true
    this.#replies = []
  }
}
