/**
 * Closes connections whose clients do not read their responses. Node keeps the unread bytes of a response in memory. So the
 * connection of a client that reads nothing, or only a few bytes now and then, must be closed.
 */
import type { Socket } from 'node:net'
import type { Clock } from '../lib/clock.ts'

export interface StallWatchOptions {
  readonly clock: Clock
  /** Timeout in milliseconds for a client to read `MIN_BYTES`. */
  readonly stallMs?: number
  /** Timeout in milliseconds for a client to read a whole response. */
  readonly totalMs?: number
  /** Called each time a stalled connection is closed. */
  readonly onStalled?: () => void
}

export interface StallWatch {
  /** Watches a socket until the socket is closed or the returned function is called. */
  watch(socket: Socket): () => void
  close(): void
}

/** Minimum number of bytes that a client must read within `stallMs`. */
const MIN_BYTES = 16 * 1024
const STALL_MS = 30_000
const TOTAL_MS = 10 * 60_000
const CHECK_MS = 1000

interface Watched {
  readonly socket: Socket
  readonly startedAt: number
  /**
   * The monotonic time at which the client last made progress or had nothing to read. `sent` is the number of bytes that had
   * been sent by that time.
   */
  progressAt: number
  sent: number
}

/** Creates a watch, which checks its sockets once a second until `close` is called. */
export const createStallWatch = (options: StallWatchOptions): StallWatch => {
  const { clock, stallMs = STALL_MS, totalMs = TOTAL_MS, onStalled = () => {} } = options
  const all = new Set<Watched>()

  const check = (): void => {
    const now = clock.monotonic()
    for (const one of all) {
      const { socket } = one
      const sent = socket.bytesWritten - socket.writableLength
      if (socket.destroyed) all.delete(one)
      else if (socket.writableLength === 0 || sent - one.sent >= MIN_BYTES) {
        one.progressAt = now
        one.sent = sent
      }
      const isStalled = now - one.progressAt >= stallMs
      const isLate = now - one.startedAt >= totalMs && socket.writableLength > 0
      if (socket.destroyed || !(isStalled || isLate)) continue
      all.delete(one)
      socket.destroy()
      onStalled()
    }
  }

  return {
    watch(socket) {
      const now = clock.monotonic()
      const one = { socket, startedAt: now, progressAt: now, sent: socket.bytesWritten - socket.writableLength }
      all.add(one)
      return () => all.delete(one)
    },
    close: clock.every(CHECK_MS, check)
  }
}
