/** Who is connected to this process: by user for limits and notices, and all of them for delivery. */
import type { Clock } from '../clock.ts'
import { CLOSE } from '../close-codes.ts'
import { ChatError } from '../errors.ts'
import { type Budget, createBudget } from './budget.ts'
import type { Connection } from './connection.ts'

/** The limits of PROTOCOL "Settings"; 0 means none. */
export interface HubOptions {
  readonly clock: Clock
  readonly connectionsPerUser: number
  readonly connectionsPerIp: number
  /** Messages a second and user. */
  readonly messageRate: number
}

/** How many seconds' worth of messages a user may send at once. */
export const BURST_SECONDS = 3

/** How long the sockets have to say goodbye before they are dropped, in milliseconds. */
const GOODBYE_MS = 1500
/** How many sockets are closed before others get a turn, so that not all come back at once. */
const GOODBYES_PER_TURN = 100

interface Member {
  readonly connections: Set<Connection>
  readonly messages: Budget
}

/** The connections of this process. */
export interface Hub {
  readonly size: number
  /** Throws `too_many_connections` when the user or the address has as many as it may have. */
  admit(userId: number, address: string): void
  /** Adds a connection; answers whether it is its user's first. */
  add(connection: Connection): boolean
  /** Takes a connection out of delivery; answers whether it was its user's last. */
  remove(connection: Connection): boolean
  /** Forgets a connection whose socket is closed. */
  forget(connection: Connection): void
  /** Sends an encoded frame to every connection but those of one user. */
  broadcast(frame: Buffer, exceptUserId?: number): void
  /** Takes one message from a user's rate; answers 0, or the milliseconds to wait. */
  takeMessage(userId: number): number
  /** Closes every socket with 1012, waits for the clients to agree, then drops the rest. */
  drain(): Promise<void>
}

/** Makes the process's hub; it ticks its connections until it is drained. */
export const createHub = ({ clock, connectionsPerUser, connectionsPerIp, messageRate }: HubOptions): Hub => {
  const members = new Map<number, Member>()
  const addresses = new Map<string, number>()
  const sockets = new Set<Connection>()
  let allGone: (() => void) | undefined

  const stopTicking = clock.every(1000, () => {
    const now = clock.now()
    for (const connection of sockets) connection.tick(now)
  })

  const memberOf = (userId: number): Member => {
    const known = members.get(userId)
    if (known) return known
    const messages = createBudget(messageRate, messageRate * BURST_SECONDS)
    const member = { connections: new Set<Connection>(), messages }
    members.set(userId, member)
    return member
  }

  return {
    get size() {
      return sockets.size
    },
    admit(userId, address) {
      const ofUser = members.get(userId)?.connections.size ?? 0
      if (connectionsPerUser > 0 && ofUser >= connectionsPerUser) throw tooMany(`You have ${ofUser} connections`)
      const ofAddress = addresses.get(address) ?? 0
      if (connectionsPerIp > 0 && ofAddress >= connectionsPerIp) {
        throw tooMany(`Your address has ${ofAddress} connections`)
      }
    },
    add(connection) {
      const { connections } = memberOf(connection.session.userId)
      connections.add(connection)
      sockets.add(connection)
      addresses.set(connection.address, (addresses.get(connection.address) ?? 0) + 1)
      return connections.size === 1
    },
    remove(connection) {
      const { userId } = connection.session
      const member = members.get(userId)
      if (!member?.connections.delete(connection)) return false
      if (member.connections.size === 0) members.delete(userId)
      const left = (addresses.get(connection.address) ?? 1) - 1
      if (left === 0) addresses.delete(connection.address)
      else addresses.set(connection.address, left)
      return member.connections.size === 0
    },
    forget(connection) {
      sockets.delete(connection)
      if (sockets.size === 0) allGone?.()
    },
    broadcast(frame, exceptUserId) {
      for (const [userId, { connections }] of members) {
        if (userId === exceptUserId) continue
        for (const connection of connections) connection.send(frame)
      }
    },
    takeMessage: userId => memberOf(userId).messages.take(clock.now()),
    async drain() {
      stopTicking()
      const gone = new Promise<void>(resolve => {
        allGone = resolve
      })
      let turn = 0
      for (const connection of [...sockets]) {
        connection.close(CLOSE.restart)
        if (++turn % GOODBYES_PER_TURN === 0) await new Promise(setImmediate)
      }
      if (sockets.size === 0) return
      await Promise.race([gone, new Promise(resolve => setTimeout(resolve, GOODBYE_MS).unref())])
      for (const connection of [...sockets]) connection.terminate()
    }
  }
}

const tooMany = (what: string): ChatError =>
  new ChatError('too_many_connections', `${what}, the most there may be. Close another one first.`, {
    retryAfterMs: 5000
  })
