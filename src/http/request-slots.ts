/**
 * Limits how many requests of clients that are not logged in are handled at the same time, per network and in total. Such
 * requests use the database, and nothing else bounds them before they do: a limit per minute is itself counted in the database.
 * Without this limit, they could fill the queue for database connections, and the reads of all users would be rejected.
 */
import { createSlots, type Slots } from '../lib/slots.ts'
import { ChatError } from '../protocol/errors.ts'

/** Maximum number of requests of one network that are handled at the same time. */
const MAX_OF_NETWORK = 4
/** Maximum number of requests that are handled or wait, of one network and of all. */
const [MAX_QUEUED_OF_NETWORK, MAX_QUEUED] = [500, 5000]
/** Range in milliseconds of the random time after which a rejected client tries again. */
const [MIN_RETRY_MS, MAX_RETRY_MS] = [1000, 5000]

/** A request in the queue. */
export interface QueuedRequest {
  /** Calls `handle` when the request may be handled, which may be immediately. */
  begin(handle: () => void): void
  /** Must be called once, after `begin`, when the request has been handled. */
  end(): void
}

/**
 * Queues a request. Throws `rate_limited` if too many requests of its network are queued, and `unavailable` if too many requests
 * of all networks are. `network` is a key from src/lib/client-address.ts.
 */
export type QueueRequest = (network: string) => QueuedRequest

interface Network {
  readonly slots: Slots
  queued: number
}

/**
 * Creates the slots of this process, half as many as database connections, so that the other half stays free for users who are
 * logged in.
 */
export const createRequestSlots = (maxConnections: number): QueueRequest => {
  const networks = new Map<string, Network>()
  const all = createSlots(Math.max(1, Math.floor(maxConnections / 2)))
  let queued = 0

  return name => {
    const network = networks.get(name) ?? { slots: createSlots(MAX_OF_NETWORK), queued: 0 }
    if (network.queued >= MAX_QUEUED_OF_NETWORK) throw refusal('rate_limited')
    if (queued >= MAX_QUEUED) throw refusal('unavailable')
    networks.set(name, network)
    network.queued++
    queued++
    return {
      begin: handle => network.slots.take(() => all.take(handle)),
      end() {
        network.queued--
        queued--
        if (network.queued === 0) networks.delete(name)
        all.release()
        network.slots.release()
      }
    }
  }
}

const DETAIL = {
  rate_limited: 'Too many requests of your network are in progress. Try again in a moment.',
  unavailable: 'Too many requests are in progress. Try again in a moment.'
}

const refusal = (code: keyof typeof DETAIL): ChatError =>
  new ChatError(code, DETAIL[code], { retryAfterMs: MIN_RETRY_MS + Math.random() * (MAX_RETRY_MS - MIN_RETRY_MS) })
