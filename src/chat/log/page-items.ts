/**
 * Caches the JSON of the messages of each page of the page cache. A part of a room's log can then be copied page by page
 * instead of message by message.
 */
import { LruMap } from 'toad-cache'
import type { Entry } from './entry.ts'
import { type Items, itemsOf, joinItems } from './items.ts'
import type { PageCache } from './page-cache.ts'

/** A part of a log that is cached as a whole. */
export interface CachedPart {
  /** Returns `before`, then the messages as comma-separated HTTP items, then `after`. See `restItems`. */
  json(before: string, after: string): Buffer
}

/**
 * Returns the messages from `from` to `to`. Returns `undefined` if the messages are longer than `maxBytes`, or if not all of
 * them are cached. Also returns `undefined` if the entries of one of the pages are not plain (see `isPlain`).
 */
export type FindCachedPart = (roomId: number, from: number, to: number, maxBytes: number) => CachedPart | undefined

/** The items of a page. Items that are created again have another `id`. */
interface PageItems extends Items {
  readonly id: number
}

/**
 * A response that ends with the last message of a page. Only the latest one of each room is kept. `pages` contains the ids of
 * the items from which the response was copied. It does not contain the items, so that a response does not keep removed pages
 * in memory.
 */
interface Response {
  readonly pages: readonly number[]
  readonly from: number
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

  /** Returns the items of a page, or `undefined` if `isPlain` returns false. Recreates the items after entries were added. */
  const itemsIn = (entries: readonly Entry[]): PageItems | undefined => {
    const cached = known.get(entries)
    if (cached?.starts.length === entries.length + 1) return cached
    if (!isPlain(entries)) return undefined
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

  return (roomId, from, to, maxBytes) => {
    dropOutdated()
    const pages: number[] = []
    const pieces: Buffer[] = []
    let left = maxBytes
    let isToEnd = false
    for (let at = from; at <= to; ) {
      const entries = cache.page(roomId, at) ?? []
      const first = entries[0]?.seq ?? at + 1
      const items = first <= at ? itemsIn(entries) : undefined
      if (!items) return undefined
      const end = Math.min(to + 1 - first, entries.length)
      const piece = items.bytes.subarray(items.starts[at - first], (items.starts[end] ?? 0) - 1)
      left -= piece.length
      if (left < 0) return undefined
      pages.push(items.id)
      pieces.push(piece)
      isToEnd = end === entries.length
      at = first + end
    }
    return {
      json: (before, after) =>
        isToEnd ? keptResponse(roomId, pieces, { pages, from, before, after }) : joinItems(before, pieces, after)
    }
  }
}

const isSame = (kept: Response, { pages, from, before, after }: Omit<Response, 'bytes'>): boolean =>
  kept.from === from &&
  kept.before === before &&
  kept.after === after &&
  kept.pages.length === pages.length &&
  kept.pages.every((id, at) => id === pages[at])

/**
 * Returns whether all entries are messages that can be shown, and no `seq` is missing between them. Messages with reactions or
 * a `reply` are not plain, because parts of their items are read for each request (see completions.ts).
 */
const isPlain = (entries: readonly Entry[]): boolean => {
  const first = entries[0]?.seq ?? 0
  return entries.every(
    ({ isMessage, unavailable, hasReactions, replyTo, seq }, at) =>
      isMessage && !unavailable && !hasReactions && replyTo === undefined && seq === first + at
  )
}
