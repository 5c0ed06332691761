/**
 * Limits what one connection may send: data frames of every kind, protocol pings and pongs, and every byte, including frame headers
 * and fragments. A connection that exceeds the quota is flooding.
 */
import type { Clock } from '../../lib/clock.ts'
import { createTokenBucket } from './token-bucket.ts'

/** Limits frames per second, and in a burst. Accepted messages don't count: they have a limit per user. */
const FRAMES_PER_SECOND = 50
const FRAME_BURST = 200
/** Limits subscriptions per second, and in a burst: each may deliver a thousand missed entries. */
const SUBSCRIPTIONS_PER_SECOND = 4
const SUBSCRIPTION_BURST = 256
/** Sets for how many seconds of its rate a connection may send bytes in a burst. */
const BYTE_BURST_SECONDS = 3

/** Maps types of frames that need more work to their cost; all others cost 1. */
const COSTS: { readonly [type: string]: number } = { auth: 10 }

/** Returns the cost of a valid frame of a type. */
export const costOf = (type: string): number => COSTS[type] ?? 1

export interface FrameQuota {
  /**
   * Charges frames, and the bytes since the last call; returns whether the quota allows them. `bytesRead` counts from the opening of
   * the socket.
   */
  charge(frames: number, bytesRead: number): boolean
  /** Takes one subscription; returns 0, or the milliseconds to wait for the next. */
  takeSubscription(): number
}

export interface FrameQuotaOptions {
  readonly clock: Clock
  /** Sets the bytes per second; 0 disables the limit. */
  readonly bytesPerSecond: number
  /** Counts the bytes of the upgrade, which were read before the quota starts. */
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
 * Returns the bytes per second that a connection may send: as many as the messages of its user may have, and the same again for
 * everything else. Unlimited if messages are.
 */
export const bytesPerSecond = (messageRate: number, maxFrameBytes: number): number => 2 * messageRate * maxFrameBytes
