/**
 * Loads the rooms that this process uses, and keeps the loaded rooms up to date with the database. Removes unused rooms from
 * memory.
 */
import type { RoomRow, RoomsRepository } from '../../db/database.ts'
import { createBatch } from '../../lib/batch.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import { isRoomName } from '../../protocol/http/messages.ts'
import type { Entry } from '../log/entry.ts'
import type { PageCache } from '../log/page-cache.ts'
import { Room } from './room.ts'

/** The rooms that are loaded in this process. */
export interface RoomRegistry {
  /** Returns a room if it is loaded. Marks the room as used, so that the next sweep does not remove it. */
  get(name: string): Room | undefined
  byId(id: number): Room | undefined
  all(): Iterable<Room>
  /** Returns a room, and loads the room first if necessary. Returns `undefined` if the room doesn't exist. */
  load(name: string): Promise<Room | undefined>
  /** Queries rooms in the database even if they are loaded, so that response times do not reveal which rooms exist. */
  probe(names: readonly string[]): Promise<void>
  /** Returns the room of a row that was just read or created. Registers the room unless it is already registered. */
  adopt(row: RoomRow): Room
  /** Called when another process has appended the entry `seq` to a room's log. */
  grown(roomId: number, seq: number): void
  /** Applies a changed title. Rooms that are being loaded are read again, because their rows may have the old title. */
  retitle(id: number, title: string | null): void
  /** Reads the title of a loaded room again, because it has changed. Never rejects. */
  refresh(id: number): Promise<void>
  /** Removes a deleted room. */
  remove(id: number): void
  /** Calls `Room.changed` for every loaded room. */
  changed(): void
  /**
   * Queries which loaded rooms have changed in the database, and starts to read their missing entries. Only one run is active
   * at a time. If called during a run, the run starts over when it has queried all rooms.
   */
  look(): Promise<void>
  /** Delivers the entries that rooms hold back during a pause. Called before the connections are closed. */
  flush(): void
  /** Removes rooms that have no subscribers and have not been used since the last sweep. */
  sweep(): void
}

export interface RoomRegistryOptions {
  readonly repository: RoomsRepository
  readonly pages: PageCache<Entry>
  readonly log: Log
  readonly clock: Pick<Clock, 'monotonic'>
  /** Approximate maximum number of rooms without subscribers that are kept in memory. */
  readonly maxIdle?: number
}

/** Maximum number of rooms whose `seq` is remembered because it was announced while the room was not loaded. */
const MAX_UNLOADED = 10_000
const MAX_IDLE = 10_000
/** Maximum number of rooms per query. */
const PAGE = 1000

export const createRoomRegistry = ({
  repository,
  pages,
  log,
  clock,
  maxIdle = MAX_IDLE
}: RoomRegistryOptions): RoomRegistry => {
  const byName = new Map<string, Room>()
  const byId = new Map<number, Room>()
  const loading = new Map<string, Promise<Room | undefined>>()
  let unloadedHeads = new Map<number, number>()
  let used = new Set<Room>()
  let titles = 0
  let evictAt = maxIdle
  let looking: Promise<void> | undefined
  let isStale = false

  const drop = (room: Room): void => {
    byId.delete(room.id)
    byName.delete(room.name)
    used.delete(room)
  }

  /**
   * Removes rooms without subscribers, at most `maxIdle / 2` of them. Rooms that were not used since the last sweep are removed
   * before rooms that were used. Within each group, rooms that were loaded first are removed first.
   */
  const evict = (): void => {
    const idle = [...byId.values()].filter(({ subscribers }) => subscribers.size === 0)
    const inOrder = [...idle.filter(room => !used.has(room)), ...idle.filter(room => used.has(room))]
    for (const room of inOrder.slice(0, Math.ceil(maxIdle / 2))) drop(room)
    // Rooms with subscribers stay, so `byId` may still be large. The next eviction waits until `maxIdle / 2` more rooms are
    // loaded, so that not every load starts an eviction.
    evictAt = Math.max(maxIdle, byId.size + Math.ceil(maxIdle / 2))
  }

  const adopt = (row: RoomRow): Room => {
    const known = byId.get(row.id)
    if (known) return known
    if (byId.size >= evictAt) evict()
    const room = new Room({ ...row, pages, log, clock })
    byName.set(row.name, room)
    byId.set(row.id, room)
    used.add(room)
    // Another process may have appended entries after the row was read. If so, the room starts to read these entries.
    room.grown(unloadedHeads.get(row.id) ?? 0)
    return room
  }

  const find = createBatch<string, RoomRow>(async names => {
    const rows = await repository.findByNames(names)
    return new Map(rows.map(row => [row.name, row]))
  })

  const read = async (name: string): Promise<Room | undefined> => {
    try {
      for (;;) {
        const before = titles
        const row = await find(name)
        // If a title changed or a room was deleted during the query, the row may be outdated, so the row is read again.
        if (before === titles) return row && adopt(row)
      }
    } finally {
      loading.delete(name)
    }
  }

  const lookAtAll = async (): Promise<void> => {
    do {
      isStale = false
      const all = [...byId.values()]
      for (let at = 0; at < all.length; at += PAGE) {
        const changes = await repository.changed(all.slice(at, at + PAGE).map(knownReach))
        for (const change of changes) void byId.get(change.id)?.reaches(change)
      }
    } while (isStale)
  }

  const get = (name: string): Room | undefined => {
    const room = byName.get(name)
    if (room) used.add(room)
    return room
  }

  return {
    get,
    byId: id => byId.get(id),
    all: () => byId.values(),
    async load(name) {
      const known = get(name)
      if (known) return known
      if (!isRoomName(name)) return undefined
      const running = loading.get(name) ?? read(name)
      if (!byName.has(name)) loading.set(name, running)
      return running
    },
    async probe(names) {
      await Promise.all(names.filter(isRoomName).map(find))
    },
    adopt,
    grown(roomId, seq) {
      const room = byId.get(roomId)
      if (room) return room.grown(seq)
      if (unloadedHeads.size >= MAX_UNLOADED) unloadedHeads = new Map()
      unloadedHeads.set(roomId, Math.max(seq, unloadedHeads.get(roomId) ?? 0))
    },
    retitle(id, title) {
      titles++
      const room = byId.get(id)
      if (room) room.title = title
    },
    async refresh(id) {
      titles++
      const room = byId.get(id)
      if (!room) return
      try {
        for (;;) {
          const before = titles
          const row = await find(room.name)
          // If a title changed during the query, the row may have the old title, so the row is read again.
          if (before !== titles) continue
          if (row?.id === id) room.title = row.title
          return
        }
      } catch (err) {
        log.warn({ err, room_id: id }, 'failed to reload a changed room; its old title is still shown')
      }
    },
    remove(id) {
      titles++
      const room = byId.get(id)
      if (room) drop(room)
    },
    changed() {
      for (const room of byId.values()) room.changed()
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
      for (const room of byId.values()) room.deliver()
    },
    sweep() {
      for (const room of byId.values()) {
        if (room.subscribers.size === 0 && !used.has(room)) drop(room)
      }
      used = new Set()
    }
  }
}

const knownReach = ({ id, epoch, head, oldest }: Room) => ({ id, epoch, lastSeq: head, oldestSeq: oldest })
