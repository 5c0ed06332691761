/**
 * Reads parts of a room's log for HTTP responses. A long part is read in batches while the response is sent, so that memory use
 * stays bounded even if the client reads slowly.
 */
import { Readable } from 'node:stream'
import type { MessagesRepository } from '../../db/database.ts'
import { piecesOf } from '../../lib/pieces.ts'
import type { Room as RoomShown } from '../../protocol/http/rooms.ts'
import { publicRoom } from '../rooms/public-room.ts'
import type { Room } from '../rooms/room.ts'
import type { Entry } from './entry.ts'
import { restItems } from './items.ts'
import type { PageCache } from './page-cache.ts'
import { createPageItems } from './page-items.ts'
import type { Slices } from './slices.ts'

/**
 * Selects a part of a room's log by `seq`. Without `after`, selects the newest `limit` messages, or the newest `limit` messages
 * before `before`. With `after`, selects at most the first `limit` entries of all kinds after `after`, and only those before
 * `before` if `before` is set.
 */
export interface Range {
  readonly before?: number | undefined
  readonly after?: number | undefined
  readonly limit: number
}

/** A part of a room's log, oldest entry first. */
export interface LogPart {
  readonly room: RoomShown
  /**
   * With `after`, true if the log has later entries than this part, not counting `before` and the entries that follow it.
   * Without `after`, true if the log has earlier entries.
   */
  readonly hasMore: boolean
  /**
   * Returns UTF-8 text: `before`, then the entries as comma-separated JSON items, then `after`. `before` and `after` must be
   * ASCII. With `omitUnavailable`, omits the entries that cannot be shown. Returns a buffer if the part is short. Otherwise
   * returns a stream, which emits an error if the rest of the part cannot be read.
   */
  json(before: string, after: string, options?: { readonly omitUnavailable?: boolean }): Buffer | Readable
}

export interface HistoryOptions {
  readonly pages: PageCache<Entry>
  readonly extent: MessagesRepository['extent']
  readonly messagesFrom: MessagesRepository['messagesFrom']
  readonly slices: Slices
}

interface Bounds {
  readonly from: number
  readonly to: number
}

/** Approximate size in bytes of the frames that are read at a time for one response. */
const BATCH_BYTES = 64 * 1024

const all = (): boolean => true
const isMessage = (entry: Entry): boolean => entry.isMessage

/** Creates the function that reads a part of a room's log. */
export const createHistory = ({ pages, extent, messagesFrom, slices }: HistoryOptions) => {
  const findCached = createPageItems(pages)

  /** Reads entries from the start of a range, up to about `BATCH_BYTES` bytes of frames. */
  const readBatch = async (room: Room, { from, to }: Bounds): Promise<Entry[]> => {
    let batch: Entry[] = []
    let bytes = 0
    for (let at = from; at <= to && bytes < BATCH_BYTES; at = (batch.at(-1)?.seq ?? to) + 1) {
      const page = pages.past(room.id, at, room.known)
      const entries = Array.isArray(page) ? page : await page
      let count = 0
      for (const { seq, frame } of entries) {
        if (seq > to || bytes >= BATCH_BYTES) break
        bytes += frame.length
        count++
      }
      if (count === 0) break
      batch = batch.concat(entries.slice(0, count))
    }
    return batch
  }

  /**
   * Reads the rest of a range in batches. The bounds of the range stay valid during the read, because entries are only added at
   * the end of the log.
   */
  async function* readOn(room: Room, epoch: string, { from, to }: Bounds): AsyncGenerator<Entry[]> {
    for (let at = from; at <= to; ) {
      const batch = await readBatch(room, { from: at, to })
      if (room.epoch !== epoch)
        throw new Error('The log of the room was replaced by a new incarnation while it was read. Request it again.')
      if (batch.length === 0) return
      at = (batch.at(-1)?.seq ?? to) + 1
      yield batch
    }
  }

  /**
   * Returns the bounds of the nearest existing entries for a range whose entries were all deleted, so that a client can
   * continue to page through the log. Returns `undefined` if no such entries exist.
   */
  const moved = async (room: Room, range: Range, { from, to }: Bounds): Promise<Bounds | undefined> => {
    const isBackward = range.after === undefined
    const found = await extent(room.id, isBackward ? room.oldest : from, isBackward ? to : lastOf(room, range))
    if (!found) return undefined
    return isBackward
      ? placesOf(room, { limit: range.limit, before: found.last + 1 })
      : placesOf(room, { ...range, after: found.first - 1 })
  }

  /**
   * Returns the bounds of a range. Without `after`, `limit` counts only messages, so the bounds may include more than `limit`
   * entries.
   */
  const placesOf = async (room: Room, range: Range): Promise<Bounds> => {
    const bounds = boundsOf(room, range)
    if (range.after !== undefined || !room.hasOthers) return bounds
    return { ...bounds, from: Math.max(await messagesFrom(room.id, bounds.to, range.limit), room.oldest) }
  }

  /** Returns a short part that consists of cached messages without a gap. Returns `undefined` for any other part. */
  const cachedPart = (room: Room, range: Range): LogPart | undefined => {
    if (range.after === undefined && room.hasOthers) return undefined
    const { from, to } = boundsOf(room, range)
    const cached = from <= to ? findCached(room.id, from, to, BATCH_BYTES) : undefined
    if (!cached) return undefined
    return {
      room: publicRoom(room),
      hasMore: hasMoreOf(room, range, { from, to }),
      json: cached.json
    }
  }

  const readPart = async (room: Room, range: Range): Promise<LogPart> => {
    const { epoch } = room
    let bounds = await placesOf(room, range)
    let first = await readBatch(room, bounds)
    if (first.length === 0 && bounds.from <= bounds.to) {
      bounds = (await moved(room, range, bounds)) ?? { from: room.oldest, to: 0 }
      first = await readBatch(room, bounds)
    }
    const { to } = bounds
    const isListed = range.after === undefined ? isMessage : all
    const last = first.at(-1)?.seq ?? to
    return {
      room: publicRoom(room),
      hasMore: hasMoreOf(room, range, bounds) && first.length > 0,
      json(before, after, { omitUnavailable = false } = {}) {
        const isShown = (entry: Entry): boolean => isListed(entry) && !(omitUnavailable && entry.unavailable)
        const shown = first.filter(isShown)
        if (last >= to) return restItems(before, shown, after)
        const head = restItems(before, shown, '')
        const rest = readOn(room, epoch, { from: last + 1, to })
        return Readable.from(streamItems({ head, rest, after, isShown, isFirst: shown.length === 0, slices }), {
          objectMode: false
        })
      }
    }
  }

  return (room: Room, range: Range): LogPart | Promise<LogPart> => cachedPart(room, range) ?? readPart(room, range)
}

interface StreamOptions {
  readonly head: Buffer
  readonly rest: AsyncGenerator<Entry[]>
  readonly after: string
  readonly isShown: (entry: Entry) => boolean
  readonly isFirst: boolean
  readonly slices: Slices
}

async function* streamItems({ head, rest, after, isShown, isFirst, slices }: StreamOptions): AsyncGenerator<Buffer> {
  yield* piecesOf(head)
  let comma = isFirst ? '' : ','
  for await (const batch of rest) {
    const [items] = await slices.map([batch.filter(isShown)], shown => restItems(comma, shown, ''))
    if (!items || items.length <= comma.length) continue
    comma = ','
    yield* piecesOf(items)
  }
  yield Buffer.from(after, 'latin1')
}

/**
 * Returns the bounds of a range in which `limit` counts entries of all kinds. The range is empty if `to` is less than `from`.
 */
const boundsOf = (room: Room, range: Range): Bounds => {
  const last = lastOf(room, range)
  if (range.after === undefined) return { from: Math.max(last - range.limit + 1, room.oldest), to: last }
  const from = Math.max(range.after + 1, room.oldest)
  return { from, to: Math.min(from + range.limit - 1, last) }
}

/** Returns whether a room has more entries in the requested direction. */
const hasMoreOf = (room: Room, range: Range, { from, to }: Bounds): boolean =>
  range.after === undefined ? from > room.oldest : to < lastOf(room, range)

/**
 * Returns the `seq` of the last entry that a range may contain. Counts the entries that the room has not read yet, so that a
 * response contains every message that was acknowledged before the request.
 */
const lastOf = ({ known }: Room, { before }: Range): number =>
  before === undefined ? known : Math.min(before - 1, known)
