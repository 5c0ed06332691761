/**
 * Limits how many WebSockets this process has, and how many new ones it opens per second. The second limit exists because all
 * clients reconnect at once after a restart. Part of it is reserved for networks that open few WebSockets, so that a client that
 * opens them all the time, with or without a valid token, does not keep the others out. A WebSocket beyond a limit is rejected
 * with a random `Retry-After`, whose range grows with the number of rejections.
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
 * Admits a new WebSocket from a network, or throws `busy` with the time after which to try again. `network` is a key of the client
 * from src/lib/client-address.ts.
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
/** Maximum number of rejected WebSockets of one network in a window that make the clients of other networks wait longer. */
const MAX_COUNTED = 100
/**
 * The part of the burst of `connectRate` that is reserved. A network that opens more than `NETWORK_SHARE` of `connectRate` is
 * rejected if less than this part would be left. Otherwise, one network may use the whole rate, because behind a proxy that is not
 * trusted all clients are one network.
 */
const RESERVE = 1 / 4
const NETWORK_SHARE = 1 / 8
/** Maximum number of remembered networks. The network that has not tried to open a WebSocket for the longest time is forgotten. */
const MAX_NETWORKS = 10_000

/** Counts rejected WebSockets in the current window. */
class Rejections {
  #count = 0
  #since = Number.NEGATIVE_INFINITY

  count(now: number): number {
    if (now - this.#since > WINDOW_MS) {
      this.#count = 0
      this.#since = now
    }
    return this.#count
  }

  add(now: number): number {
    this.#count = this.count(now) + 1
    return this.#count
  }
}

interface Network {
  /** What is left of the network's share. */
  readonly share: TokenBucket
  readonly rejections: Rejections
}

export const createAdmission = (options: AdmissionOptions): Admit => {
  const { clock, maxConnections, connectRate, open, onRejected = () => {}, random = Math.random } = options
  const all = new TokenBucket(connectRate, connectRate)
  const rejections = new Rejections()
  const networks = new LruMap<Network>(MAX_NETWORKS)
  const share = connectRate * NETWORK_SHARE
  // At least one WebSocket must be possible without a share.
  const reserve = Math.min(connectRate * RESERVE, connectRate - 1)

  const find = (name: string): Network => {
    const known = networks.get(name)
    if (known) return known
    const network = { share: new TokenBucket(share, Math.max(1, share)), rejections: new Rejections() }
    networks.set(name, network)
    return network
  }

  /** Returns whether the rate allows one more WebSocket of the network, and counts the WebSocket. */
  const isAllowed = ({ share }: Network, now: number): boolean => {
    const left = all.left(now)
    // Takes nothing from the share of a network if nothing is left for anybody.
    if (left < 1) return false
    if (share.take(now) > 0 && left < reserve + 1) return false
    all.take(now)
    return true
  }

  /**
   * Returns a random delay in milliseconds. Up to the maximum, the spread grows with the number of recent rejections, so that the
   * rejected clients do not reconnect faster than `connectRate` allows. Without `connectRate`, the spread is constant.
   */
  const retryAfterMs = (network: Network, now: number): number => {
    const own = network.rejections.add(now)
    const counted = own <= MAX_COUNTED ? rejections.add(now) : rejections.count(now)
    const needed = connectRate === 0 ? DEFAULT_SPREAD_MS : (1000 * Math.max(own, counted)) / connectRate
    return 1000 + random() * Math.min(MAX_SPREAD_MS, Math.max(MIN_SPREAD_MS, needed))
  }

  return name => {
    const now = clock.monotonic()
    const network = find(name)
    const isFull = maxConnections > 0 && open() >= maxConnections
    if (!isFull && (connectRate === 0 || isAllowed(network, now))) return
    onRejected(isFull ? 'max_connections' : 'connect_rate')
    const detail = isFull
      ? 'The service has as many connections as it can hold. Try again later.'
      : 'The service is accepting other connections. Try again in a moment.'
    throw new ChatError('busy', detail, { retryAfterMs: retryAfterMs(network, now) })
  }
}
