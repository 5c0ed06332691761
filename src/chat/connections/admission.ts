/**
 * Limits how many WebSockets this process has, and how many new ones it opens per second. The second limit exists because all
 * clients reconnect at once after a restart. A WebSocket beyond a limit is rejected with a random `Retry-After`, whose range
 * grows with the number of rejections.
 */
import type { Clock } from '../../lib/clock.ts'
import { ChatError } from '../../protocol/errors.ts'
import { TokenBucket } from './token-bucket.ts'

export interface AdmissionOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  /** Maximum number of open WebSockets. 0 for no limit. */
  readonly maxConnections: number
  /** Maximum number of new WebSockets per second. 0 for no limit. */
  readonly connectRate: number
  /** Returns the number of open WebSockets. */
  readonly open: () => number
  /** Called with the name of the limit for each rejected WebSocket. */
  readonly onRejected?: (limit: 'max_connections' | 'connect_rate') => void
  readonly random?: () => number
}

/**
 * Minimum and maximum spread in milliseconds. A rejected client waits 1 s plus a random part of the spread, so at most 59 s.
 */
const MIN_SPREAD_MS = 2000
const MAX_SPREAD_MS = 58_000
/** Length in milliseconds of the window in which rejected WebSockets are counted for the delay. */
const WINDOW_MS = 10_000

/** Returns a function that admits a new WebSocket, or throws `busy` with the time after which to try again. */
export const createAdmission = (options: AdmissionOptions): (() => void) => {
  const { clock, maxConnections, connectRate, open, onRejected = () => {}, random = Math.random } = options
  const bucket = new TokenBucket(connectRate, connectRate)
  let rejected = 0
  let since = clock.monotonic()

  /**
   * Returns a random delay in milliseconds. Up to the maximum, the spread grows with the number of recent rejections, so that the
   * rejected clients do not reconnect faster than `connectRate` allows. Without `connectRate`, the spread is constant.
   */
  const retryAfterMs = (): number => {
    const now = clock.monotonic()
    if (now - since > WINDOW_MS) {
      rejected = 0
      since = now
    }
    rejected++
    const needed = connectRate === 0 ? MAX_SPREAD_MS / 4 : (1000 * rejected) / connectRate
    return 1000 + random() * Math.min(MAX_SPREAD_MS, Math.max(MIN_SPREAD_MS, needed))
  }

  return () => {
    const isFull = maxConnections > 0 && open() >= maxConnections
    if (!isFull && bucket.take(clock.monotonic()) === 0) return
    onRejected(isFull ? 'max_connections' : 'connect_rate')
    const detail = isFull
      ? 'The service has as many connections as it can hold. Try again later.'
      : 'The service is accepting other connections. Try again in a moment.'
    throw new ChatError('busy', detail, { retryAfterMs: retryAfterMs() })
  }
}
