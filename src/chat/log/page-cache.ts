/**
 * Caches entries of logs in their public form, in pages of fixed positions. A page is read from the database once for all
 * concurrent readers (page-loads.ts), or is filled with entries as this process delivers them. When the cache is full, the
 * least recently read pages are removed (page-store.ts). A page may have gaps, because entries may have been deleted.
 */
import { createPageLoads, isOf, type LoadingPart, type ReadLog } from './page-loads.ts'
import { type CachedPage, createPageStore, type PageStoreOptions, type Placed } from './page-store.ts'

export interface PageCacheOptions<Entry> extends Partial<PageStoreOptions> {
  readonly read: ReadLog<Entry>
  /**
   * Returns the lowest `seq` in a log with `from <= seq <= to`, or `undefined` if there is none. Called only if the page of the
   * requested position has no entry at or after this position.
   */
  readonly firstSeq: (roomId: number, from: number, to: number) => Promise<number | undefined>
  /**
   * Returns whether every change that is older than a few seconds has been applied. While it returns false, entries are read
   * from the database and not from the cache.
   */
  readonly isCurrent?: (() => boolean) | undefined
}

export interface PageCache<Entry> {
  /** The size of all pages together, in bytes. */
  readonly bytes: number
  /**
   * Adds an entry that was just committed or read. If the page of the entry is cached, adds the entry only if it directly
   * follows the last entry of that page.
   */
  add(roomId: number, entry: Entry): void
  /**
   * Returns consecutive entries of one page, from `from` on and at most to `head`. If the entry `from` was deleted, starts with
   * the next existing entry. Returns no entries if none exists up to `head`. Synchronous if the entries are cached.
   */
  from(roomId: number, from: number, head: number): Entry[] | Promise<Entry[]>
  /**
   * Returns the cached part of the page that contains the position `seq`, if that position is in this part. Until the page is
   * removed, every call returns the same array of entries, to which new entries are added at the end.
   */
  page(roomId: number, seq: number): CachedPage<Entry> | undefined
  /** Like `from`, but does not stop at a gap, so the entries need not be consecutive. */
  past(roomId: number, from: number, head: number): Entry[] | Promise<Entry[]>
  /**
   * A number that changes when a stored entry or a name changes, unless the change is reported with `changed` or `loaded`. If
   * the version has changed since an entry was copied, the copy may be stale and must not be shown.
   */
  readonly version: number
  /**
   * Removes the pages that contain entries from `from` to `to`, both inclusive, because these entries were changed or deleted.
   * Discards the results of reads in progress for these entries.
   */
  invalidate(roomId: number, from: number, to: number): void
  /**
   * Removes the page that contains the message `seq`, because a later entry changed the message. Readers that already wait for
   * the page may receive the message in its earlier state, unless the later entry erased it. Does not change the version,
   * because a room adds its entries in order, and so adds no stale copy of the message after the later entry.
   */
  changed(roomId: number, seq: number, isErased?: boolean): void
  /**
   * Removes all pages of a room that was just loaded. While the room was not loaded, other processes may have appended entries,
   * whose effects the pages lack. Does not change the version.
   */
  loaded(roomId: number): void
  /** Removes the pages that contain entries with the names of these users. Repeats reads in progress that return such entries. */
  invalidateUsers(userIds: ReadonlySet<number>): void
  /**
   * Removes the pages of a room that contain entries of a user up to `upTo`, because these entries were erased. Discards the
   * results of reads in progress for positions of the room up to `upTo`.
   */
  eraseUser(roomId: number, userId: number, upTo: number): void
  /** Removes all pages, and discards the results of reads in progress. */
  clear(): void
  /**
   * Removes the pages of a room that start below `below`, or all pages of the room by default. Discards the results of reads in
   * progress for these pages.
   */
  forget(roomId: number, below?: number): void
}

const MAX_BYTES = 64 * 1024 * 1024
const PAGE_SIZE = 64

export const createPageCache = <Entry extends Placed>({
  read,
  firstSeq,
  isCurrent = () => true,
  maxBytes = MAX_BYTES,
  pageSize = PAGE_SIZE
}: PageCacheOptions<Entry>): PageCache<Entry> => {
  const pages = createPageStore<Entry>({ maxBytes, pageSize })
  const loads = createPageLoads({ read, isCurrent, pages })
  let version = 0

  /** Changes the version, and discards the results of the reads in progress for which `isConcerned` returns true. */
  const outdate = (isConcerned: (part: LoadingPart) => boolean): void => {
    version++
    loads.outdate(isConcerned)
  }

  const loadFrom = async (roomId: number, from: number, head: number): Promise<Entry[]> => {
    const found = between(await loads.load(roomId, from, head), from, head)
    if (found.length > 0 || head <= pages.lastOf(from)) return found
    const next = await firstSeq(roomId, pages.lastOf(from) + 1, head)
    return next === undefined ? [] : past(roomId, next, head)
  }

  const page: PageCache<Entry>['page'] = (roomId, seq) => {
    const page = pages.get(roomId, seq)
    if (!page || seq < page.first || seq > page.last || !isCurrent()) return undefined
    pages.touch(page)
    return page
  }

  const past: PageCache<Entry>['past'] = (roomId, from, head) => {
    const cached = page(roomId, from)
    return cached ? between(cached.entries, from, head) : loadFrom(roomId, from, head)
  }

  return {
    get bytes() {
      return pages.bytes
    },
    add(roomId, entry) {
      const page = pages.get(roomId, entry.seq)
      if (!page) pages.add(roomId, [entry], entry.seq)
      else if (page.last === entry.seq - 1) pages.append(page, entry)
    },
    from(roomId, from, head) {
      const found = past(roomId, from, head)
      return Array.isArray(found) ? runOf(found) : found.then(runOf)
    },
    past,
    page,
    get version() {
      return version
    },
    invalidate(roomId, from, to) {
      outdate(one => one.roomId === roomId && one.first <= to && one.last >= from)
      pages.removeOf(roomId, ({ first, last }) => first <= to && last >= from)
    },
    changed(roomId, seq, isErased = false) {
      const isConcerned = (one: LoadingPart) => one.roomId === roomId && one.first <= seq && one.last >= seq
      if (isErased) loads.outdate(isConcerned)
      else loads.detach(isConcerned)
      pages.removeOf(roomId, ({ first, last }) => first <= seq && last >= seq)
    },
    loaded(roomId) {
      loads.detach(one => one.roomId === roomId)
      pages.removeOf(roomId, () => true)
    },
    invalidateUsers(userIds) {
      version++
      loads.renamed(userIds)
      pages.remove(({ entries }) => entries.some(isOf(userIds)))
    },
    eraseUser(roomId, userId, upTo) {
      const isOfUser = isOf(new Set([userId]))
      outdate(one => one.roomId === roomId && one.first <= upTo)
      pages.removeOf(roomId, ({ first, entries }) => first <= upTo && entries.some(isOfUser))
    },
    clear() {
      outdate(() => true)
      pages.clear()
    },
    forget(roomId, below = Number.POSITIVE_INFINITY) {
      outdate(one => one.roomId === roomId && one.first < below)
      pages.removeOf(roomId, ({ first }) => first < below)
    }
  }
}

const between = <Entry extends Placed>(entries: readonly Entry[], from: number, to: number): Entry[] =>
  entries.filter(({ seq }) => seq >= from && seq <= to)

/** Returns the entries before the first gap. */
const runOf = <Entry extends Placed>(entries: Entry[]): Entry[] => {
  const gap = entries.findIndex(({ seq }, at) => at > 0 && seq !== (entries[at - 1]?.seq ?? 0) + 1)
  return gap === -1 ? entries : entries.slice(0, gap)
}
