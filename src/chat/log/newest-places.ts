/**
 * Caches the places of the newest messages of each room whose log also has entries of other kinds, for lists that are not found
 * in the page cache (cached-runs.ts). Most reads are for the newest messages of a room. The places of these messages stay the
 * same until another entry is published, or until stored entries change or expire.
 */
import { LruMap } from 'toad-cache'
import type { Room } from '../rooms/room.ts'
import type { PageCache } from './page-cache.ts'
import { firstOf, lastOf, type Places, type Range } from './runs.ts'

/** Looks up the places of a list in the database. */
export type FindPlaces = (room: Room, range: Range) => Promise<Places>

/**
 * The cached places of the newest messages of a room. `places` depends on the other fields, so it is returned only for a list
 * that has the same values in all of these fields.
 */
interface Kept {
  readonly version: number
  readonly epoch: string
  readonly first: number
  readonly last: number
  readonly limit: number
  readonly withNotices: boolean
  readonly places: Places
}

/** Maximum number of rooms whose places are kept. */
const MAX_ROOMS = 1024
/**
 * Maximum number of runs (parts of the log) in the places of a list. The places of a list with more runs are not kept, so the
 * memory is limited to about 5 kB per room.
 */
const MAX_RUNS = 64

/** Adds a cache to `find`. The cache contains the places of the newest messages of rooms, and no other places. */
export const createNewestPlaces = (find: FindPlaces, pages: Pick<PageCache<never>, 'version'>): FindPlaces => {
  const kept = new LruMap<Kept>(MAX_ROOMS)
  return async (room, range) => {
    const { after, around, limit, withNotices = false } = range
    const last = lastOf(room, range)
    if (after !== undefined || around !== undefined || last < room.known) return find(room, range)
    const list = { version: pages.version, epoch: room.epoch, first: firstOf(room, range), last, limit, withNotices }
    const known = kept.get(room.id)
    if (known && isSame(known, list)) return known.places
    const places = await find(room, range)
    if (places.runs.length <= MAX_RUNS) kept.set(room.id, { ...list, places })
    return places
  }
}

const isSame = (kept: Kept, list: Omit<Kept, 'places'>): boolean =>
  kept.version === list.version &&
  kept.epoch === list.epoch &&
  kept.first === list.first &&
  kept.last === list.last &&
  kept.limit === list.limit &&
  kept.withNotices === list.withNotices
