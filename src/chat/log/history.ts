/**
 * Reads parts of a room's log for HTTP responses. A long part is read in batches while the response is sent. So a response uses
 * bounded memory, even if it is long and its client reads slowly.
 */
import { Readable } from 'node:stream'
import type { MessagesRepository } from '../../db/database.ts'
import { piecesOf } from '../../lib/pieces.ts'
import type { Room as RoomShown } from '../../protocol/http/rooms.ts'
import { publicRoom } from '../rooms/public-room.ts'
import type { Room } from '../rooms/room.ts'
import { type Entry, restItems } from './codec.ts'
import type { PageCache } from './page-cache.ts'
import type { Slices } from './slices.ts'

/**
 * Selects a part of a room's log. Without `after`, the last `limit` messages: the newest ones, or those before the entry
 * `before`. With `after`, the first `limit` entries of all kinds after it, and before `before` if that is set.
 */
export interface Range {
  readonly before?: number | undefined
  readonly after?: number | undefined
  readonly limit: number
}

/** A part of a room's log, oldest entry first. */
export interface LogPart {
  readonly room: RoomShown
  /** True if there are more entries in the requested direction. */
  readonly hasMore: boolean
  /**
   * Returns the text `before`, the entries as JSON items with commas between them, and the text `after`, in UTF-8. `before` and
   * `after` must be ASCII. If `isShown` is set, omits the entries for which it returns false. Returns a buffer if the part is
   * short, else a stream, which emits an error if the rest cannot be read.
   */
  json(before: string, after: string, isShown?: (entry: Entry) => boolean): Buffer | Readable
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

/** About how many bytes of frames are read at a time for one response. */
const BATCH_BYTES = 64 * 1024

const all = (): boolean => true
const isMessage = (entry: Entry): boolean => entry.isMessage

/** Creates the function that reads a part of a room's log. */
export const createHistory = ({ pages, extent, messagesFrom, slices }: HistoryOptions) => {
  /** Reads the first entries of a range, about `BATCH_BYTES` of them. */
  const readBatch = async (room: Room, { from, to }: Bounds): Promise<Entry[]> => {
    let batch: Entry[] = []
    let bytes = 0
    for (let at = from; at <= to && bytes < BATCH_BYTES; at = (batch.at(-1)?.seq ?? to) + 1) {
      const page = pages.past(room.id, at, room.tail)
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

  /** Reads the rest of a range in batches. The range stays the same during the read, because the log grows only at its end. */
  async function* readOn(room: Room, epoch: string, { from, to }: Bounds): AsyncGenerator<Entry[]> {
    for (let at = from; at <= to; ) {
      const batch = await readBatch(room, { from: at, to })
      if (room.epoch !== epoch) throw new Error('The log was replaced during the read.')
      if (batch.length === 0) return
      at = (batch.at(-1)?.seq ?? to) + 1
      yield batch
    }
  }

  /**
   * Moves a range whose entries were all deleted to the nearest existing entries, so that a client that pages through the log can
   * continue. Returns `undefined` if there are none.
   */
  const moved = async (room: Room, range: Range, { from, to }: Bounds): Promise<Bounds | undefined> => {
    const isBackward = range.after === undefined
    const found = await extent(room.id, isBackward ? room.oldest : from, isBackward ? to : lastOf(room, range))
    if (!found) return undefined
    return isBackward
      ? placesOf(room, { limit: range.limit, before: found.last + 1 })
      : placesOf(room, { ...range, after: found.first - 1 })
  }

  /** Returns the bounds of a range. Without `after`, `limit` counts messages only, so the bounds may include other entries. */
  const placesOf = async (room: Room, range: Range): Promise<Bounds> => {
    const bounds = boundsOf(room, range)
    if (range.after !== undefined || !room.hasOthers) return bounds
    return { ...bounds, from: Math.max(await messagesFrom(room.id, bounds.to, range.limit), room.oldest) }
  }

  return async (room: Room, range: Range): Promise<LogPart> => {
    const { epoch } = room
    let bounds = await placesOf(room, range)
    let first = await readBatch(room, bounds)
    if (first.length === 0 && bounds.from <= bounds.to) {
      bounds = (await moved(room, range, bounds)) ?? { from: room.oldest, to: 0 }
      first = await readBatch(room, bounds)
    }
    const { from, to } = bounds
    const isListed = range.after === undefined ? isMessage : all
    const last = first.at(-1)?.seq ?? to
    const more = range.after === undefined ? from > room.oldest : to < lastOf(room, range)
    return {
      room: publicRoom(room),
      hasMore: more && first.length > 0,
      json(before, after, isWanted = all) {
        const isShown = (entry: Entry): boolean => isListed(entry) && isWanted(entry)
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

/** Returns the bounds of a range if each entry counts. The range is empty if `to` is less than `from`. */
const boundsOf = (room: Room, range: Range): Bounds => {
  const last = lastOf(room, range)
  if (range.after === undefined) return { from: Math.max(last - range.limit + 1, room.oldest), to: last }
  const from = Math.max(range.after + 1, room.oldest)
  return { from, to: Math.min(from + range.limit - 1, last) }
}

const lastOf = ({ tail }: Room, { before }: Range): number => (before === undefined ? tail : Math.min(before - 1, tail))
