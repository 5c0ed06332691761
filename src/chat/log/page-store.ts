/**
 * Keeps the pages of the page cache in memory. A page contains the entries of fixed positions of one log (1-64, 65-128, …).
 * When the pages exceed their maximum size, the least recently read pages are removed.
 */

/** An entry in the cache. */
export interface Placed {
  readonly seq: number
  /** The id of the user whose name the entry contains. */
  readonly userId?: number
  /** The size of the entry in memory, in bytes. */
  readonly bytes: number
}

/** The part of a page that is cached. */
export interface CachedPage<Entry> {
  /** All existing entries from `first` to `last`, in ascending order. The entry `last` exists. */
  readonly entries: readonly Entry[]
  readonly first: number
  readonly last: number
}

export interface Page<Entry> extends CachedPage<Entry> {
  readonly key: string
  readonly roomId: number
  readonly entries: Entry[]
  last: number
  bytes: number
}

export interface PageStoreOptions {
  /** Maximum size of all pages together, in bytes. */
  readonly maxBytes: number
  /** The number of positions in a page. */
  readonly pageSize: number
}

export interface PageStore<Entry> {
  /** The size of all pages together, in bytes. */
  readonly bytes: number
  /** Returns the first position of the page that contains the position `seq`. */
  firstOf(seq: number): number
  /** Returns the last position of the page that contains the position `seq`. */
  lastOf(seq: number): number
  /** Returns the page that contains the position `seq`, even if the page has no entry at this position. */
  get(roomId: number, seq: number): Page<Entry> | undefined
  /** Marks a page as the most recently read one. */
  touch(page: Page<Entry>): void
  /**
   * Adds a page. `entries` has all existing entries of the page from the position `first` on. Replaces a page of the same
   * positions.
   */
  add(roomId: number, entries: Entry[], first: number): void
  /** Adds an entry at the end of a page. */
  append(page: Page<Entry>, entry: Entry): void
  /** Removes all pages for which `isConcerned` returns true. */
  remove(isConcerned: (page: Page<Entry>) => boolean): void
  /** Removes the pages of a room for which `isConcerned` returns true. */
  removeOf(roomId: number, isConcerned: (page: Page<Entry>) => boolean): void
  /** Removes all pages. */
  clear(): void
}

export const createPageStore = <Entry extends Placed>({ maxBytes, pageSize }: PageStoreOptions): PageStore<Entry> => {
  // A Map keeps its order of insertion. When a page is read, it is moved to the end. Pages are removed from the front, so the
  // least recently read page is removed first.
  const pages = new Map<string, Page<Entry>>()
  /**
   * The pages, keyed by room id. Without this index, an erasure in a thousand rooms would search all pages a thousand times.
   */
  const pagesOf = new Map<number, Set<Page<Entry>>>()
  let bytes = 0

  const numberOf = (seq: number): number => Math.floor((seq - 1) / pageSize)
  const keyOf = (roomId: number, seq: number): string => `${roomId}/${numberOf(seq)}`

  const drop = (page: Page<Entry>): void => {
    bytes -= page.bytes
    pages.delete(page.key)
    const ofRoom = pagesOf.get(page.roomId)
    ofRoom?.delete(page)
    if (ofRoom?.size === 0) pagesOf.delete(page.roomId)
  }

  const trim = (): void => {
    for (const oldest of pages.values()) {
      if (bytes <= maxBytes) break
      drop(oldest)
    }
  }

  return {
    get bytes() {
      return bytes
    },
    firstOf: seq => numberOf(seq) * pageSize + 1,
    lastOf: seq => (numberOf(seq) + 1) * pageSize,
    get: (roomId, seq) => pages.get(keyOf(roomId, seq)),
    touch(page) {
      pages.delete(page.key)
      pages.set(page.key, page)
    },
    add(roomId, entries, first) {
      const key = keyOf(roomId, first)
      const replaced = pages.get(key)
      if (replaced) drop(replaced)
      const last = entries.at(-1)?.seq ?? 0
      const page = { key, roomId, entries, first, last, bytes: entries.reduce((sum, entry) => sum + entry.bytes, 0) }
      pages.set(key, page)
      pagesOf.set(roomId, (pagesOf.get(roomId) ?? new Set()).add(page))
      bytes += page.bytes
      trim()
    },
    append(page, entry) {
      page.entries.push(entry)
      page.last = entry.seq
      page.bytes += entry.bytes
      bytes += entry.bytes
      trim()
    },
    remove(isConcerned) {
      for (const page of pages.values()) if (isConcerned(page)) drop(page)
    },
    removeOf(roomId, isConcerned) {
      for (const page of pagesOf.get(roomId) ?? []) if (isConcerned(page)) drop(page)
    },
    clear() {
      pages.clear()
      pagesOf.clear()
      bytes = 0
    }
  }
}
