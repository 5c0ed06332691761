/**
 * Closes connections whose client doesn't read the response that it asked for. What Node buffers for a socket leaves only as
 * the client reads; a client that reads a byte now and then must not keep it either.
 */
import type { Socket } from 'node:net'
import type { Clock } from '../lib/clock.ts'

export interface StallWatchOptions {
  readonly clock: Clock
  /** How long a client may take for `MIN_BYTES`, in milliseconds. */
  readonly stallMs?: number
  /** How long a response may take in all, in milliseconds. */
  readonly totalMs?: number
  /** Notified of each connection that is closed. */
  readonly onStalled?: () => void
}

export interface StallWatch {
  /** Watches a socket until the returned function is called or it is closed. */
  watch(socket: Socket): () => void
  close(): void
}

/** Less than this is no progress. */
const MIN_BYTES = 16 * 1024
const STALL_MS = 30_000
const TOTAL_MS = 10 * 60_000
const LOOK_MS = 1000

interface Watched {
  readonly socket: Socket
  readonly startedAt: number
  /** When progress was seen last, and how many bytes had left by then. */
  progressAt: number
  sent: number
}

/** Creates a watch, which looks once a second until it is closed. */
export const createStallWatch = (options: StallWatchOptions): StallWatch => {
  const { clock, stallMs = STALL_MS, totalMs = TOTAL_MS, onStalled = () => {} } = options
  const all = new Set<Watched>()

  const look = (): void => {
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
    close: clock.every(LOOK_MS, look)
  }
}
