/** Reads the log: page by page from the page cache, or else from the database. */
import pLimit, { type LimitFunction } from 'p-limit'
import type { Keyring } from '../../crypto/keyring.ts'
import type { MessagesRepository } from '../../db/database.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import type { Kinds } from '../kinds/index.ts'
import type { Room } from '../rooms/room.ts'
import { decryptEntry, type Entry } from './codec.ts'
import { createHistory, type LogPart, type Range } from './history.ts'
import { createPageCache, type PageCache, type ReadLog } from './page-cache.ts'
import { createSlices } from './slices.ts'

export type { LogPart, Range } from './history.ts'

export interface LogReaderOptions {
  readonly messages: MessagesRepository
  readonly kinds: Kinds
  readonly keyring: Keyring
  readonly clock: Clock
  readonly log: Log
  /** Limits how many queries may read the log at a time, to leave the other connections of the pool for appends. */
  readonly concurrentReads: number
  /** Returns whether every change that is older than a few seconds was reported; see PageCacheOptions. */
  readonly isCurrent?: (() => boolean) | undefined
  /** Returns the name of a loaded room. */
  readonly nameOf: (roomId: number) => string | undefined
}

export interface LogReader {
  /** Runs a query that only reads, when fewer than `concurrentReads` run. */
  readonly limited: LimitFunction
  readonly pages: PageCache<Entry>
  part(room: Room, range: Range): Promise<LogPart>
}

/** Sets how often entries that can't be decrypted are logged, in milliseconds. */
const REPORT_MS = 60_000

/** Creates the page cache, and the functions that read through it. */
export const createLogReader = (options: LogReaderOptions): LogReader => {
  const { messages, kinds, keyring, clock, nameOf, isCurrent } = options
  const slices = createSlices({ clock })
  const limited = pLimit(options.concurrentReads)
  const report = createReport(options)

  const read: ReadLog<Entry> = async (roomId, from, to) => {
    const rows = await limited(() => messages.range(roomId, from, to))
    const room = nameOf(roomId) ?? ''
    const entries = await slices.map(rows, row => decryptEntry(row, room, kinds, keyring))
    report(room, entries.filter(({ unavailable }) => unavailable === 'key').length)
    return entries
  }
  const extent: MessagesRepository['extent'] = (...range) => limited(() => messages.extent(...range))
  const messagesFrom: MessagesRepository['messagesFrom'] = (...range) => limited(() => messages.messagesFrom(...range))
  const pages = createPageCache<Entry>({
    read,
    isCurrent,
    firstSeq: async (...range) => (await extent(...range))?.first
  })
  return { limited, pages, part: createHistory({ pages, extent, messagesFrom, slices }) }
}

/** Counts entries that can't be decrypted, and logs them once per interval, however often they are read. */
const createReport = ({ clock, log }: LogReaderOptions) => {
  let undecryptable = 0
  let total = 0
  let reportedAt = Number.NEGATIVE_INFINITY
  return (room: string, count: number): void => {
    undecryptable += count
    total += count
    if (undecryptable === 0 || clock.monotonic() - reportedAt < REPORT_MS) return
    log.warn({ room, undecryptable, total }, 'stored messages can not be decrypted')
    undecryptable = 0
    reportedAt = clock.monotonic()
  }
}
