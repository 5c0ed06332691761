/** Detects clients that no longer respond to pings, or that no longer read what is sent to them. */
import type { Clock } from '../../lib/clock.ts'
import type { Socket } from './socket.ts'

/** Interval in milliseconds of WebSocket pings. A client that sends nothing for two intervals is disconnected. */
export const PING_INTERVAL_MS = 25_000
/** A client is stuck if bytes are queued for the client and it has read none of them for this many milliseconds. */
const STUCK_MS = 30_000

export class Liveness {
  readonly #clock: Clock
  readonly #socket: Socket
  #heardAt: number
  #pingedAt: number
  /** The monotonic time in milliseconds of the last check at which `#written` had changed or nothing was queued. */
  #progressAt: number
  /** The number of bytes that had been written to the network at `#progressAt`. */
  #written = 0

  constructor(clock: Clock, socket: Socket) {
    this.#clock = clock
    this.#socket = socket
    this.#heardAt = this.#pingedAt = this.#progressAt = clock.monotonic()
  }

  /** Records that the client has sent something. */
  heard(): void {
    this.#heardAt = this.#clock.monotonic()
  }

  /**
   * Sends a ping if one is due, and returns the state of the client. `isReadFrom` is false while reads from the client's socket
   * are paused. Called about once per second.
   */
  check(isReadFrom: boolean): 'alive' | 'silent' | 'stuck' {
    const now = this.#clock.monotonic()
    if (this.#isStuck(now)) return 'stuck'
    // While reads are paused, a pong cannot arrive, so the client must not count as silent.
    if (!isReadFrom) this.#heardAt = now
    if (now - this.#heardAt > 2 * PING_INTERVAL_MS) return 'silent'
    if (now - this.#pingedAt >= PING_INTERVAL_MS) {
      this.#pingedAt = now
      this.#socket.ping()
    }
    return 'alive'
  }

  /** Returns whether bytes are queued and none of these bytes has been written to the network for `STUCK_MS`. */
  #isStuck(now: number): boolean {
    const { _socket, bufferedAmount } = this.#socket
    const written = (_socket?.bytesWritten ?? 0) - (_socket?.writableLength ?? 0)
    if (bufferedAmount === 0 || written !== this.#written) {
      this.#progressAt = now
      this.#written = written
    }
    return now - this.#progressAt > STUCK_MS
  }
}
