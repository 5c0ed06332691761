/** Checks whether a client is still there: it responds to pings, and reads what is written to it. */
import type { Clock } from '../../lib/clock.ts'
import type { Socket } from './socket.ts'

/** Protocol pings go out this often, in milliseconds; a peer that was silent for two of them is gone. */
export const PING_INTERVAL_MS = 25_000
/** A client that reads nothing of what waits for so long is stuck, in milliseconds. */
const STUCK_MS = 30_000

export interface Liveness {
  /** Something came from the client. */
  heard(): void
  /** To be called about once a second: sends a ping when one is due, and returns how the client is. */
  check(isReadFrom: boolean): 'alive' | 'silent' | 'stuck'
}

/** Creates what watches one socket. */
export const createLiveness = (clock: Clock, socket: Socket): Liveness => {
  let heardAt = clock.monotonic()
  let pingedAt = heardAt
  let progress = { at: heardAt, written: 0 }

  /** Whether bytes wait and none has left for long. */
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
      // While reads are paused, no pong arrives.
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
