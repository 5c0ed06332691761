/**
 * The page cache: entries of the log as they go out, in pages of a fixed place (1-64, 65-128, …). A page is filled from the
 * database once, however many ask at once, or by what is delivered here; the least recently read pages make room for others.
 * Rows may be missing: an operator deleted them, or retention did.
 */

/** An entry as it is delivered; `bytes` is what it weighs. */
export interface Placed {
  readonly seq: number
  /** Whose name it carries. */
  readonly userId?: number
  readonly bytes: number
}

/** Reads entries from the log: those with `from <= seq <= to`, ascending, all that there are. */
export type ReadLog<Entry> = (roomId: number, from: number, to: number) => Promise<Entry[]>

export interface PageCacheOptions<Entry> {
  readonly read: ReadLog<Entry>
  /** Returns the first `seq` that the log has with `from <= seq <= to`. Asked only when a whole page was deleted. */
  readonly firstSeq: (roomId: number, from: number, to: number) => Promise<number | undefined>
  /** Returns whether every change that is older than a few seconds was reported; otherwise nothing that is kept is used. */
  readonly isCurrent?: (() => boolean) | undefined
  /** The most that all pages may weigh together. */
  readonly maxBytes?: number
  readonly pageSize?: number
}

/** The pages of all rooms. */
export interface PageCache<Entry> {
  /** The bytes that are kept. */
  readonly bytes: number
  /** Adds an entry that was just committed here or read: only where it continues its page, else it is left to be read. */
  add(roomId: number, entry: Entry): void
  /**
   * Returns entries from `from` on, each following the one before directly, at most to the end of a page and to `head`: at
   * once when they are kept, else when they are read. The first has a later `seq` than `from` when the log no longer has
   * what was asked for, and none is returned when it has nothing up to `head`.
   */
  from(roomId: number, from: number, head: number): Entry[] | Promise<Entry[]>
  /** Returns the same, and what comes after missing entries too. */
  past(roomId: number, from: number, head: number): Entry[] | Promise<Entry[]>
  /** Changes whenever something that may have been read before is no longer to be shown. */
  readonly version: number
  /** Drops what is kept of a room between two entries, both inclusive, because they were changed or deleted. */
  invalidate(roomId: number, from: number, to: number): void
  /** Drops what carries the names of these users. */
  invalidateUsers(userIds: ReadonlySet<number>): void
  /** Drops everything. */
  clear(): void
  /** Drops a room's pages, or only what is below `below`; what is being read now isn't kept either. */
  forget(roomId: number, below?: number): void
}

interface Page<Entry> {
  readonly roomId: number
  /** All that there are from `first` to `last`, which is one of them, ascending. */
  entries: Entry[]
  readonly first: number
  last: number
  bytes: number
}

/** A reading of the database that is under way. */
interface Loading<Entry> {
  readonly roomId: number
  readonly first: number
  readonly last: number
  readonly entries: Promise<Entry[]>
  /** Whether what it reads may be what is no longer to be shown. */
  isOutdated: boolean
  /** Users who got other names since it began. */
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
  // A Map keeps its order of insertion: what is read is moved to the end, what is dropped comes from the front.
  const pages = new Map<string, Page<Entry>>()
  /** The keys of each room's pages: an erasure in a thousand rooms must not look at all pages a thousand times. */
  const keysOf = new Map<number, Set<string>>()
  const loading = new Map<string, Loading<Entry>>()
  let bytes = 0
  let version = 0

  /** Keeps nothing of what is being read now, where that may be what is no longer to be shown. */
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

  /** Drops those pages of a room. */
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

  /** Reads the page of an entry as far as `head`, once for all who ask meanwhile. */
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
        // A page ends with an entry: what is missing after it may still be to come.
        const end = entries.at(-1)?.seq ?? 0
        const added = pages.get(key)
        // What was added meanwhile goes further than what was read.
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

/** The entries up to the first place where one is missing. */
const runOf = <Entry extends Placed>(entries: Entry[]): Entry[] => {
  const gap = entries.findIndex(({ seq }, at) => at > 0 && seq !== (entries[at - 1]?.seq ?? 0) + 1)
  return gap === -1 ? entries : entries.slice(0, gap)
}
