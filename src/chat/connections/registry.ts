/** Keeps the connections of this process, and enforces the limits per user and per IP address. */
import type { Clock } from '../../lib/clock.ts'
import { CLOSE } from '../../protocol/close-codes.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { Connection } from './connection.ts'
import { createUserBuckets } from './user-buckets.ts'

/** Sets the limits; 0 means none. */
export interface ConnectionRegistryOptions {
  readonly clock: Clock
  readonly connectionsPerUser: number
  readonly connectionsPerIp: number
  /** Messages per second per user. */
  readonly messageRate: number
}

/** Lets a user send the messages of this many seconds at once. */
export const BURST_SECONDS = 3

/** Drops sockets whose client doesn't respond to a close frame within this time, in milliseconds. */
const CLOSE_FRAME_MS = 1200
/** Limits how many sockets are closed in one turn of the event loop. */
const CLOSED_PER_TURN = 100
/** Limits the delay in a `reconnect` frame, in milliseconds. */
const MAX_RECONNECT_DELAY_MS = 10_000

export interface ConnectionRegistry {
  readonly size: number
  all(): Iterable<Connection>
  /** Returns `too_many_connections` if the user or the IP address has the maximum. */
  refusal(userId: number, address: string): ChatError | undefined
  add(connection: Connection): void
  /** Removes a connection from the counts; returns whether it was counted. */
  remove(connection: Connection): boolean
  /** Removes a connection whose socket is closed. */
  forget(connection: Connection): void
  /** Takes one message from a user's token bucket; returns 0, or the milliseconds to wait. */
  takeMessage(userId: number): number
  /** Sends `reconnect` to every client and closes every socket with 1012; destroys sockets whose client doesn't respond. */
  closeAll(signal: AbortSignal): Promise<void>
}

/** Creates the registry, which checks its connections once per second until `closeAll`. */
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
        return tooMany(`Your address has ${ofAddress} connections`)
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
      // Random delays over this many milliseconds, so that clients reconnect a few at a time.
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

/** Resolves after a time, or when a signal is aborted. */
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
  new ChatError('too_many_connections', `${what}, which is the maximum. Close another one first.`, {
    retryAfterMs: 5000
  })
