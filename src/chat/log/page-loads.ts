/**
 * Reads the missing part of a page from the database into the page store, once for all concurrent readers. Repeats a read if
 * stored entries or names changed after it began.
 */
import type { PageStore, Placed } from './page-store.ts'

/** Reads all entries of a log with `from <= seq <= to`, in ascending order. */
export type ReadLog<Entry> = (roomId: number, from: number, to: number) => Promise<Entry[]>

export interface PageLoadsOptions<Entry> {
  readonly read: ReadLog<Entry>
  /** See `PageCacheOptions.isCurrent`. While it returns false, whole pages are read. */
  readonly isCurrent: () => boolean
  readonly pages: PageStore<Entry>
}

/** The part of a log that is being read. */
export interface LoadingPart {
  readonly roomId: number
  readonly first: number
  readonly last: number
}

export interface PageLoads<Entry> {
  /** Reads the uncached part of the page that contains `seq`, up to `head`. */
  load(roomId: number, seq: number, head: number): Promise<Entry[]>
  /** Discards the results of the reads in progress for which `isConcerned` returns true, and repeats these reads. */
  outdate(isConcerned: (part: LoadingPart) => boolean): void
  /**
   * Called when entries in the parts for which `isConcerned` returns true have a newer state in the log. The reads in progress
   * for these parts are not repeated, because in a busy room they might never end. Their results are returned to the readers
   * that already wait, and are not cached. Later readers start new reads.
   */
  detach(isConcerned: (part: LoadingPart) => boolean): void
  /** Called when the names of these users have changed. Repeats the reads in progress that return entries of these users. */
  renamed(userIds: ReadonlySet<number>): void
}

/** An ongoing read from the database. */
interface Loading<Entry> extends LoadingPart {
  readonly entries: Promise<Entry[]>
  /** True if entries changed after the read began. The result of the read is then discarded, and the page is read again. */
  isOutdated: boolean
  /** True if the result may lack the effects of later entries. Such a result is not cached. */
  isDetached: boolean
  /**
   * The ids of users whose names changed after the read began. If the result contains an entry of one of these users, the page
   * is read again.
   */
  readonly renamed: Set<number>
}

export const createPageLoads = <Entry extends Placed>({
  read,
  isCurrent,
  pages
}: PageLoadsOptions<Entry>): PageLoads<Entry> => {
  /** All reads in progress. */
  const running = new Set<Loading<Entry>>()
  /** The reads in progress that further readers may share. */
  const shared = new Map<string, Loading<Entry>>()

  /**
   * Returns the first position to read for the entry `seq`: the position after the cached entries of its page, or else the
   * first position of the page.
   */
  const firstToRead = (roomId: number, seq: number): number => {
    const page = pages.get(roomId, seq)
    return page && page.last < seq && isCurrent() ? page.last + 1 : pages.firstOf(seq)
  }

  /** Adds entries to their page. `entries` has all entries that a read from the position `first` returned. */
  const keep = (roomId: number, first: number, entries: Entry[]): void => {
    // The page ends with the last entry that was read, because the entries after it may not be committed yet.
    const end = entries.at(-1)?.seq ?? 0
    const cached = pages.get(roomId, first)
    // Keeps the cached entries that directly precede or directly follow `entries`. Entries that follow may have been added by
    // `PageCache.add` during the read.
    const before = cached && cached.last >= first - 1 ? cached.entries.filter(({ seq }) => seq < first) : []
    const after = cached && cached.first <= end + 1 ? cached.entries.filter(({ seq }) => seq > end) : []
    const start = cached && before.length > 0 ? cached.first : first
    if (end > 0) pages.add(roomId, [...before, ...entries, ...after], start)
  }

  const load = (roomId: number, seq: number, head: number): Promise<Entry[]> => {
    const first = firstToRead(roomId, seq)
    const last = Math.min(pages.lastOf(seq), head)
    const key = `${roomId}/${first}-${last}`
    const sharable = shared.get(key)
    if (sharable) return sharable.entries
    const isOver = (): void => {
      running.delete(one)
      if (shared.get(key) === one) shared.delete(key)
    }
    const entries = read(roomId, first, last).then(
      entries => {
        isOver()
        // Other readers may share this read, so it is repeated from its own start and not from `seq`.
        if (one.isOutdated || entries.some(isOf(one.renamed))) return load(roomId, first, head)
        if (!one.isDetached) keep(roomId, first, entries)
        return entries
      },
      error => {
        isOver()
        throw error
      }
    )
    const one: Loading<Entry> = {
      roomId,
      first,
      last,
      entries,
      isOutdated: false,
      isDetached: false,
      renamed: new Set()
    }
    running.add(one)
    shared.set(key, one)
    return entries
  }

  /** Lets later readers start new reads. Returns the reads in progress for which `isConcerned` returns true. */
  const unshare = (isConcerned: (part: LoadingPart) => boolean): Loading<Entry>[] => {
    for (const [key, one] of shared) if (isConcerned(one)) shared.delete(key)
    return [...running].filter(isConcerned)
  }

  return {
    load,
    outdate(isConcerned) {
      for (const one of unshare(isConcerned)) one.isOutdated = true
    },
    detach(isConcerned) {
      for (const one of unshare(isConcerned)) one.isDetached = true
    },
    renamed(userIds) {
      for (const { renamed } of running) for (const userId of userIds) renamed.add(userId)
    }
  }
}

/** Returns a function that returns whether an entry contains the name of one of these users. */
export const isOf =
  (userIds: ReadonlySet<number>) =>
  ({ userId }: Placed): boolean =>
    userId !== undefined && userIds.has(userId)
