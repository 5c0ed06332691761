/** Opens connections for the WebSocket route, and counts them. */

import { GENERAL } from '../../protocol/http/messages.ts'
import type { Access } from '../access/authorize.ts'
import type { RoomRegistry } from '../rooms/registry.ts'
import { MAX_SUBSCRIPTIONS } from '../subscriptions/manager.ts'
import type { Admit } from './admission.ts'
import type { ConnectionOptions } from './context.ts'
import type { ConnectionRegistry } from './registry.ts'

export interface ChatConnections {
  /** The number of open sockets. */
  readonly count: number
  readonly maxFrameBytes: number
  /**
   * Admits a new WebSocket from a network. Called before any other work for the WebSocket. Throws `busy` if the process accepts no
   * further WebSockets at the moment, or none of this network.
   */
  readonly admit: Admit
  /**
   * Loads the rooms that a new connection will subscribe to. Returns the names of the rooms that don't exist. The route awaits
   * this method before the upgrade, because `open` is synchronous. Loads nothing for a connection that a limit will reject.
   */
  prepare(
    rooms: readonly string[],
    caller?: Pick<ConnectionOptions, 'principal' | 'address'>
  ): Promise<ReadonlySet<string>>
  /** Takes over an open socket. Synchronous, so that frames that arrive immediately are not lost. */
  open(options: ConnectionOptions): void
}

export interface ChatConnectionsOptions {
  readonly registry: ConnectionRegistry
  readonly rooms: RoomRegistry
  readonly access: Access
  readonly maxFrameBytes: number
  readonly admit: Admit
  readonly open: (options: ConnectionOptions) => void
}

export const createChatConnections = (options: ChatConnectionsOptions): ChatConnections => {
  const { registry, rooms, access, maxFrameBytes, admit, open } = options
  const nameIfAbsent = async (name: string): Promise<string[]> => ((await rooms.load(name)) ? [] : [name])

  return {
    get count() {
      return registry.size
    },
    maxFrameBytes,
    admit,
    async prepare(names, caller) {
      if (caller && registry.refusal(caller.principal.userId, caller.address)) return new Set()
      const wanted = names.slice(0, MAX_SUBSCRIPTIONS)
      // If access to a room could be denied, the room is queried even if it is loaded. Otherwise, the response time would
      // reveal whether the room exists.
      const mayBeDenied = (name: string): boolean => access.isDelegated || rooms.get(name)?.isForMembers === true
      const probed = wanted.filter(name => name !== GENERAL && mayBeDenied(name))
      const [absent] = await Promise.all([Promise.all(wanted.map(nameIfAbsent)), rooms.probe(probed)])
      return new Set(absent.flat())
    },
    open
  }
}
