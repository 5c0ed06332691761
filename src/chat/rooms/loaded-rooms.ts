/** Keeps the rooms that this process uses in memory, and removes unused rooms. */
import type { RoomRow } from '../../db/database.ts'
import { Room, type RoomOptions } from './room.ts'

export interface LoadedRoomsOptions
  extends Pick<RoomOptions, 'pages' | 'log' | 'clock' | 'onMissed' | 'onGap' | 'onDelivered'> {
  /** Approximate maximum number of rooms without subscribers that are kept in memory. */
  readonly maxIdle?: number
}

export interface LoadedRooms {
  /** Returns a room if it is loaded. Marks the room as used, so that the next sweep does not remove it. */
  get(name: string): Room | undefined
  byId(id: number): Room | undefined
  all(): Iterable<Room>
  /** Returns the room of a row that was just read or created. Adds the room unless it is already loaded. */
  adopt(row: RoomRow): Room
  /** Called when a room's log has an entry `seq` that this process may not have read yet. */
  grown(roomId: number, seq: number): void
  /** Removes a room from memory. */
  drop(room: Room): void
  /** Removes idle rooms (see `Room.isIdle`) that have not been used since the last sweep. */
  sweep(): void
}

/** Maximum number of rooms that are not loaded and whose announced `seq` is remembered. */
const MAX_UNLOADED = 10_000
const MAX_IDLE = 10_000

export const createLoadedRooms = ({ maxIdle = MAX_IDLE, ...options }: LoadedRoomsOptions): LoadedRooms => {
  const { pages } = options
  const byName = new Map<string, Room>()
  const byId = new Map<number, Room>()
  let unloadedHeads = new Map<number, number>()
  let used = new Set<Room>()
  let evictAt = maxIdle

  const drop = (room: Room): void => {
    // Removes the pages too, because an unloaded room does not read new entries, and such an entry may change a cached message.
    pages.forget(room.id)
    byId.delete(room.id)
    byName.delete(room.name)
    used.delete(room)
  }

  /**
   * Removes idle rooms (see `Room.isIdle`), at most `maxIdle / 2` of them. Rooms that were not used since the last sweep are
   * removed before rooms that were used. Within each group, rooms that were loaded first are removed first.
   */
  const evict = (): void => {
    const idle = [...byId.values()].filter(({ isIdle }) => isIdle)
    const inOrder = [...idle.filter(room => !used.has(room)), ...idle.filter(room => used.has(room))]
    for (const room of inOrder.slice(0, Math.ceil(maxIdle / 2))) drop(room)
    // Rooms with subscribers stay, so `byId` may still be large. The next eviction waits until `maxIdle / 2` more rooms are
    // loaded, so that not every load starts an eviction.
    evictAt = Math.max(maxIdle, byId.size + Math.ceil(maxIdle / 2))
  }

  return {
    get(name) {
      const room = byName.get(name)
      if (room) used.add(room)
      return room
    },
    byId: id => byId.get(id),
    all: () => byId.values(),
    adopt(row) {
      const known = byId.get(row.id)
      if (known) return known
      if (byId.size >= evictAt) evict()
      // The cache may have pages that were read before the room was unloaded. These pages may lack later changes, because an
      // unloaded room does not read new entries.
      pages.loaded(row.id)
      const room = new Room({ ...row, ...options })
      byName.set(row.name, room)
      byId.set(row.id, room)
      used.add(room)
      // Another process may have appended entries after the row was read. If so, the room starts to read these entries.
      room.grown(unloadedHeads.get(row.id) ?? 0)
      return room
    },
    grown(roomId, seq) {
      const room = byId.get(roomId)
      if (room) return room.grown(seq)
      if (unloadedHeads.size >= MAX_UNLOADED) unloadedHeads = new Map()
      unloadedHeads.set(roomId, Math.max(seq, unloadedHeads.get(roomId) ?? 0))
    },
    drop,
    sweep() {
      for (const room of byId.values()) {
        if (room.isIdle && !used.has(room)) drop(room)
      }
      used = new Set()
    }
  }
}
