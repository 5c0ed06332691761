/**
 * Caches entries of logs in their public form, in pages of fixed positions (1-64, 65-128, …). A page is read from the database
 * once for all concurrent readers, or is filled with entries as this process delivers them. When the cache is full, the least
 * recently read pages are removed. A page may have gaps, because entries may have been deleted.
 */

/** An entry in the cache. */
export interface Placed {
  readonly seq: number
  /** The id of the user whose name the entry contains. */
  readonly userId?: number
  /** The size of the entry in memory, in bytes. */
  readonly bytes: number
}

/** Reads all entries of a log with `from <= seq <= to`, in ascending order. */
export type ReadLog<Entry> = (roomId: number, from: number, to: number) => Promise<Entry[]>

export interface PageCacheOptions<Entry> {
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
  /** Maximum size of all pages together, in bytes. */
  readonly maxBytes?: number
  /** The number of positions in a page. */
  readonly pageSize?: number
}

export interface PageCache<Entry> {
  /** The size of all pages together, in bytes. */
  readonly bytes: number
  /**
   * Adds an entry that was just committed or read. If the page of the entry is cached, ignores the entry unless it directly
   * follows the last entry of that page.
   */
  add(roomId: number, entry: Entry): void
  /**
   * Returns consecutive entries of one page, from `from` on and at most to `head`. If the entry `from` was deleted, starts with
   * the next existing entry. Returns no entries if none exists up to `head`. Synchronous if the entries are cached.
   */
  from(roomId: number, from: number, head: number): Entry[] | Promise<Entry[]>
  /**
   * Returns all cached entries of the page that contains the entry `seq`, if that entry is cached or was deleted. Until the
   * page is removed, every call returns the same array, to which new entries are added at the end.
   */
  page(roomId: number, seq: number): readonly Entry[] | undefined
  /** Like `from`, but does not stop at a gap, so the entries need not be consecutive. */
  past(roomId: number, from: number, head: number): Entry[] | Promise<Entry[]>
  /**
   * Changes whenever a stored entry or a name changes. A copy of an entry that was made at another version may be stale, so it
   * must not be shown.
   */
  readonly version: number
  /**
   * Removes the pages that contain entries from `from` to `to`, both inclusive, because these entries were changed or deleted.
   */
  invalidate(roomId: number, from: number, to: number): void
  /** Removes the pages that contain entries with the names of these users. */
  invalidateUsers(userIds: ReadonlySet<number>): void
  /**
   * Removes the pages of a room that contain entries of a user up to `upTo`, because these entries were erased. Discards the
   * results of reads of the room up to `upTo` that are in progress.
   */
  eraseUser(roomId: number, userId: number, upTo: number): void
  /** Removes all pages, and discards the results of reads in progress. */
  clear(): void
  /**
   * Removes the pages of a room that start below `below`, or all pages of the room by default. Discards the results of reads of
   * these pages that are in progress.
   */
  forget(roomId: number, below?: number): void
}

interface Page<Entry> {
  readonly roomId: number
  /** All existing entries from `first` to `last`, in ascending order. The entry `last` exists. */
  entries: Entry[]
  readonly first: number
  last: number
  bytes: number
}

/** An ongoing read from the database. */
interface Loading<Entry> {
  readonly roomId: number
  readonly first: number
  readonly last: number
  readonly entries: Promise<Entry[]>
  /** True if entries changed after the read began. The result of the read is then discarded, and the page is read again. */
  isOutdated: boolean
  /**
   * The ids of users whose names changed after the read began. If the result contains an entry of one of these users, the page
   * is read again.
   */
  readonly renamed: Set<number>
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
  // A Map keeps its order of insertion. When a page is read, it is moved to the end. Pages are removed from the front, so the
  // least recently read page is removed first.
  const pages = new Map<string, Page<Entry>>()
  /**
   * The keys of the cached pages, keyed by room id. Without this index, an erasure in a thousand rooms would search all pages a
   * thousand times.
   */
  const keysOf = new Map<number, Set<string>>()
  const loading = new Map<string, Loading<Entry>>()
  let bytes = 0
  let version = 0

  /**
   * Changes the version. Marks the reads in progress for which `isConcerned` returns true as outdated, so that their results
   * are discarded.
   */
  const outdate = (isConcerned: (one: Loading<Entry>) => boolean): void => {
    version++
    for (const [key, one] of loading) {
      if (!isConcerned(one)) continue
      one.isOutdated = true
      loading.delete(key)
    }
  }

  const numberOf = (seq: number): number => Math.floor((seq - 1) / pageSize)
  const lastOf = (seq: number): number => (numberOf(seq) + 1) * pageSize
  const keyOf = (roomId: number, seq: number): string => `${roomId}/${numberOf(seq)}`

  const drop = (key: string): void => {
    const page = pages.get(key)
    if (!page) return
    bytes -= page.bytes
    pages.delete(key)
    const keys = keysOf.get(page.roomId)
    keys?.delete(key)
    if (keys?.size === 0) keysOf.delete(page.roomId)
  }

  /** Removes the pages of a room for which `isConcerned` returns true. */
  const dropOf = (roomId: number, isConcerned: (page: Page<Entry>) => boolean): void => {
    for (const key of keysOf.get(roomId) ?? []) {
      const page = pages.get(key)
      if (page && isConcerned(page)) drop(key)
    }
  }

  const trim = (): void => {
    for (const oldest of pages.keys()) {
      if (bytes <= maxBytes) break
      drop(oldest)
    }
  }

  const keep = (roomId: number, entries: Entry[], first: number): void => {
    const key = keyOf(roomId, first)
    drop(key)
    const last = entries.at(-1)?.seq ?? 0
    const page = { roomId, entries, first, last, bytes: entries.reduce((sum, entry) => sum + entry.bytes, 0) }
    pages.set(key, page)
    keysOf.set(roomId, (keysOf.get(roomId) ?? new Set()).add(key))
    bytes += page.bytes
    trim()
  }

  /**
   * Returns the first position to read for the entry `seq`: the one after the cached entries of its page, or the first of the
   * page.
   */
  const firstToRead = (roomId: number, seq: number): number => {
    const page = pages.get(keyOf(roomId, seq))
    return page && page.last < seq && isCurrent() ? page.last + 1 : lastOf(seq) - pageSize + 1
  }

  /** Reads the rest of the page that contains `seq`, up to `head`, once for all concurrent readers. */
  const load = (roomId: number, seq: number, head: number): Promise<Entry[]> => {
    const key = keyOf(roomId, seq)
    const first = firstToRead(roomId, seq)
    const last = Math.min(lastOf(seq), head)
    const loadingKey = `${key}-${first}-${last}`
    const running = loading.get(loadingKey)
    if (running) return running.entries
    const isOver = (): void => {
      if (loading.get(loadingKey) === one) loading.delete(loadingKey)
    }
    const entries = read(roomId, first, last).then(
      entries => {
        isOver()
        // Other readers may share this read, so it is repeated from its own start and not from `seq`.
        if (one.isOutdated || entries.some(isOf(one.renamed))) return load(roomId, first, head)
        // The page ends with the last entry that was read, because the entries after it may not be committed yet.
        const end = entries.at(-1)?.seq ?? 0
        const cached = pages.get(key)
        // Cached entries that directly precede or follow the entries that were read are kept. `add` has added the following ones
        // during the read.
        const before = cached && cached.last >= first - 1 ? cached.entries.filter(({ seq }) => seq < first) : []
        const after = cached && cached.first <= end + 1 ? cached.entries.filter(({ seq }) => seq > end) : []
        const start = cached && before.length > 0 ? cached.first : first
        if (end > 0) keep(roomId, [...before, ...entries, ...after], start)
        return entries
      },
      error => {
        isOver()
        throw error
      }
    )
    const one: Loading<Entry> = { roomId, first, last, entries, isOutdated: false, renamed: new Set() }
    loading.set(loadingKey, one)
    return entries
  }

  const loadFrom = async (roomId: number, from: number, head: number): Promise<Entry[]> => {
    const found = between(await load(roomId, from, head), from, head)
    if (found.length > 0 || head <= lastOf(from)) return found
    const next = await firstSeq(roomId, lastOf(from) + 1, head)
    return next === undefined ? [] : past(roomId, next, head)
  }

  const page: PageCache<Entry>['page'] = (roomId, seq) => {
    const key = keyOf(roomId, seq)
    const page = pages.get(key)
    if (!page || seq < page.first || seq > page.last || !isCurrent()) return undefined
    pages.delete(key)
    pages.set(key, page)
    return page.entries
  }

  const past: PageCache<Entry>['past'] = (roomId, from, head) => {
    const entries = page(roomId, from)
    return entries ? between(entries, from, head) : loadFrom(roomId, from, head)
  }

  return {
    get bytes() {
      return bytes
    },
    add(roomId, entry) {
      const key = keyOf(roomId, entry.seq)
      const page = pages.get(key)
      if (!page) return keep(roomId, [entry], entry.seq)
      if (page.last !== entry.seq - 1) return
      page.entries.push(entry)
      page.last = entry.seq
      page.bytes += entry.bytes
      bytes += entry.bytes
      trim()
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
      dropOf(roomId, ({ first, last }) => first <= to && last >= from)
    },
    invalidateUsers(userIds) {
      outdate(() => false)
      for (const { renamed } of loading.values()) for (const userId of userIds) renamed.add(userId)
      for (const [key, { entries }] of pages) if (entries.some(isOf(userIds))) drop(key)
    },
    eraseUser(roomId, userId, upTo) {
      const isOfUser = isOf(new Set([userId]))
      outdate(one => one.roomId === roomId && one.first <= upTo)
      dropOf(roomId, ({ first, entries }) => first <= upTo && entries.some(isOfUser))
    },
    clear() {
      outdate(() => true)
      pages.clear()
      keysOf.clear()
      bytes = 0
    },
    forget(roomId, below = Number.POSITIVE_INFINITY) {
      outdate(one => one.roomId === roomId && one.first < below)
      dropOf(roomId, ({ first }) => first < below)
    }
  }
}

const isOf =
  (userIds: ReadonlySet<number>) =>
  ({ userId }: Placed): boolean =>
    userId !== undefined && userIds.has(userId)

const between = <Entry extends Placed>(entries: readonly Entry[], from: number, to: number): Entry[] =>
  entries.filter(({ seq }) => seq >= from && seq <= to)

/** Returns the entries before the first gap. */
const runOf = <Entry extends Placed>(entries: Entry[]): Entry[] => {
  const gap = entries.findIndex(({ seq }, at) => at > 0 && seq !== (entries[at - 1]?.seq ?? 0) + 1)
  return gap === -1 ? entries : entries.slice(0, gap)
}
