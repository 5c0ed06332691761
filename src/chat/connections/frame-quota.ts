/**
 * Limits how many frames and bytes one connection may send. Data frames, WebSocket pings and pongs count as frames. All bytes
 * that are read from the socket count, including frame headers. A connection that exceeds its quota is flooding.
 */
import type { Clock } from '../../lib/clock.ts'
import { TokenBucket } from './token-bucket.ts'

/**
 * Maximum number of frames per second, and in a burst. A frame that appends an entry is charged only if it is rejected.
 * Accepted entries have a limit per user instead.
 */
const FRAMES_PER_SECOND = 50
const FRAME_BURST = 200
/**
 * Maximum number of subscriptions per second, and in a burst. Subscriptions have their own limit, because the service may send
 * a thousand missed entries for each of them.
 */
const SUBSCRIPTIONS_PER_SECOND = 4
const SUBSCRIPTION_BURST = 256
/** A burst may contain as many bytes as `bytesPerSecond` allows in this many seconds. */
const BYTE_BURST_SECONDS = 3

/** The costs of frame types that take more work than others, keyed by type. All other types cost 1. */
const COSTS: { readonly [type: string]: number } = { auth: 10 }

/** Returns the number of frames that a valid frame of this type counts as. */
export const costOf = (type: string): number => COSTS[type] ?? 1

export interface FrameQuotaOptions {
  readonly clock: Clock
  /** The maximum number of bytes per second. 0 disables the limit. */
  readonly bytesPerSecond: number
  /** The number of bytes that were read for the upgrade request. They are not charged. */
  readonly bytesRead: number
}

export class FrameQuota {
  readonly #clock: Clock
  readonly #frames = new TokenBucket(FRAMES_PER_SECOND, FRAME_BURST)
  readonly #bytes: TokenBucket
  readonly #subscriptions = new TokenBucket(SUBSCRIPTIONS_PER_SECOND, SUBSCRIPTION_BURST)
  #charged: number

  constructor({ clock, bytesPerSecond, bytesRead }: FrameQuotaOptions) {
    this.#clock = clock
    this.#bytes = new TokenBucket(bytesPerSecond, bytesPerSecond * BYTE_BURST_SECONDS)
    this.#charged = bytesRead
  }

  /**
   * Charges `frames` frames, and the bytes that were read since the last call. Returns false if the quota is exceeded.
   * `bytesRead` is the number of bytes read since the socket opened.
   */
  charge(frames: number, bytesRead: number): boolean {
    const now = this.#clock.monotonic()
    const isPaid = this.#bytes.take(now, bytesRead - this.#charged) === 0
    this.#charged = bytesRead
    return (frames === 0 || this.#frames.take(now, frames) === 0) && isPaid
  }

  /** Charges one subscription. Returns 0, or the milliseconds to wait if the limit is exceeded. */
  takeSubscription(): number {
    return this.#subscriptions.take(this.#clock.monotonic())
  }
}

/**
 * Returns the maximum number of bytes per second that a connection may send. Half of the result is enough for `messageRate`
 * messages of the maximum size, and the other half is for other frames. If `messageRate` is 0, returns 0, which means no limit.
 */
export const bytesPerSecond = (messageRate: number, maxFrameBytes: number): number => 2 * messageRate * maxFrameBytes
