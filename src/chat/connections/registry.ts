/** Registers the connections of this process, and limits their number per user and per IP address. */
import type { Clock } from '../../lib/clock.ts'
import { CLOSE } from '../../protocol/close-codes.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { Connection } from './connection.ts'
import { createUserBuckets } from './user-buckets.ts'

/** The clock and the limits. For each limit, 0 means no limit. */
export interface ConnectionRegistryOptions {
  readonly clock: Clock
  readonly connectionsPerUser: number
  readonly connectionsPerIp: number
  /** The maximum number of messages per second per user. */
  readonly messageRate: number
}

/** A burst may contain as many messages as `messageRate` allows in this many seconds. */
export const BURST_SECONDS = 3

/** Time in milliseconds that clients have to respond to a close frame before their sockets are destroyed. */
const CLOSE_FRAME_MS = 1200
/** Maximum number of sockets that are closed in one turn of the event loop. */
const CLOSED_PER_TURN = 100
/** Maximum of the random part of the delay in a `reconnect` frame, in milliseconds. */
const MAX_RECONNECT_DELAY_MS = 10_000

export interface ConnectionRegistry {
  /** The number of open sockets, including those that are closing. */
  readonly size: number
  /** Returns the connections that have not ended. */
  all(): Iterable<Connection>
  /** Returns a `too_many_connections` error if the user or the IP address has the maximum number of connections. */
  refusal(userId: number, address: string): ChatError | undefined
  add(connection: Connection): void
  /** Removes an ended connection from the counts. Returns whether the connection was counted. */
  remove(connection: Connection): boolean
  /** Removes a connection whose socket is closed. */
  forget(connection: Connection): void
  /** Counts a message against the user's rate limit. Returns 0, or the milliseconds to wait if the limit is exceeded. */
  takeMessage(userId: number): number
  /**
   * Sends `reconnect` to every client and closes every socket with code 1012. Destroys the sockets that are still open after a
   * short time, or when `signal` is aborted.
   */
  closeAll(signal: AbortSignal): Promise<void>
}

/** Creates the registry. Until `closeAll` is called, the registry calls `tick` of each connection once per second. */
export const createConnectionRegistry = ({
  clock,
  connectionsPerUser,
  connectionsPerIp,
  messageRate
}: ConnectionRegistryOptions): ConnectionRegistry => {
  const users = new Map<number, number>()
  const addresses = new Map<string, number>()
  const counted = new Set<Connection>()
  const sockets = new Set<Connection>()
  const messages = createUserBuckets({ clock, perSecond: messageRate, burst: messageRate * BURST_SECONDS })
  let onAllClosed: (() => void) | undefined

  const stopTicking = clock.every(1000, () => {
    for (const connection of sockets) connection.tick()
  })

  return {
    get size() {
      return sockets.size
    },
    all: () => counted,
    refusal(userId, address) {
      const ofUser = users.get(userId) ?? 0
      if (connectionsPerUser > 0 && ofUser >= connectionsPerUser) return tooMany(`You have ${ofUser} connections`)
      const ofAddress = addresses.get(address) ?? 0
      if (connectionsPerIp > 0 && ofAddress >= connectionsPerIp) {
        return tooMany(`Your IP address has ${ofAddress} connections`)
      }
    },
    add(connection) {
      counted.add(connection)
      sockets.add(connection)
      count(users, connection.principal.userId, 1)
      count(addresses, connection.address, 1)
    },
    remove(connection) {
      if (!counted.delete(connection)) return false
      count(users, connection.principal.userId, -1)
      count(addresses, connection.address, -1)
      return true
    },
    forget(connection) {
      sockets.delete(connection)
      if (sockets.size === 0) onAllClosed?.()
    },
    takeMessage: userId => messages.take(userId),
    async closeAll(signal) {
      stopTicking()
      messages.close()
      const allClosed = new Promise<void>(resolve => {
        onAllClosed = resolve
      })
      // Clients reconnect with jitter. The more clients there are, the longer their delays may be, so that they don't all
      // reconnect at the same time.
      const spread = Math.min(MAX_RECONNECT_DELAY_MS, 500 + 5 * sockets.size)
      let turn = 0
      for (const connection of [...sockets]) {
        connection.send({ type: 'reconnect', after_ms: Math.round(200 + Math.random() * spread) })
        connection.close(CLOSE.restart)
        if (++turn % CLOSED_PER_TURN === 0) await new Promise(setImmediate)
      }
      if (sockets.size === 0) return
      await Promise.race([allClosed, timeOrAbort(CLOSE_FRAME_MS, signal)])
      for (const connection of [...sockets]) connection.terminate()
    }
  }
}

/** Resolves after `ms` milliseconds, or when `signal` is aborted. */
const timeOrAbort = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    setTimeout(resolve, ms).unref()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })

const count = <Key>(counts: Map<Key, number>, key: Key, by: number): void => {
  const left = (counts.get(key) ?? 0) + by
  if (left === 0) counts.delete(key)
  else counts.set(key, left)
}

const tooMany = (what: string): ChatError =>
  new ChatError('too_many_connections', `${what}, which is the maximum. Close one of them first.`, {
    retryAfterMs: 5000
  })
