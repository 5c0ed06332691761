/**
 * Limits how many WebSockets this process has, and how many new ones it opens per second. The second limit exists because all
 * clients reconnect at once after a restart. One network gets only a part of it, so that a client that opens WebSockets all the
 * time, with or without a valid token, does not keep the others out. A WebSocket beyond a limit is rejected with a random
 * `Retry-After`, whose range grows with the number of rejections.
 */
import { LruMap } from 'toad-cache'
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
 * Admits a new WebSocket from a network, or throws `busy` with the time after which to try again. `network` is a key of
 * `clientNetwork`.
 */
export type Admit = (network: string) => void

/**
 * Minimum and maximum spread in milliseconds. A rejected client waits 1 s plus a random part of the spread, so at most 59 s.
 */
const MIN_SPREAD_MS = 2000
const MAX_SPREAD_MS = 58_000
/** Spread in milliseconds if there is no rate by which to calculate it. */
const DEFAULT_SPREAD_MS = MAX_SPREAD_MS / 4
/** Length in milliseconds of the window in which rejected WebSockets are counted for the delay. */
const WINDOW_MS = 10_000
/** The part of `connectRate` that one network can use. Behind a proxy that is not trusted, all clients are one network. */
const NETWORK_SHARE = 3 / 4
/** Maximum number of remembered networks. The one that is forgotten first has not opened a WebSocket for the longest time. */
const MAX_NETWORKS = 10_000

/** A rate of new WebSockets, with the number of those that were recently rejected by it. */
class ConnectRate {
  readonly #perSecond: number
  readonly #bucket: TokenBucket
  #rejected = 0
  #since = Number.NEGATIVE_INFINITY

  /** Allows `perSecond` WebSockets per second, in bursts of one second's worth, at least 1. If `perSecond` is 0, there is no limit. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond
    this.#bucket = new TokenBucket(perSecond, Math.max(1, perSecond))
  }

  /** Returns whether one more WebSocket is allowed at `now`, and counts it. */
  take(now: number): boolean {
    return this.#bucket.take(now) === 0
  }

  /**
   * Counts a rejected WebSocket and returns the spread of its delay in milliseconds. Up to the maximum, the spread grows with the
   * number of recent rejections, so that the rejected clients do not reconnect faster than the rate allows.
   */
  reject(now: number): number {
    if (now - this.#since > WINDOW_MS) {
      this.#rejected = 0
      this.#since = now
    }
    this.#rejected++
    const needed = this.#perSecond === 0 ? DEFAULT_SPREAD_MS : (1000 * this.#rejected) / this.#perSecond
    return Math.min(MAX_SPREAD_MS, Math.max(MIN_SPREAD_MS, needed))
  }
}

export const createAdmission = (options: AdmissionOptions): Admit => {
  const { clock, maxConnections, connectRate, open, onRejected = () => {}, random = Math.random } = options
  const all = new ConnectRate(connectRate)
  const networks = new LruMap<ConnectRate>(MAX_NETWORKS)

  const rateOf = (network: string): ConnectRate => {
    const known = networks.get(network)
    if (known) return known
    const rate = new ConnectRate(connectRate * NETWORK_SHARE)
    networks.set(network, rate)
    return rate
  }

  /** Takes one WebSocket from the rate of the network, then from the rate of all. Returns the rate that rejects it, if one does. */
  const exceeded = (network: string, now: number): ConnectRate | undefined => {
    if (connectRate === 0) return undefined
    const own = rateOf(network)
    if (!own.take(now)) return own
    return all.take(now) ? undefined : all
  }

  return network => {
    const now = clock.monotonic()
    const isFull = maxConnections > 0 && open() >= maxConnections
    const rate = isFull ? all : exceeded(network, now)
    if (!rate) return
    onRejected(isFull ? 'max_connections' : 'connect_rate')
    const detail = isFull
      ? 'The service has as many connections as it can hold. Try again later.'
      : 'The service is accepting other connections. Try again in a moment.'
    throw new ChatError('busy', detail, { retryAfterMs: 1000 + random() * rate.reject(now) })
  }
}
