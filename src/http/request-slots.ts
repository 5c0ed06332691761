/**
 * Limits how many requests of clients that are not logged in are handled at the same time, per network and in total. Such
 * requests use the database, and nothing else bounds them before they do: a limit per minute is itself counted in the database.
 * Without this limit, they could fill the queue for database connections, and the reads of all users would be rejected.
 */
import { createSlots, type Slots } from '../lib/slots.ts'

/** Maximum number of requests of one network that are handled at the same time. */
const MAX_OF_NETWORK = 4

/** A request that waits until it may be handled. A connection has only one, so connections bound their number. */
export interface WaitingRequest {
  /** Calls `handle` when the request may be handled, which may be immediately. */
  begin(handle: () => void): void
  /** Must be called once, after `begin`, when the request has been handled. */
  end(): void
}

/** Adds a request. `network` is a key from src/lib/client-address.ts. */
export type AddRequest = (network: string) => WaitingRequest

interface Network {
  readonly slots: Slots
  requests: number
}

/**
 * Creates the slots of this process, half as many as database connections, so that the other half stays free for users who are
 * logged in.
 */
export const createRequestSlots = (maxConnections: number): AddRequest => {
  const networks = new Map<string, Network>()
  const all = createSlots(Math.max(1, Math.floor(maxConnections / 2)))

  return name => {
    const network = networks.get(name) ?? { slots: createSlots(MAX_OF_NETWORK), requests: 0 }
    networks.set(name, network)
    network.requests++
    return {
      // A network takes its own slot first, so that at most four of its requests wait in the queue that all networks share.
      begin: handle => network.slots.take(() => all.take(handle)),
      end() {
        network.requests--
        if (network.requests === 0) networks.delete(name)
        all.release()
        network.slots.release()
      }
    }
  }
}
