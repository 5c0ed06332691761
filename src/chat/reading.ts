/** The log as it is read back: page by page from the window where it is kept, else from the database. */
import type { Keyring } from '../crypto/keyring.ts'
import type { MessagesRepository } from '../db/database.ts'
import type { Log } from '../logging.ts'
import type { Room as RoomShown } from '../schemas/rooms.ts'
import { type Entry, openEntry } from './entries.ts'
import { createLogPages, type LogPages, type ReadLog } from './log-pages.ts'
import { shownRoom } from './notices.ts'
import type { Room } from './room.ts'

/** A part of a room's log to read: the newest, or those before or after a `seq`, or the first of those between two. */
export interface Range {
  readonly before?: number | undefined
  readonly after?: number | undefined
  readonly limit: number
}

/** A part of a room's log, oldest first, and where the log stands. */
export interface LogPart {
  readonly room: RoomShown
  readonly entries: readonly Entry[]
  /** Whether there is more in the direction that was asked for. */
  readonly hasMore: boolean
}

export interface ReadingOptions {
  readonly messages: MessagesRepository
  readonly keyring: Keyring
  readonly log: Log
  /** The name of a loaded room. */
  readonly nameOf: (roomId: number) => string | undefined
}

export interface Reading {
  readonly pages: LogPages<Entry>
  part(room: Room, range: Range): Promise<LogPart>
}

/** Makes it. */
export const createReading = ({ messages, keyring, log, nameOf }: ReadingOptions): Reading => {
  const read: ReadLog<Entry> = async (roomId, from, to) => {
    const room = nameOf(roomId) ?? ''
    const entries = (await messages.range(roomId, from, to)).map(stored => openEntry(stored, room, keyring))
    const unopened = entries.filter(({ isShown }) => !isShown).length
    if (unopened > 0) log.warn({ room, unopened, total: keyring.unopened }, 'stored messages could not be opened')
    return entries
  }
  const pages = createLogPages<Entry>({ read })

  return {
    pages,
    async part(room, range) {
      const { from, to } = boundsOf(room, range)
      const entries = to < from ? [] : (pages.peek(room.id, from, to) ?? (await read(room.id, from, to)))
      const hasMore = range.after === undefined ? from > room.oldest : to < lastOf(room, range)
      return { room: shownRoom(room), entries, hasMore }
    }
  }
}

/** The places of a range; empty when `to` is below `from`. */
const boundsOf = (room: Room, range: Range): { from: number; to: number } => {
  const last = lastOf(room, range)
  if (range.after === undefined) return { from: Math.max(last - range.limit + 1, room.oldest), to: last }
  const from = Math.max(range.after + 1, room.oldest)
  return { from, to: Math.min(from + range.limit - 1, last) }
}

const lastOf = ({ head }: Room, { before }: Range): number => (before === undefined ? head : Math.min(before - 1, head))
