/**
 * Finds the messages of a list in a room's log, and also the notices (see `isNoticeKind`) if the list contains notices. The log
 * may have other entries between them.
 */
import type { Extent, MessagesRepository } from '../../db/database.ts'
import type { Room } from '../rooms/room.ts'

/**
 * Selects a part of a room's log by `seq`:
 * - Without `after` and `around`: the newest `limit` messages. If `before` is set, the newest `limit` messages before `before`.
 * - With `after`: the first `limit` entries after `after`. These are entries of all kinds, or only messages if `messagesOnly` is
 *   set. If `before` is also set, only entries before `before`.
 * - With `around`: `limit` messages, half of them before the entry `around`, and the rest from that entry on. `after` and
 *   `before` limit this selection too.
 */
export interface Range {
  readonly before?: number | undefined
  readonly after?: number | undefined
  readonly around?: number | undefined
  readonly limit: number
  readonly messagesOnly?: boolean | undefined
  /** Whether a list of messages also has notices. They count towards `limit`. See `isNoticeKind`. */
  readonly withNotices?: boolean | undefined
  /** Whether to return the entries in the form of the frames that subscribers receive, and not as HTTP items. */
  readonly isRaw?: boolean | undefined
}

/**
 * The parts of the log (runs) that contain a list, in ascending order. A run may also contain entries that are not in the list.
 */
export interface Places {
  readonly runs: readonly Extent[]
  /** Whether the log has more entries in the requested direction. With `around`, whether the log has older entries. */
  readonly hasMore: boolean
  /** With `around`: whether the log has newer entries. */
  readonly hasNewer?: boolean
  /** If `hasNewer` is true: the position of the next entry. The entry may have been deleted. */
  readonly newerAt?: number | undefined
  /**
   * True if the listed messages are far apart. The runs then contain no other entries, and the messages are read singly,
   * because their pages consist mostly of other entries.
   */
  readonly isSparse?: boolean | undefined
}

/** Looks for `count` messages in the part of a log from the position `from` to the position `to`, both inclusive. */
export interface Search {
  readonly from: number
  readonly to: number
  readonly count: number
}

/**
 * Searches in the page cache. Each returns the runs of the found messages, or of the found messages and notices, in ascending
 * order. Returns `undefined` if a page that the search needs is not cached, or if the search passes too many other entries.
 */
export interface CachedRuns {
  /** Finds the last messages of the part. */
  runsBefore(roomId: number, search: Search, withNotices?: boolean): Extent[] | undefined
  /** Finds the first messages of the part. */
  runsAfter(roomId: number, search: Search, withNotices?: boolean): Extent[] | undefined
}

/** The number of positions in a page of the page cache. A page is read as a whole. */
const PAGE = 64
/** See `maxPositions`. */
const SPARSE = 4

/** Two runs are read as one if the second starts at most this many positions after the end of the first. */
const NEAR = PAGE

/**
 * Returns the parts of the log (runs) that contain a list. Entries of all kinds count towards `limit`. Returns no runs if the
 * range is empty.
 */
export const placesOf = (room: Room, range: Range): Places => {
  const last = lastOf(room, range)
  const oldest = firstOf(room, range)
  const { after, around, limit } = range
  if (around !== undefined) {
    const center = Math.min(Math.max(around, oldest), last + 1)
    const first = Math.max(center - halfOf(limit), oldest)
    const end = Math.min(center + limit - halfOf(limit) - 1, last)
    return { runs: runOf(first, end), hasMore: first > oldest, hasNewer: end < last, newerAt: end + 1 }
  }
  if (after === undefined) {
    const first = Math.max(last - limit + 1, oldest)
    return { runs: runOf(first, last), hasMore: first > oldest }
  }
  const end = Math.min(oldest + limit - 1, last)
  return { runs: runOf(oldest, end), hasMore: end < last }
}

/**
 * Like `placesOf`, but only messages count towards `limit`, and also notices if `withNotices` is true. Looks up their positions
 * in the database.
 */
export const messagePlaces = async (
  { runsBefore, runsAfter }: Pick<MessagesRepository, 'runsBefore' | 'runsAfter'>,
  room: Room,
  range: Range
): Promise<Places> => {
  const { older, newer } = searchesOf(room, range)
  const [before, after] = await Promise.all([
    older && runsBefore(room.id, older.to, older.count, range.withNotices),
    newer && runsAfter(room.id, newer.from, newer.to, newer.count, range.withNotices)
  ])
  return placesIn(range, { older, newer }, before, after)
}

/**
 * Like `messagePlaces`, but looks for the messages in the page cache. Returns `undefined` if one of the pages is not cached, or
 * if the messages are far apart.
 */
export const cachedMessagePlaces = (
  { runsBefore, runsAfter }: CachedRuns,
  room: Room,
  range: Range
): Places | undefined => {
  const { older, newer } = searchesOf(room, range)
  const before = older && runsBefore(room.id, older, range.withNotices)
  const after = newer && runsAfter(room.id, newer, range.withNotices)
  if ((older && !before) || (newer && !after)) return undefined
  return placesIn(range, { older, newer }, before, after)
}

/** The searches that find the messages of a list. */
interface Searches {
  /** Finds messages before a position: the last `count` messages of the part. */
  readonly older: Search | undefined
  /** Finds messages from a position on: the first `count` messages of the part. */
  readonly newer: Search | undefined
}

/** Returns the searches for a list. Each looks for one message more than the list has, to find out whether there are more. */
const searchesOf = (room: Room, range: Range): Searches => {
  const { after, around, limit } = range
  const [from, to] = [firstOf(room, range), lastOf(room, range)]
  if (around !== undefined) {
    const half = halfOf(limit)
    return {
      older: { from, to: Math.min(around - 1, to), count: half + 1 },
      newer: { from: Math.max(around, from), to, count: limit - half + 1 }
    }
  }
  const search = { from, to, count: limit + 1 }
  return after === undefined ? { older: search, newer: undefined } : { older: undefined, newer: search }
}

/** Returns the places of a list. `before` and `after` are the runs that the searches `older` and `newer` found. */
const placesIn = (
  { around }: Range,
  { older, newer }: Searches,
  before: readonly Extent[] = [],
  after: readonly Extent[] = []
): Places => {
  // A search in the database may return messages before `from`.
  const found = before.flatMap(run => runOf(Math.max(run.first, older?.from ?? 0), run.last))
  const hasOlder = older !== undefined && countOf(found) >= older.count
  const hasNewer = newer !== undefined && countOf(after) >= newer.count
  const places = joined([...(hasOlder ? withoutFirst(found) : found), ...(hasNewer ? withoutLast(after) : after)])
  if (around === undefined) return { ...places, hasMore: hasOlder || hasNewer }
  return { ...places, hasMore: hasOlder, hasNewer, newerAt: hasNewer ? after.at(-1)?.last : undefined }
}

const countOf = (runs: readonly Extent[]): number => runs.reduce((sum, { first, last }) => sum + last - first + 1, 0)

const withoutFirst = ([run, ...later]: readonly Extent[]): Extent[] =>
  run ? [...runOf(run.first + 1, run.last), ...later] : []

const withoutLast = (runs: readonly Extent[]): Extent[] => {
  const run = runs.at(-1)
  return run ? [...runs.slice(0, -1), ...runOf(run.first, run.last - 1)] : []
}

/**
 * Returns the `seq` of the last entry that a range may contain. The range may contain entries that the room has not read yet,
 * so that a response contains every message that was acknowledged before the request.
 */
export const lastOf = ({ known }: Room, { before }: Range): number =>
  before === undefined ? known : Math.min(before - 1, known)

/** Returns the `seq` of the first entry that a range may contain. */
export const firstOf = ({ oldest }: Room, { after = 0 }: Range): number => Math.max(after + 1, oldest)

const halfOf = (limit: number): number => Math.floor(limit / 2)

const runOf = (first: number, last: number): Extent[] => (first <= last ? [{ first, last }] : [])

/**
 * Returns the maximum number of positions that the pages of a list of `count` messages may contain. A list with more is sparse.
 * Two of the pages are added, because even a list of consecutive messages may begin and end in the middle of a page.
 */
export const maxPositions = (count: number): number => SPARSE * count + 2 * PAGE

/** Joins runs that are near each other (see `NEAR`), unless the list is sparse. */
const joined = (runs: readonly Extent[]): Pick<Places, 'runs' | 'isSparse'> => {
  if (pagesOf(runs) * PAGE > maxPositions(countOf(runs))) return { runs, isSparse: true }
  const result: Extent[] = []
  for (const run of runs) {
    const previous = result.at(-1)
    if (previous && run.first - previous.last <= NEAR) result[result.length - 1] = { ...previous, last: run.last }
    else result.push(run)
  }
  return { runs: result }
}

/** Returns the number of pages that contain positions of the runs. */
const pagesOf = (runs: readonly Extent[]): number => {
  let count = 0
  let last = -1
  for (const run of runs) {
    const [from, to] = [pageOf(run.first), pageOf(run.last)]
    count += to - Math.max(from, last + 1) + 1
    last = to
  }
  return count
}

const pageOf = (seq: number): number => Math.floor((seq - 1) / PAGE)
