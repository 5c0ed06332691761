/**
 * Reads parts of a room's log for HTTP responses. A long part is read in batches while the response is sent, so that memory use
 * stays bounded even if the client reads slowly.
 */
import { Readable } from 'node:stream'
import type { Extent, Listed, MessagesRepository } from '../../db/database.ts'
import { asciiJson } from '../../lib/ascii-json.ts'
import { piecesOf } from '../../lib/pieces.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { Room as RoomShown } from '../../protocol/http/rooms.ts'
import type { EnsureMember } from '../access/room-access.ts'
import { publicRoom } from '../rooms/public-room.ts'
import type { Room } from '../rooms/room.ts'
import { BATCH_BYTES, type Batch, createBatches, type ReadSome } from './batches.ts'
import { createCachedRuns } from './cached-runs.ts'
import type { Completions } from './completions.ts'
import { type Entry, isListedIn } from './entry.ts'
import { restFrames, restItems } from './items.ts'
import { createNewestPlaces } from './newest-places.ts'
import type { PageCache } from './page-cache.ts'
import { createPageItems } from './page-items.ts'
import { cachedMessagePlaces, firstOf, lastOf, messagePlaces, type Places, placesOf, type Range } from './runs.ts'
import type { Slices } from './slices.ts'

export type { Range } from './runs.ts'

/** A part of a room's log, oldest entry first. */
export interface LogPart {
  /**
   * The room at the time of the request. Messages include the effects of all entries up to the `seq` of the room, and possibly
   * the effects of later entries.
   */
  readonly room: RoomShown
  /** See `Places` in runs.ts. */
  readonly hasMore: boolean
  readonly hasNewer?: boolean
  /**
   * Returns UTF-8 text: `before`, then the entries as comma-separated JSON items, then the result of `after`. `before` and the
   * result of `after` must be ASCII. `after` receives a JSON object that maps the `seq` of messages to the reaction keys of the
   * caller, or `undefined` if there are none. The text is a buffer if the part is short, and a stream if the part is long. The
   * stream emits an error if the rest of the part cannot be read.
   */
  json(before: string, after: (mine: string | undefined) => string, options?: ListOptions): Buffer | Readable
}

/** Selects at most `limit` pinned messages that were pinned before the entry `after`. */
export interface PinQuery {
  readonly after?: number | undefined
  readonly limit: number
}

/** A page of pinned messages, the newest pin first. */
export interface PinPart extends LogPart {
  /** The value of `after` for the next page. Absent on the last page. */
  readonly next?: number
}

export interface ListOptions {
  /** Whether to omit the entries that cannot be shown. */
  readonly omitUnavailable?: boolean
}

export interface HistoryOptions extends Pick<MessagesRepository, 'extent' | 'runsBefore' | 'runsAfter' | 'pins'> {
  readonly pages: PageCache<Entry>
  readonly readSome: ReadSome
  readonly completions: Completions
  readonly slices: Slices
}

/** The rest of a part, after its first batch. */
interface Rest {
  readonly room: Room
  readonly epoch: string
  readonly userId: number
  readonly runs: readonly Extent[]
  readonly isSparse: boolean | undefined
  readonly ensureMember: EnsureMember | undefined
}

const listedIn = ({ after, around, messagesOnly, withNotices }: Range): Listed => {
  if (after !== undefined && around === undefined && !messagesOnly) return 'all'
  return withNotices ? 'notices' : 'messages'
}

/** Creates the functions that read parts of a room's log, single messages and pinned messages for a user. */
export const createHistory = ({ pages, readSome, extent, completions, slices, ...repository }: HistoryOptions) => {
  const findCached = createPageItems(pages)
  const cachedRuns = createCachedRuns(pages)
  const readBatch = createBatches({ pages, readSome })
  const lookUp = createNewestPlaces((room, range) => messagePlaces(repository, room, range), pages)

  /**
   * Reads runs (parts of the log) in batches. The runs stay valid during the read, because entries are only added at the end of
   * the log.
   */
  async function* readOn({ room, epoch, runs, isSparse }: Rest): AsyncGenerator<Entry[]> {
    for (let left = runs; left.length > 0; ) {
      const { entries, rest } = await readBatch(room, { runs: left, isSparse })
      requireEpoch(room, epoch)
      if (entries.length > 0) yield entries
      left = rest
    }
  }

  /**
   * Finds the nearest existing entries beyond a range whose entries were all deleted, so that a client can continue to page
   * through the log. Returns their places, or `undefined` if no such entries exist.
   */
  const moved = async (room: Room, range: Range, { runs }: Places): Promise<Places | undefined> => {
    const [first, last] = [runs.at(0)?.first ?? 1, runs.at(-1)?.last ?? 0]
    const { after, before, around, ...more } = range
    const [oldest, newest] = [firstOf(room, range), lastOf(room, range)]
    const extentOf = (from: number, to: number) => extent(room.id, from, to, listedIn(range))
    if (around !== undefined) {
      const older = await extentOf(oldest, last)
      if (older) return find(room, { ...range, around: older.last })
      const newer = await extentOf(last + 1, newest)
      return newer && { ...(await find(room, { ...range, around: newer.first })), hasMore: false }
    }
    if (after === undefined) {
      const older = await extentOf(oldest, last)
      return older && find(room, { ...more, before: older.last + 1 })
    }
    const newer = await extentOf(first, newest)
    return newer && find(room, { ...more, before, after: newer.first - 1 })
  }

  /**
   * Returns whether entries exist after a list that was requested with `around`. If `Places.hasNewer` is true, the log has
   * later positions, but all entries at these positions may have been deleted.
   */
  const hasNewer = async (room: Room, range: Range, { hasNewer, newerAt }: Places): Promise<boolean> => {
    if (!hasNewer || newerAt === undefined) return false
    const existIn = async (from: number, to: number): Promise<boolean> =>
      (await extent(room.id, from, to, listedIn(range))) !== undefined
    // The next entry usually exists. The entries after it are searched only if it does not exist.
    return (await existIn(newerAt, newerAt)) || existIn(newerAt + 1, lastOf(room, range))
  }

  /** Reads the first batch of existing entries from `runs`. Returns the entries and the remaining runs. */
  const readFirst = async (room: Room, { runs, isSparse }: Places): Promise<Batch> => {
    for (let left = runs; left.length > 0; ) {
      const { entries, rest } = await readBatch(room, { runs: left, isSparse })
      if (entries.length > 0) return { entries, rest }
      left = rest
    }
    return { entries: [], rest: [] }
  }

  /** Returns the places of a list if they are known without a query. */
  const knownPlaces = (room: Room, range: Range): Places | undefined =>
    listedIn(range) !== 'all' && room.hasOthers ? cachedMessagePlaces(cachedRuns, room, range) : placesOf(room, range)

  const find = (room: Room, range: Range): Places | Promise<Places> => knownPlaces(room, range) ?? lookUp(room, range)

  /**
   * Returns a short part from the page cache, without a query. Returns `undefined` if this is not possible, for example if one
   * of its messages is not cached or has reactions.
   */
  const cachedPart = (room: Room, range: Range): LogPart | undefined => {
    const { before, after, around, isRaw } = range
    if (isRaw || room.tail < room.known) return undefined
    const places = knownPlaces(room, range)
    if (!places) return undefined
    const { runs, hasMore, hasNewer, newerAt = 0 } = places
    const isNewest = before === undefined && after === undefined && around === undefined
    const list = { roomId: room.id, runs, listed: listedIn(range), isNewest }
    const cached = findCached(list, BATCH_BYTES)
    if (!cached) return undefined
    // If the next position is in the page cache, later entries exist. Otherwise, the later entries may have been deleted, so
    // the database must be queried.
    if (hasNewer && !pages.page(room.id, newerAt)) return undefined
    const newer = hasNewer === undefined ? {} : { hasNewer }
    return {
      room: publicRoom(room),
      hasMore,
      ...newer,
      json: (before, after) => cached.json(before, after(undefined))
    }
  }

  /**
   * Waits until the room has read all entries that it knows of at the time of the call. Afterwards, all messages of the room in
   * the page cache include the effects of these entries. Returns the `seq` of the last of these entries. Throws
   * `unavailable` if the entries cannot be read.
   */
  const catchUp = async (room: Room): Promise<number> => {
    const { known } = room
    if (room.tail < known) await room.caughtUp()
    if (room.tail < Math.min(known, room.known))
      throw new ChatError('unavailable', 'The history can’t be read at the moment. Try again.', { retryAfterMs: 1000 })
    return Math.min(known, room.known)
  }

  const readPart = async (
    room: Room,
    given: Range,
    userId: number,
    ensureMember: EnsureMember | undefined
  ): Promise<LogPart> => {
    const seq = await catchUp(room)
    const shown = { ...publicRoom(room), seq }
    // The response ends at the `seq` that it reports. It must not contain later entries, because messages that were read
    // earlier may lack the effects of these entries.
    const range = { ...given, before: Math.min(given.before ?? seq + 1, seq + 1) }
    const { epoch } = room
    let places = await find(room, range)
    let { entries: first, rest: runs } = await readFirst(room, places)
    if (first.length === 0 && places.runs.length > 0) {
      places = (await moved(room, range, places)) ?? { ...places, runs: [], hasMore: false }
      ;({ entries: first, rest: runs } = await readFirst(room, places))
    }
    requireEpoch(room, epoch)
    const newer = range.around === undefined ? {} : { hasNewer: await hasNewer(room, range, places) }
    const rest = { room, epoch, userId, runs, isSparse: places.isSparse, ensureMember }
    return {
      room: shown,
      hasMore: places.hasMore && first.length > 0,
      ...newer,
      json: await writer(first, rest, isListedIn[listedIn(range)], range.isRaw)
    }
  }

  /** Returns the function `json` of a part, which begins with the entries `first`. */
  const writer = async (
    first: readonly Entry[],
    rest: Rest,
    isListed: (entry: Entry) => boolean,
    isRaw = false
  ): Promise<LogPart['json']> => {
    const { room, userId, runs } = rest
    const write = isRaw ? restFrames : restItems
    const complete = isRaw ? none : completions
    const [more, mine] = await Promise.all([
      complete.replies(room, first),
      runs.length === 0 ? complete.mine(room.id, reactedTo(first), userId) : undefined
    ])
    return (before, after, { omitUnavailable = false } = {}) => {
      const isShown = (entry: Entry): boolean => isListed(entry) && !(omitUnavailable && entry.unavailable)
      const entries = first.filter(isShown)
      if (runs.length === 0) return write(before, entries, after(mineJson(mine)), more)
      const head = write(before, entries, '', more)
      const items = streamItems({ head, rest, after, isShown, shown: entries, write, complete })
      return Readable.from(items, { objectMode: false })
    }
  }

  /** See `LogReader.pins`. */
  const pins = async (
    room: Room,
    { after = Number.MAX_SAFE_INTEGER, limit }: PinQuery,
    userId: number,
    ensureMember?: EnsureMember
  ): Promise<PinPart> => {
    const seq = await catchUp(room)
    const { epoch } = room
    const found = await repository.pins(room.id, { before: after, upTo: seq, limit: limit + 1 })
    const listed = found.slice(0, limit)
    // The messages are in the order of their pins and not of the log, so each message is a run of its own.
    const places = { runs: listed.map(({ seq }) => ({ first: seq, last: seq })), isSparse: true, hasMore: false }
    const { entries, rest: runs } = await readFirst(room, places)
    requireEpoch(room, epoch)
    const rest = { room, epoch, userId, runs, isSparse: true, ensureMember }
    const next = found.length > limit ? listed.at(-1)?.pinSeq : undefined
    // A pin may have ended since the query.
    const json = await writer(entries, rest, ({ isPinned }) => isPinned === true)
    const more = next === undefined ? { hasMore: false } : { hasMore: true, next }
    return { room: { ...publicRoom(room), seq }, json, ...more }
  }

  async function* streamItems(options: StreamOptions): AsyncGenerator<Buffer> {
    const { head, rest, after, isShown, shown, write, complete } = options
    const { room, userId, ensureMember } = rest
    const reacted = reactedTo(shown)
    yield* piecesOf(head)
    let comma = shown.length === 0 ? '' : ','
    for await (const batch of readOn(rest)) {
      const entries = batch.filter(isShown)
      if (entries.length === 0) continue
      reacted.push(...reactedTo(entries))
      const more = await complete.replies(room, entries)
      const [items = Buffer.alloc(0)] = await slices.map([entries], shown => write(comma, shown, '', more))
      comma = ','
      await ensureMember?.()
      yield* piecesOf(items)
    }
    const mine = await complete.mine(room.id, reacted, userId)
    await ensureMember?.()
    yield Buffer.from(after(mineJson(mine)), 'latin1')
  }

  /** See `LogReader.message`. */
  const message = async (room: Room, seq: number, userId: number): Promise<Buffer | undefined> => {
    await catchUp(room)
    if (seq < room.oldest) return undefined
    const [entry] = await pages.past(room.id, seq, Math.min(seq, room.known))
    if (!entry?.isMessage) return undefined
    const replies = await completions.replies(room, [entry])
    const mine = (await completions.mine(room.id, reactedTo([entry]), userId)).get(seq)
    const fields = [replies?.get(seq) ?? '', mine ? `,"mine":${JSON.stringify(mine)}` : '']
    return restItems('', [entry], '', new Map([[seq, Buffer.concat(fields.map(field => Buffer.from(field)))]]))
  }

  const part = (room: Room, range: Range, userId: number, ensureMember?: EnsureMember): LogPart | Promise<LogPart> =>
    cachedPart(room, range) ?? readPart(room, range, userId, ensureMember)

  return { part, message, pins }
}

/**
 * Throws `unavailable` if the log was replaced during the read, because the response may then contain entries of two
 * incarnations.
 */
const requireEpoch = (room: Room, epoch: string): void => {
  if (room.epoch === epoch) return
  const detail = 'The log of the room was replaced while it was read. Request the messages again.'
  throw new ChatError('unavailable', detail, { retryAfterMs: 1000 })
}

/** Adds no excerpts and no own reactions. Used for responses that consist of frames. */
const none: Pick<Completions, 'replies' | 'mine'> = { replies: async () => undefined, mine: async () => new Map() }

/** Returns the caller's reactions as JSON in ASCII, or `undefined` if there are none. */
const mineJson = (mine: ReadonlyMap<number, readonly string[]> | undefined): string | undefined =>
  mine && mine.size > 0 ? asciiJson(Object.fromEntries(mine)) : undefined

interface StreamOptions {
  readonly head: Buffer
  readonly rest: Rest
  readonly after: (mine: string | undefined) => string
  readonly isShown: (entry: Entry) => boolean
  /** The entries in `head`. */
  readonly shown: readonly Entry[]
  readonly write: typeof restItems
  readonly complete: Pick<Completions, 'replies' | 'mine'>
}

const reactedTo = (entries: readonly Entry[]): number[] =>
  entries.filter(({ hasReactions }) => hasReactions).map(({ seq }) => seq)
