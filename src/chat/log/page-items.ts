/**
 * Caches the JSON of the messages of each page of the page cache. A part of a room's log can then be copied page by page
 * instead of message by message.
 */
import { LruMap } from 'toad-cache'
import type { Extent, Listed } from '../../db/database.ts'
import { type Entry, isListedIn } from './entry.ts'
import { type Items, itemsOf, joinItems } from './items.ts'
import type { PageCache } from './page-cache.ts'

/** A part of a log that is cached as a whole. */
export interface CachedPart {
  /** Returns `before`, then the messages as comma-separated HTTP items, then `after`. See `restItems`. */
  json(before: string, after: string): Buffer
}

/** Selects the entries in parts of a room's log (runs). */
export interface CachedList {
  readonly roomId: number
  readonly runs: readonly Extent[]
  readonly listed: Listed
  /** Whether the list ends with the newest entries of the log. */
  readonly isNewest: boolean
}

/**
 * Returns a list. Returns `undefined` if its items are longer than `maxBytes`, if one of its entries is not cached or not plain
 * (see `isPlain`), or if it has no entries.
 */
export type FindCachedPart = (list: CachedList, maxBytes: number) => CachedPart | undefined

/** The items of a page. Items that are created again have another `id`. */
interface PageItems extends Items {
  readonly id: number
}

/**
 * A response with the newest entries of a room. Only the latest one of each room is kept. `pages` contains the ids of the items
 * from which the response was copied. It does not contain the items, so that a response does not keep removed pages in memory.
 */
interface Response {
  readonly pages: readonly number[]
  readonly from: number
  readonly listed: Listed
  readonly before: string
  readonly after: string
  readonly bytes: Buffer
}

/** Maximum number of responses that are kept, each of at most `maxBytes` bytes. */
const MAX_RESPONSES = 128

/**
 * Creates the cache. The memory of the items is included in the size of the entries (`Entry.bytes`), and is freed with their
 * page. The responses need at most `MAX_RESPONSES` times `maxBytes` bytes.
 */
export const createPageItems = (cache: Pick<PageCache<Entry>, 'page' | 'version'>): FindCachedPart => {
  const known = new WeakMap<readonly Entry[], PageItems>()
  let created = 0
  // Keyed by room id. Most reads are for the newest messages of a room, and their response stays the same until another message
  // is published.
  const responses = new LruMap<Response>(MAX_RESPONSES)
  let version = cache.version

  /** Drops all responses after entries or names have changed, because a response may contain erased text. */
  const dropOutdated = (): void => {
    if (cache.version === version) return
    responses.clear()
    version = cache.version
  }

  /** Returns the items of all entries of a page. Creates the items again after entries were added to the page. */
  const itemsIn = (entries: readonly Entry[]): PageItems => {
    const cached = known.get(entries)
    if (cached?.starts.length === entries.length + 1) return cached
    const items = { ...itemsOf(entries), id: created++ }
    known.set(entries, items)
    return items
  }

  const keptResponse = (roomId: number, pieces: readonly Buffer[], given: Omit<Response, 'bytes'>): Buffer => {
    const kept = responses.get(roomId)
    if (kept && isSame(kept, given)) return kept.bytes
    const bytes = joinItems(given.before, pieces, given.after)
    responses.set(roomId, { ...given, bytes })
    return bytes
  }

  return ({ roomId, runs, listed, isNewest }, maxBytes) => {
    dropOutdated()
    // Selects all entries before the items of the first page are created. Otherwise, the items of a page would be created in vain
    // after each new entry, if the list has an entry that is not plain.
    const selection: Piece[] = []
    let left = maxBytes
    for (const { first, last } of runs) {
      for (let at = first; at <= last; ) {
        const page = cache.page(roomId, at)
        const found = page && select(page.entries, { from: at, to: last, isListed: isListedIn[listed] })
        if (!page || !found) return undefined
        for (const piece of found) left -= piece.bytes
        if (left < 0) return undefined
        selection.push(...found)
        at = page.last + 1
      }
    }
    if (selection.length === 0) return undefined
    const pages = new Set<number>()
    const pieces = selection.map(({ entries, start, end }) => {
      const { id, bytes, starts } = itemsIn(entries)
      pages.add(id)
      // Omits the comma after the last item of the piece.
      return bytes.subarray(starts[start], (starts[end] ?? 0) - 1)
    })
    const from = runs[0]?.first ?? 0
    return {
      json: (before, after) =>
        isNewest
          ? keptResponse(roomId, pieces, { pages: [...pages], from, listed, before, after })
          : joinItems(before, pieces, after)
    }
  }
}

/** Consecutive entries of a page: those from the index `start` to the index `end`, exclusive. `bytes` is about their size. */
interface Piece {
  readonly entries: readonly Entry[]
  readonly start: number
  readonly end: number
  readonly bytes: number
}

interface Selected {
  readonly from: number
  readonly to: number
  readonly isListed: (entry: Entry) => boolean
}

/** Selects the listed entries of a page from `from` to `to`. Returns `undefined` if one of them is not plain. */
const select = (entries: readonly Entry[], { from, to, isListed }: Selected): Piece[] | undefined => {
  const pieces: Piece[] = []
  let start = 0
  let bytes = 0
  const endPiece = (end: number): void => {
    if (end > start) pieces.push({ entries, start, end, bytes })
    start = end + 1
    bytes = 0
  }
  for (const [at, entry] of entries.entries()) {
    if (entry.seq < from || entry.seq > to || !isListed(entry)) endPiece(at)
    else if (!isPlain(entry)) return undefined
    else bytes += (entry.item ?? entry.frame).length
  }
  endPiece(entries.length)
  return pieces
}

const isSame = (kept: Response, { pages, from, listed, before, after }: Omit<Response, 'bytes'>): boolean =>
  kept.from === from &&
  kept.listed === listed &&
  kept.before === before &&
  kept.after === after &&
  kept.pages.length === pages.length &&
  kept.pages.every((id, at) => id === pages[at])

/**
 * Returns whether the item of an entry is the same for all readers and lists. Messages with reactions or a `reply` are not plain,
 * because parts of their items are read for each request (see completions.ts). Messages that cannot be shown are not plain,
 * because some lists omit them.
 */
const isPlain = ({ isMessage, unavailable, hasReactions, replyTo }: Entry): boolean =>
  !isMessage || !(unavailable || hasReactions || replyTo !== undefined)
