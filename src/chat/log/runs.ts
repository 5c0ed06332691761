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

/** The number of positions in a page of the page cache. A page is read as a whole. */
const PAGE = 64
/**
 * A list is sparse if its pages contain more than this many positions per message. Two of the pages are not counted, because
 * even a list of consecutive messages may begin and end in the middle of a page.
 */
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

/** Like `placesOf`, but only messages and notices count towards `limit`. Looks up their positions in the database. */
export const messagePlaces = async (
  { runsBefore, runsAfter }: Pick<MessagesRepository, 'runsBefore' | 'runsAfter'>,
  room: Room,
  range: Range
): Promise<Places> => {
  const { id } = room
  const { withNotices } = range
  const oldest = firstOf(room, range)
  const last = lastOf(room, range)
  // Looks up one message more than requested, to find out whether there are more messages.
  const older = async (to: number, count: number): Promise<Part> => {
    const found = await runsBefore(id, to, count + 1, withNotices)
    const runs = found.flatMap(run => runOf(Math.max(run.first, oldest), run.last))
    return countOf(runs) > count ? { runs: withoutFirst(runs), hasMore: true } : { runs, hasMore: false }
  }
  const newer = async (from: number, count: number): Promise<Part> => {
    const runs = await runsAfter(id, Math.max(from, oldest), last, count + 1, withNotices)
    if (countOf(runs) <= count) return { runs, hasMore: false }
    return { runs: withoutLast(runs), hasMore: true, next: runs.at(-1)?.last }
  }
  const { after, around, limit } = range
  if (around !== undefined) {
    const [before, from] = await Promise.all([
      older(Math.min(around - 1, last), halfOf(limit)),
      newer(around, limit - halfOf(limit))
    ])
    const newest = { hasNewer: from.hasMore, newerAt: from.next }
    return { ...joined([...before.runs, ...from.runs]), hasMore: before.hasMore, ...newest }
  }
  const { runs, hasMore } = await (after === undefined ? older(last, limit) : newer(oldest, limit))
  return { ...joined(runs), hasMore }
}

type Part = Pick<Places, 'runs' | 'hasMore'> & { readonly next?: number | undefined }

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

/** Joins runs that are near each other (see `NEAR`), unless the list is sparse. */
const joined = (runs: readonly Extent[]): Pick<Places, 'runs' | 'isSparse'> => {
  if (pagesOf(runs) * PAGE > SPARSE * countOf(runs) + 2 * PAGE) return { runs, isSparse: true }
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
