/** Loads the rooms that this process uses, and keeps the loaded rooms up to date with the database. */
import type { RoomRow, RoomsRepository } from '../../db/database.ts'
import { createBatch } from '../../lib/batch.ts'
import { isRoomName } from '../../protocol/http/messages.ts'
import { createLoadedRooms, type LoadedRooms, type LoadedRoomsOptions } from './loaded-rooms.ts'
import type { Room } from './room.ts'
import { createRoomChanges } from './room-changes.ts'

/** The rooms that are loaded in this process. */
export interface RoomRegistry extends Omit<LoadedRooms, 'drop'> {
  /** Returns a room, and loads the room first if necessary. Returns `undefined` if the room doesn't exist. */
  load(name: string): Promise<Room | undefined>
  /** Queries rooms in the database even if they are loaded, so that response times do not reveal which rooms exist. */
  probe(names: readonly string[]): Promise<void>
  /** Applies changed properties of a room. If the room is being loaded, its row is read again, because the row may be outdated. */
  describe(id: number, description: RoomDescription): void
  /** Called when notifications about changed rooms were lost. Causes rooms whose load is still running to be read again. */
  lost(): void
  /** Removes a deleted room from memory. */
  remove(id: number): void
  /** Calls `Room.changed` for every loaded room. */
  changed(): void
  /**
   * Queries which loaded rooms have changed in the database, and starts to read their missing entries. Only one run is active
   * at a time. If `look` is called during a run, the run starts over when it has queried all rooms.
   */
  look(): Promise<void>
  /** Delivers the entries that rooms hold back during a pause. Called before the connections are closed. */
  flush(): void
}

/** The properties of a room that can change. */
export interface RoomDescription {
  readonly title: string | null
  readonly topic: string | null
  /** See `RoomRow.guarded`. */
  readonly guarded: boolean
  readonly archived: boolean
  readonly oldestSeq: number
}

export interface RoomRegistryOptions extends LoadedRoomsOptions {
  readonly repository: RoomsRepository
}

/** Maximum number of rooms per query. */
const PAGE = 1000

export const createRoomRegistry = ({ repository, ...options }: RoomRegistryOptions): RoomRegistry => {
  const { drop, ...rooms } = createLoadedRooms(options)
  const loading = new Map<string, Promise<Room | undefined>>()
  const changes = createRoomChanges()
  let looking: Promise<void> | undefined
  let isStale = false

  const find = createBatch<string, RoomRow>(async names => {
    const rows = await repository.findByNames(names)
    return new Map(rows.map(row => [row.name, row]))
  })

  const read = async (name: string): Promise<Room | undefined> => {
    try {
      for (;;) {
        const since = changes.count
        const row = await find(name)
        // If the room was changed or deleted during the query, the row may be outdated, and the loop reads it again.
        if (!row || !changes.has(row.id, since)) return row && rooms.adopt(row)
      }
    } finally {
      loading.delete(name)
      if (loading.size === 0) changes.forget()
    }
  }

  const lookAtAll = async (): Promise<void> => {
    do {
      isStale = false
      const all = [...rooms.all()]
      for (let at = 0; at < all.length; at += PAGE) {
        const grown = await repository.changed(all.slice(at, at + PAGE).map(knownReach))
        for (const change of grown) void rooms.byId(change.id)?.reaches(change)
      }
    } while (isStale)
  }

  return {
    ...rooms,
    async load(name) {
      const known = rooms.get(name)
      if (known) return known
      if (!isRoomName(name)) return undefined
      const running = loading.get(name) ?? read(name)
      loading.set(name, running)
      return running
    },
    async probe(names) {
      await Promise.all(names.filter(isRoomName).map(find))
    },
    describe(id, description) {
      if (loading.size > 0) changes.add(id)
      const room = rooms.byId(id)
      if (!room) return
      const { title, topic, guarded, archived, oldestSeq } = description
      Object.assign(room, { title, topic, isArchived: archived, isRestricted: guarded && !room.isForMembers })
      room.expire(oldestSeq)
    },
    lost: changes.addAll,
    remove(id) {
      if (loading.size > 0) changes.add(id)
      const room = rooms.byId(id)
      if (room) drop(room)
    },
    changed() {
      for (const room of rooms.all()) room.changed()
    },
    look() {
      // The active run may already have queried a room before the room changed, so all rooms are queried again.
      if (looking) isStale = true
      looking ??= lookAtAll().finally(() => {
        looking = undefined
      })
      return looking
    },
    flush() {
      for (const room of rooms.all()) room.deliver()
    }
  }
}

const knownReach = ({ id, epoch, head, oldest }: Room) => ({ id, epoch, lastSeq: head, oldestSeq: oldest })
