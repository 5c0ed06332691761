/** Sends connections the newest `seq` of each of their rooms, so that a client can detect a gap. */
import type { Connection } from '../connections/connection.ts'
import { encode } from '../connections/encoded.ts'
import type { RoomRegistry } from '../rooms/registry.ts'

/** Maximum number of connections that receive a `heads` frame in one turn of the event loop. */
const HEADS_PER_TURN = 100

/** Sends each connection a `heads` frame with the newest `seq` of each of its rooms. */
export const sendHeads = async (rooms: Pick<RoomRegistry, 'get'>, connections: Iterable<Connection>): Promise<void> => {
  let count = 0
  for (const connection of [...connections]) {
    // After each group of connections, continues in another turn of the event loop, so that messages are not delayed.
    if (++count % HEADS_PER_TURN === 0) await new Promise(setImmediate)
    const heads = [...connection.subscriptions.keys()].map(name => [name, rooms.get(name)?.head ?? 0])
    if (heads.length === 0) continue
    connection.outgoing.hint(encode(JSON.stringify({ type: 'heads', rooms: Object.fromEntries(heads) })))
  }
}
