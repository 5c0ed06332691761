/**
 * Closes connections whose client doesn't read its response. Node's buffer of a socket is freed only as the client reads, and
 * a client that reads a byte now and then must not hold it either.
 */
import type { Socket } from 'node:net'
import type { Clock } from '../lib/clock.ts'

export interface StallWatchOptions {
  readonly clock: Clock
  /** Limits how long a client may take to read `MIN_BYTES`, in milliseconds. */
  readonly stallMs?: number
  /** Limits how long a response may take in total, in milliseconds. */
  readonly totalMs?: number
  /** Called for each connection that is closed. */
  readonly onStalled?: () => void
}

export interface StallWatch {
  /** Watches a socket until the returned function is called or it is closed. */
  watch(socket: Socket): () => void
  close(): void
}

/** Sets how many bytes count as progress. */
const MIN_BYTES = 16 * 1024
const STALL_MS = 30_000
const TOTAL_MS = 10 * 60_000
const CHECK_MS = 1000

interface Watched {
  readonly socket: Socket
  readonly startedAt: number
  /** Records when progress was last made, and how many bytes had been sent by then. */
  progressAt: number
  sent: number
}

/** Creates a watch that checks its sockets once a second until it is closed. */
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
