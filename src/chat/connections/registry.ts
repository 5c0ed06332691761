/** Who is connected to this process, and how much each person may do. */
import type { Clock } from '../../lib/clock.ts'
import { CLOSE } from '../../protocol/close-codes.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { Connection } from './connection.ts'
import { createUserBuckets } from './user-buckets.ts'

/** The limits of PROTOCOL "Settings"; 0 means none. */
export interface ConnectionRegistryOptions {
  readonly clock: Clock
  readonly connectionsPerUser: number
  readonly connectionsPerIp: number
  /** Messages a second and user. */
  readonly messageRate: number
}

/** How many seconds' worth of messages a user may send at once. */
export const BURST_SECONDS = 3

/** How long the sockets have to say goodbye before they are dropped, in milliseconds. */
const GOODBYE_MS = 1200
/** How many sockets are closed before others get a turn, so that not all come back at once. */
const GOODBYES_PER_TURN = 100
/** The longest wait that a planned stop asks of a client, in milliseconds. */
const LONGEST_WAIT_MS = 10_000

/** The connections of this process. */
export interface ConnectionRegistry {
  readonly size: number
  all(): Iterable<Connection>
  /** `too_many_connections` when the user or the address has as many as it may have. */
  refusal(userId: number, address: string): ChatError | undefined
  add(connection: Connection): void
  /** Takes a connection out of the counts; answers whether it was in them. */
  remove(connection: Connection): boolean
  /** Forgets a connection whose socket is closed. */
  forget(connection: Connection): void
  /** Takes one message from a user's rate; answers 0, or the milliseconds to wait. */
  takeMessage(userId: number): number
  /** Tells everyone to come back later, closes every socket with 1012, waits for the clients to agree, drops the rest. */
  drain(): Promise<void>
}

/** Makes the process's hub; it ticks its connections until it is drained. */
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
  let allGone: (() => void) | undefined

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
      count(users, connection.session.userId, 1)
      count(addresses, connection.address, 1)
    },
    remove(connection) {
      if (!counted.delete(connection)) return false
      count(users, connection.session.userId, -1)
      count(addresses, connection.address, -1)
      return true
    },
    forget(connection) {
      sockets.delete(connection)
      if (sockets.size === 0) allGone?.()
    },
    takeMessage: userId => messages.take(userId),
    async drain() {
      stopTicking()
      messages.close()
      const gone = new Promise<void>(resolve => {
        allGone = resolve
      })
      // So many milliseconds that they come back a few at a time.
      const spread = Math.min(LONGEST_WAIT_MS, 500 + 5 * sockets.size)
      let turn = 0
      for (const connection of [...sockets]) {
        connection.send({ type: 'reconnect', after_ms: Math.round(200 + Math.random() * spread) })
        connection.close(CLOSE.restart)
        if (++turn % GOODBYES_PER_TURN === 0) await new Promise(setImmediate)
      }
      if (sockets.size === 0) return
      await Promise.race([gone, new Promise(resolve => setTimeout(resolve, GOODBYE_MS).unref())])
      for (const connection of [...sockets]) connection.terminate()
    }
  }
}

const count = <Key>(counts: Map<Key, number>, key: Key, by: number): void => {
  const left = (counts.get(key) ?? 0) + by
  if (left === 0) counts.delete(key)
  else counts.set(key, left)
}

const tooMany = (what: string): ChatError =>
  new ChatError('too_many_connections', `${what}, the most there may be. Close another one first.`, {
    retryAfterMs: 5000
  })
