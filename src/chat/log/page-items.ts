/**
 * Caches the JSON of the messages of each page of the page cache, so that a part of a room's log is copied page by page and not
 * message by message.
 */
import type { Entry } from './codec.ts'
import { type Items, itemsOf, joinItems } from './items.ts'
import type { PageCache } from './page-cache.ts'

/** A part of a log that is cached as a whole. */
export interface CachedPart {
  /** Returns `before`, then the messages as comma-separated HTTP items, then `after`. See `restItems`. */
  json(before: string, after: string): Buffer
}

/**
 * Returns the messages from `from` to `to`. Returns `undefined` if the messages are longer than `maxBytes`, or if not all of them
 * are cached. Also returns `undefined` if one of the pages has a gap, or an entry that is not a message or cannot be shown.
 */
export type FindCachedPart = (roomId: number, from: number, to: number, maxBytes: number) => CachedPart | undefined

/** The last response that ended with the last message of a page, and the pages that it was copied from. */
interface Response {
  readonly pages: readonly Items[]
  readonly from: number
  readonly before: string
  readonly after: string
  readonly bytes: Buffer
}

/** Creates the cache. Its memory is included in the size of the entries (`Entry.bytes`), and is freed with their page. */
export const createPageItems = (cache: Pick<PageCache<Entry>, 'page'>): FindCachedPart => {
  const known = new WeakMap<readonly Entry[], Items>()
  // Keyed by the last page of the response. Most reads are for the newest messages of a room, and their response stays the same
  // until another message is published.
  const responses = new WeakMap<Items, Response>()

  /** Returns the items of a page, or `undefined` if `isPlain` returns false. Recreates the items after entries were added. */
  const itemsIn = (entries: readonly Entry[]): Items | undefined => {
    const cached = known.get(entries)
    if (cached?.starts.length === entries.length + 1) return cached
    if (!isPlain(entries)) return undefined
    const items = itemsOf(entries)
    known.set(entries, items)
    return items
  }

  const keptResponse = (last: Items, pieces: readonly Buffer[], given: Omit<Response, 'bytes'>): Buffer => {
    const kept = responses.get(last)
    if (kept && isSame(kept, given)) return kept.bytes
    const bytes = joinItems(given.before, pieces, given.after)
    responses.set(last, { ...given, bytes })
    return bytes
  }

  return (roomId, from, to, maxBytes) => {
    const pages: Items[] = []
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
      pages.push(items)
      pieces.push(piece)
      isToEnd = end === entries.length
      at = first + end
    }
    const last = isToEnd ? pages.at(-1) : undefined
    return {
      json: (before, after) =>
        last ? keptResponse(last, pieces, { pages, from, before, after }) : joinItems(before, pieces, after)
    }
  }
}

const isSame = (kept: Response, { pages, from, before, after }: Omit<Response, 'bytes'>): boolean =>
  kept.from === from &&
  kept.before === before &&
  kept.after === after &&
  kept.pages.length === pages.length &&
  kept.pages.every((items, at) => items === pages[at])

/** Returns whether all entries are messages that can be shown, without a gap between them. */
const isPlain = (entries: readonly Entry[]): boolean => {
  const first = entries[0]?.seq ?? 0
  return entries.every(({ isMessage, unavailable, seq }, at) => isMessage && !unavailable && seq === first + at)
}
