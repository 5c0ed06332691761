/**
 * Writes to a connection's socket and limits the number of bytes that are queued in it. Replies of one turn of the event loop
 * are sent in one write, before any other frame. Entries that don't fit into the queue are not sent. Instead, the subscription
 * reads them from the log when the socket drains.
 */
import { type Chunk, chunkOf, type Encoded, SocketWriter, type WritableSocket } from './socket-writer.ts'

/**
 * Maximum number of bytes that are queued for a slow reader. If more than half of this maximum is queued, hints (presence,
 * typing) are dropped.
 */
const MAX_QUEUED_BYTES = 1024 * 1024
/** A subscription that catches up reads from the log only while at most this many bytes are queued. */
const CATCH_UP_BYTES = MAX_QUEUED_BYTES / 4

export class Outgoing {
  readonly #writer: SocketWriter
  readonly #onFull: () => void
  #replies: Encoded[] = []
  #isEnded = false

  /** `onFull` is called when replies have filled the queue. The caller must pause reads. */
  constructor(socket: WritableSocket, onFull: () => void) {
    this.#writer = new SocketWriter(socket)
    this.#onFull = onFull
  }

  /** True while so little is queued that subscriptions may continue to read from the log. */
  get hasRoom(): boolean {
    return !this.#isEnded && this.#writer.queued <= CATCH_UP_BYTES
  }

  get isFull(): boolean {
    return this.#writer.queued > MAX_QUEUED_BYTES
  }

  /** Writes entries of a log, unless they don't fit into the queue. Returns whether they were written. */
  write(chunk: Chunk): boolean {
    if (this.#isEnded) return false
    if (this.#replies.length > 0) this.flush()
    const queued = this.#writer.queued
    if (queued > 0 && queued + chunk.bytes.length > MAX_QUEUED_BYTES) return false
    this.#writer.write(chunk)
    return true
  }

  /**
   * Sends a frame that may be lost (presence, typing), unless more than half of the queue is used. Returns whether the frame
   * was sent.
   */
  hint(frame: Encoded): boolean {
    if (this.#isEnded) return false
    this.flush()
    if (this.#writer.queued > MAX_QUEUED_BYTES / 2) return false
    this.#writer.write(chunkOf([frame]))
    return true
  }

  /** Queues the reply to a frame. The reply is written together with the other replies of this turn of the event loop. */
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
    this.#writer.write(chunk)
    if (this.isFull) this.#onFull()
  }

  /** Drops queued replies. Nothing is written after this call. */
  end(): void {
    this.#isEnded = true
    this.#replies = []
  }
}
