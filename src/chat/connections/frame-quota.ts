/**
 * Limits what one connection may send. Frames are counted: data frames, and WebSocket pings and pongs. Bytes are counted as read
 * from the socket, including frame headers and fragments. A connection that exceeds its quota is flooding.
 */
import type { Clock } from '../../lib/clock.ts'
import { createTokenBucket } from './token-bucket.ts'

/** Frames per second, and in a burst. Accepted messages don't count, because they have a limit per user. */
const FRAMES_PER_SECOND = 50
const FRAME_BURST = 200
/** Subscriptions per second, and in a burst. They have a limit of their own, because each may send a thousand missed entries. */
const SUBSCRIPTIONS_PER_SECOND = 4
const SUBSCRIPTION_BURST = 256
/** The size of a burst of bytes, in seconds of the rate `bytesPerSecond`. */
const BYTE_BURST_SECONDS = 3

/** Costs of frame types that take more work than others, by type. All other types cost 1. */
const COSTS: { readonly [type: string]: number } = { auth: 10 }

/** Returns how many frames a valid frame of this type counts as. */
export const costOf = (type: string): number => COSTS[type] ?? 1

export interface FrameQuota {
  /**
   * Charges `frames` frames, and the bytes that were read since the last call. Returns false if the quota is exceeded.
   * `bytesRead` is the number of bytes read since the socket opened.
   */
  charge(frames: number, bytesRead: number): boolean
  /** Charges one subscription. Returns 0, or the milliseconds to wait if the limit is exceeded. */
  takeSubscription(): number
}

export interface FrameQuotaOptions {
  readonly clock: Clock
  /** The maximum number of bytes per second. 0 disables the limit. */
  readonly bytesPerSecond: number
  /** The number of bytes read so far: the request for the upgrade, which is not charged. */
  readonly bytesRead: number
}

export const createFrameQuota = ({ clock, bytesPerSecond, bytesRead: before }: FrameQuotaOptions): FrameQuota => {
  const frames = createTokenBucket(FRAMES_PER_SECOND, FRAME_BURST)
  const bytes = createTokenBucket(bytesPerSecond, bytesPerSecond * BYTE_BURST_SECONDS)
  const subscriptions = createTokenBucket(SUBSCRIPTIONS_PER_SECOND, SUBSCRIPTION_BURST)
  let charged = before

  return {
    charge(count, bytesRead) {
      const now = clock.monotonic()
      const isPaid = bytes.take(now, bytesRead - charged) === 0
      charged = bytesRead
      return (count === 0 || frames.take(now, count) === 0) && isPaid
    },
    takeSubscription: () => subscriptions.take(clock.monotonic())
  }
}

/**
 * Returns the bytes per second that a connection may send: twice what the largest messages at the maximum rate take, so that as
 * much is left for other frames. Returns 0, which means no limit, if the rate of messages has no limit.
 */
export const bytesPerSecond = (messageRate: number, maxFrameBytes: number): number => 2 * messageRate * maxFrameBytes
