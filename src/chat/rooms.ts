/** The rooms that this process has met: their keys, and how far each was delivered here. */
import type { RoomsRepository } from '../db/database.ts'

/** A room of this process. `head` is the `seq` of the newest entry that was delivered. */
export interface Room {
  readonly id: number
  readonly name: string
  readonly epoch: string
  head: number
}

/** The rooms by name. */
export interface Rooms {
  /** The room if it was loaded; never waits, so that a connection's messages keep their order. */
  get(name: string): Room | undefined
  /** Loads a room once; `undefined` when there is none of that name. */
  load(name: string): Promise<Room | undefined>
}

/** Makes the process's rooms. */
export const createRooms = (repository: RoomsRepository): Rooms => {
  const rooms = new Map<string, Room>()
  return {
    get: name => rooms.get(name),
    async load(name) {
      const known = rooms.get(name)
      if (known) return known
      const row = await repository.findByName(name)
      if (!row) return undefined
      const room = rooms.get(name) ?? { id: row.id, name: row.name, epoch: row.epoch, head: row.lastSeq }
      rooms.set(name, room)
      return room
    }
  }
}
