/**
 * Taking rights back from people who are connected, here and on the other processes. The bus may lose the word, so a process
 * that was cut off from it asks about everybody again.
 */
import type { Bus, BusEvent } from '../bus/bus.ts'
import { CLOSE } from '../close-codes.ts'
import { type Access, whenKnown } from './access.ts'
import type { Connection } from './connection.ts'
import type { Following } from './following.ts'
import type { Hub } from './hub.ts'

export interface RevokingOptions {
  readonly hub: Hub
  readonly bus: Bus
  readonly access: Access
  readonly following: Following
}

export interface Revoking {
  /** Asks again whether a person may read a room; who may not, stops following it. On every process. */
  recheck(userId: number, room: string): void
  /** Asks again about every person here and every room that they follow. */
  recheckAll(): void
  /** Closes all of a person's connections with 4401. On every process. */
  disconnect(userId: number): void
  /** What another process told; answers whether it was meant for this. */
  hear(event: BusEvent): boolean
}

/** Makes it. */
export const createRevoking = ({ hub, bus, access, following }: RevokingOptions): Revoking => {
  const connectionsOf = (userId: number): Connection[] =>
    [...hub.all()].filter(({ session }) => session.userId === userId)

  // In its turn, so that a subscription that is just being asked about is not missed.
  const recheckOne = (connection: Connection, room: string): void =>
    connection.perform({
      work() {
        if (!connection.subscriptions.has(room)) return
        return whenKnown(access.may(connection.session, room, 'read'), may => {
          if (!may) following.expel(connection, room)
        })
      },
      marks: { room }
    })

  const recheckHere = (connections: Iterable<Connection>, room?: string): void => {
    for (const connection of connections) {
      for (const name of room === undefined ? [...connection.subscriptions.keys()] : [room]) {
        recheckOne(connection, name)
      }
    }
  }

  const disconnectHere = (userId: number): void => {
    for (const connection of connectionsOf(userId)) connection.close(CLOSE.tokenExpired)
  }

  return {
    recheck(userId, room) {
      recheckHere(connectionsOf(userId), room)
      bus.publish({ kind: 'recheck', user_id: userId, room })
    },
    recheckAll: () => recheckHere(hub.all()),
    disconnect(userId) {
      disconnectHere(userId)
      bus.publish({ kind: 'disconnect', user_id: userId })
    },
    hear({ kind, user_id, room }) {
      if (kind === 'recheck') recheckHere(connectionsOf(Number(user_id)), String(room))
      else if (kind === 'disconnect') disconnectHere(Number(user_id))
      else return false
      return true
    }
  }
}
