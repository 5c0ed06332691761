/** The rooms that this process has met, kept while they are of use, and brought up to date with the database. */
import type { RoomRow, RoomsRepository } from '../../db/database.ts'
import { createBatch } from '../../lib/batch.ts'
import type { Log } from '../../lib/logging.ts'
import { isRoomName } from '../../protocol/http/messages.ts'
import type { Entry } from '../log/codec.ts'
import type { PageCache } from '../log/page-cache.ts'
import { Room } from './room.ts'

/** The rooms by name. */
export interface RoomRegistry {
  /**
   * The room if it was loaded; never waits, so that a connection's messages keep their order. It stays for a while, so that
   * who asked has time to follow it.
   */
  get(name: string): Room | undefined
  byId(id: number): Room | undefined
  all(): Iterable<Room>
  /** Loads a room once; `undefined` when there is none of that name. */
  load(name: string): Promise<Room | undefined>
  /** Looks for rooms in the database, as for ones that are not loaded. */
  probe(names: readonly string[]): Promise<void>
  /** Takes up a room that was just read or made. */
  adopt(row: RoomRow): Room
  /** A room's log has grown somewhere. */
  grown(roomId: number, seq: number): void
  /** Takes up another title. A room that is being loaded is read again. */
  retitle(id: number, title: string | null): void
  /** Reads a room's title again, if it is loaded: it was changed by another process. Never rejects. */
  refresh(id: number): Promise<void>
  /** Lets go of a room that was deleted. */
  remove(id: number): void
  /** Entries or names were changed that rooms may hold. */
  changed(): void
  /** Asks the database which of them have changed, page by page, and reads what is missing. One at a time. */
  look(): Promise<void>
  /** Lets go of rooms that nobody follows and nobody asked for since the last time. */
  sweep(): void
}

export interface RoomRegistryOptions {
  readonly repository: RoomsRepository
  readonly pages: PageCache<Entry>
  readonly log: Log
  /** How many rooms are kept that nobody follows. */
  readonly maxIdle?: number
}

/** News of rooms that are not loaded, for the moment in which they are: kept for so many. */
const MAX_HEARD = 10_000
const MAX_IDLE = 10_000
/** How many rooms one query asks about. */
const PAGE = 1000

/** Makes the process's rooms. */
export const createRoomRegistry = ({
  repository,
  pages,
  log,
  maxIdle = MAX_IDLE
}: RoomRegistryOptions): RoomRegistry => {
  const byName = new Map<string, Room>()
  const byId = new Map<number, Room>()
  const loading = new Map<string, Promise<Room | undefined>>()
  let heard = new Map<number, number>()
  let asked = new Set<Room>()
  let titles = 0
  let evictAt = maxIdle
  let looking: Promise<void> | undefined
  let isStale = false

  const drop = (room: Room): void => {
    byId.delete(room.id)
    byName.delete(room.name)
    asked.delete(room)
  }

  /** Makes space: first rooms that nobody asked for lately, then those loaded longest ago. Followed rooms stay. */
  const evict = (): void => {
    const idle = [...byId.values()].filter(({ followers }) => followers.size === 0)
    const inOrder = [...idle.filter(room => !asked.has(room)), ...idle.filter(room => asked.has(room))]
    for (const room of inOrder.slice(0, Math.ceil(maxIdle / 2))) drop(room)
    // Not again before as many are loaded, however many are followed.
    evictAt = Math.max(maxIdle, byId.size + Math.ceil(maxIdle / 2))
  }

  const adopt = (row: RoomRow): Room => {
    const known = byId.get(row.id)
    if (known) return known
    if (byId.size >= evictAt) evict()
    const room = new Room({ ...row, pages, log })
    byName.set(row.name, room)
    byId.set(row.id, room)
    asked.add(room)
    // It may have grown between the reading of the row and now.
    room.grown(heard.get(row.id) ?? 0)
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
        // Meanwhile some room got another title, or was deleted; rarely.
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
    if (room) asked.add(room)
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
      if (heard.size >= MAX_HEARD) heard = new Map()
      heard.set(roomId, Math.max(seq, heard.get(roomId) ?? 0))
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
          // Changed again meanwhile: this row may be older than what is known.
          if (before !== titles) continue
          if (row?.id === id) room.title = row.title
          return
        }
      } catch (err) {
        log.warn({ err, room_id: id }, 'a room that was changed could not be read')
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
      // What changed behind a look that runs is found by another one.
      if (looking) isStale = true
      looking ??= lookAtAll().finally(() => {
        looking = undefined
      })
      return looking
    },
    sweep() {
      for (const room of byId.values()) {
        if (room.followers.size === 0 && !asked.has(room)) drop(room)
      }
      asked = new Set()
    }
  }
}

const knownReach = ({ id, epoch, head, oldest }: Room) => ({ id, epoch, lastSeq: head, oldestSeq: oldest })
