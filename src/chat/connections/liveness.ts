/** Checks whether a client is still there: it must respond to pings and read what is sent to it. */
import type { Clock } from '../../lib/clock.ts'
import type { Socket } from './socket.ts'

/** Interval of WebSocket pings, in milliseconds. A client that sends nothing for two intervals is disconnected. */
export const PING_INTERVAL_MS = 25_000
/** A client is stuck if bytes are queued for it and it has read none for this long, in milliseconds. */
const STUCK_MS = 30_000

export interface Liveness {
  /** Records that the client has sent something. */
  heard(): void
  /**
   * Sends a ping if one is due, and returns the state of the client. `isReadFrom` is false while reads from its socket are paused.
   * Called about once per second.
   */
  check(isReadFrom: boolean): 'alive' | 'silent' | 'stuck'
}

/** Creates the liveness check of one socket. */
export const createLiveness = (clock: Clock, socket: Socket): Liveness => {
  let heardAt = clock.monotonic()
  let pingedAt = heardAt
  let progress = { at: heardAt, written: 0 }

  /** Returns whether bytes are queued and none was written to the network for too long. */
  const isStuck = (now: number): boolean => {
    const { _socket, bufferedAmount } = socket
    const written = (_socket?.bytesWritten ?? 0) - (_socket?.writableLength ?? 0)
    if (bufferedAmount === 0 || written !== progress.written) progress = { at: now, written }
    return now - progress.at > STUCK_MS
  }

  return {
    heard() {
      heardAt = clock.monotonic()
    },
    check(isReadFrom) {
      const now = clock.monotonic()
      if (isStuck(now)) return 'stuck'
      // While reads are paused, a pong cannot arrive, so the client must not count as silent.
      if (!isReadFrom) heardAt = now
      if (now - heardAt > 2 * PING_INTERVAL_MS) return 'silent'
      if (now - pingedAt >= PING_INTERVAL_MS) {
        pingedAt = now
        socket.ping()
      }
      return 'alive'
    }
  }
}
