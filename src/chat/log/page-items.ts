/**
 * Caches the JSON of the messages of each page in the page cache. A part of a room's log is then copied from a page as a whole, and
 * not message by message.
 */
import type { Entry } from './codec.ts'
import { type Items, itemsOf } from './items.ts'
import type { PageCache } from './page-cache.ts'

/**
 * Returns the messages from `from` to `to` as HTTP items: one piece per page, without commas between the pieces. Returns `undefined`
 * if they are longer than `maxBytes` or not all cached, or if their pages contain an entry that is no message or cannot be shown, or
 * a gap.
 */
export type CachedItems = (roomId: number, from: number, to: number, maxBytes: number) => Buffer[] | undefined

/** Creates the cache. Its memory is included in the size of the entries (`Entry.bytes`), and is freed with their page. */
export const createPageItems = (pages: Pick<PageCache<Entry>, 'page'>): CachedItems => {
  const known = new WeakMap<readonly Entry[], Items>()

  /** Returns the items of a page. They are recreated when entries were added to the page. */
  const itemsIn = (entries: readonly Entry[]): Items | undefined => {
    const cached = known.get(entries)
    if (cached?.starts.length === entries.length + 1) return cached
    if (!isPlain(entries)) return undefined
    const items = itemsOf(entries)
    known.set(entries, items)
    return items
  }

  return (roomId, from, to, maxBytes) => {
    const pieces: Buffer[] = []
    let left = maxBytes
    for (let at = from; at <= to; ) {
      const entries = pages.page(roomId, at) ?? []
      const first = entries[0]?.seq ?? at + 1
      const items = first <= at ? itemsIn(entries) : undefined
      if (!items) return undefined
      const end = Math.min(to + 1 - first, entries.length)
      const piece = items.bytes.subarray(items.starts[at - first], (items.starts[end] ?? 0) - 1)
      left -= piece.length
      if (left < 0) return undefined
      pieces.push(piece)
      at = first + end
    }
    return pieces
  }
}

/** Returns whether all entries are messages that can be shown, without a gap between them. */
const isPlain = (entries: readonly Entry[]): boolean => {
  const first = entries[0]?.seq ?? 0
  return entries.every(({ isMessage, unavailable, seq }, at) => isMessage && !unavailable && seq === first + at)
}
