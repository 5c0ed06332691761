/**
 * Caches entries of the log in their public form, in pages of fixed position (1-64, 65-128, …). A page is read from the database once
 * for all concurrent readers, or filled with entries that are delivered here. The least recently read pages are dropped. Rows may be
 * missing, because an operator or the retention deleted them.
 */

/** Describes an entry in the cache; `bytes` is its size. */
export interface Placed {
  readonly seq: number
  /** Identifies the user whose name it contains. */
  readonly userId?: number
  readonly bytes: number
}

/** Reads all entries of the log with `from <= seq <= to`, ascending. */
export type ReadLog<Entry> = (roomId: number, from: number, to: number) => Promise<Entry[]>

export interface PageCacheOptions<Entry> {
  readonly read: ReadLog<Entry>
  /** Returns the first `seq` of the log with `from <= seq <= to`. Called only if a whole page was deleted. */
  readonly firstSeq: (roomId: number, from: number, to: number) => Promise<number | undefined>
  /** Returns whether every change that is older than a few seconds was reported. Otherwise the cache is not used. */
  readonly isCurrent?: (() => boolean) | undefined
  /** Limits the size of all pages together. */
  readonly maxBytes?: number
  readonly pageSize?: number
}

/** Caches the pages of all rooms. */
export interface PageCache<Entry> {
  /** Counts the cached bytes. */
  readonly bytes: number
  /** Adds an entry that was just committed here or read, if it continues its page; otherwise it is read later. */
  add(roomId: number, entry: Entry): void
  /**
   * Returns consecutive entries from `from` on, at most to the end of a page and to `head`: synchronously if they are cached, else
   * after reading them. The first one has a later `seq` than `from` if the log no longer has that entry. Returns none if the log has
   * nothing up to `head`.
   */
  from(roomId: number, from: number, head: number): Entry[] | Promise<Entry[]>
  /** Returns the same, and entries after missing ones too. */
  past(roomId: number, from: number, head: number): Entry[] | Promise<Entry[]>
  /** Changes whenever something that may have been read before must no longer be shown. */
  readonly version: number
  /** Drops the cached entries of a room between two of them, both inclusive, because they were changed or deleted. */
  invalidate(roomId: number, from: number, to: number): void
  /** Drops entries that contain the names of these users. */
  invalidateUsers(userIds: ReadonlySet<number>): void
  /** Drops everything. */
  clear(): void
  /** Drops a room's pages, or only those below `below`, and the results of reads in progress. */
  forget(roomId: number, below?: number): void
}

interface Page<Entry> {
  readonly roomId: number
  /** Holds all existing entries from `first` to `last`, ascending; `last` exists. */
  entries: Entry[]
  readonly first: number
  last: number
  bytes: number
}

/** Describes a read of the database in progress. */
interface Loading<Entry> {
  readonly roomId: number
  readonly first: number
  readonly last: number
  readonly entries: Promise<Entry[]>
  /** Is true if it may read what must no longer be shown. */
  isOutdated: boolean
  /** Lists users whose names changed after it began. */
  readonly renamed: Set<number>
}

const MAX_BYTES = 64 * 1024 * 1024
const PAGE_SIZE = 64

/** Creates the page cache. */
export const createPageCache = <Entry extends Placed>({
  read,
  firstSeq,
  isCurrent = () => true,
  maxBytes = MAX_BYTES,
  pageSize = PAGE_SIZE
}: PageCacheOptions<Entry>): PageCache<Entry> => {
  // A Map keeps its order of insertion: a page that is read moves to the end, and pages are dropped from the front.
  const pages = new Map<string, Page<Entry>>()
  /** Maps rooms to the keys of their pages, so that an erasure in a thousand rooms doesn't search all pages a thousand times. */
  const keysOf = new Map<number, Set<string>>()
  const loading = new Map<string, Loading<Entry>>()
  let bytes = 0
  let version = 0

  /** Discards the results of reads in progress that may contain what must no longer be shown. */
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

  /** Drops pages of a room. */
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

  /** Reads the page of an entry up to `head`, once for all concurrent readers. */
  const load = (roomId: number, seq: number, head: number): Promise<Entry[]> => {
    const key = keyOf(roomId, seq)
    const last = Math.min(lastOf(seq), head)
    const loadingKey = `${key}-${last}`
    const running = loading.get(loadingKey)
    if (running) return running.entries
    const first = lastOf(seq) - pageSize + 1
    const isOver = (): void => {
      if (loading.get(loadingKey) === one) loading.delete(loadingKey)
    }
    const entries = read(roomId, first, last).then(
      entries => {
        isOver()
        if (one.isOutdated || entries.some(isOf(one.renamed))) return load(roomId, seq, head)
        // A page ends with an entry: entries missing after it may still be committed.
        const end = entries.at(-1)?.seq ?? 0
        const added = pages.get(key)
        // Entries that were added meanwhile are newer than the ones that were read.
        const rest = added && added.first <= end + 1 ? added.entries.filter(({ seq }) => seq > end) : []
        if (end > 0) keep(roomId, [...entries, ...rest], first)
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

  const past: PageCache<Entry>['past'] = (roomId, from, head) => {
    const key = keyOf(roomId, from)
    const page = pages.get(key)
    if (!page || from < page.first || from > page.last || !isCurrent()) return loadFrom(roomId, from, head)
    pages.delete(key)
    pages.set(key, page)
    return between(page.entries, from, head)
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
