/**
 * What one connection may cost. Everything that comes in is paid for here: data frames of every kind, protocol pings and pongs,
 * and every byte, frame heads and fragments included. Who can't pay is flooding.
 */
import type { Clock } from '../../lib/clock.ts'
import { createTokenBucket } from './token-bucket.ts'

/** Frames a second, and at once. Accepted messages don't count: they have a limit per user. */
const FRAMES_PER_SECOND = 50
const FRAME_BURST = 200
/** Subscriptions a second, and at once: each may have a thousand missed entries delivered. */
const SUBSCRIPTIONS_PER_SECOND = 4
const SUBSCRIPTION_BURST = 256
/** How many seconds' worth of bytes may come at once. */
const BYTE_BURST_SECONDS = 3

/** What a frame costs that makes the service work for it; all others cost 1. */
const COSTS: { readonly [type: string]: number } = { auth: 10 }

/** Returns what a frame of a type costs when it is well-formed. */
export const costOf = (type: string): number => COSTS[type] ?? 1

export interface FrameQuota {
  /**
   * Charges frames, and the bytes since the last call; returns whether there was enough. `bytesRead` counts from the opening
   * of the socket.
   */
  charge(frames: number, bytesRead: number): boolean
  /** Takes one subscription; returns 0, or the milliseconds to wait for the next. */
  takeSubscription(): number
}

export interface FrameQuotaOptions {
  readonly clock: Clock
  /** 0 for no limit. */
  readonly bytesPerSecond: number
  /** The bytes that were read before the quota begins: those of the upgrade. */
  readonly bytesRead: number
}

/** Creates a connection's quota. */
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
 * Returns the bytes a second that a connection may send: as many as the messages of its user may have, and as many again for
 * everything else. No limit where messages have none.
 */
export const bytesPerSecond = (messageRate: number, maxFrameBytes: number): number => 2 * messageRate * maxFrameBytes
