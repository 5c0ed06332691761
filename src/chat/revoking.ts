/**
 * Taking rights back from people who are connected, here and on the other processes. The bus may lose the word, so a process
 * that was cut off from it asks about everybody again.
 */
import type { Bus, BusEvent } from '../bus/bus.ts'
import { CLOSE } from '../close-codes.ts'
import { type Access, personOf } from './access.ts'
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
  /** Asks again whether a person, by the id that the host knows, may read a room; who may not, stops following it. On every process. */
  recheck(personId: string, room: string): void
  /** Asks again about every person here and every room that they follow. */
  recheckAll(): void
  /** Closes all of a person's connections with 4401. On every process. */
  disconnect(personId: string): void
  /** What another process told; answers whether it was meant for this. */
  hear(event: BusEvent): boolean
}

/** Makes it. */
export const createRevoking = ({ hub, bus, access, following }: RevokingOptions): Revoking => {
  const connectionsOf = (personId: string): Connection[] =>
    [...hub.all()].filter(({ session }) => personOf(session).id === personId)

  // In its turn, and of what is followed by then, so that a subscription that is just being asked about is not missed.
  const recheckOne = (connection: Connection, room?: string): void =>
    connection.perform({
      async work() {
        const { subscriptions, session } = connection
        for (const name of room === undefined ? [...subscriptions.keys()] : [room]) {
          if (!subscriptions.has(name)) continue
          if (!(await access.may(session, name, 'read'))) following.expel(connection, name)
        }
      },
      marks: {}
    })

  const recheckHere = (connections: Iterable<Connection>, room?: string): void => {
    for (const connection of connections) recheckOne(connection, room)
  }

  const disconnectHere = (personId: string): void => {
    for (const connection of connectionsOf(personId)) connection.close(CLOSE.tokenExpired)
  }

  return {
    recheck(personId, room) {
      recheckHere(connectionsOf(personId), room)
      bus.publish({ kind: 'recheck', person: personId, room })
    },
    recheckAll: () => recheckHere(hub.all()),
    disconnect(personId) {
      disconnectHere(personId)
      bus.publish({ kind: 'disconnect', person: personId })
    },
    hear({ kind, person, room }) {
      if (kind === 'recheck') recheckHere(connectionsOf(String(person)), String(room))
      else if (kind === 'disconnect') disconnectHere(String(person))
      else return false
      return true
    }
  }
}
