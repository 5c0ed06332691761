/** Reads the logs of rooms through the page cache. Pages that are not cached are read from the database. */
import pLimit, { type LimitFunction } from 'p-limit'
import type { Keyring } from '../../crypto/keyring.ts'
import type { MessagesRepository, ReactionsRepository, StoredEntry } from '../../db/database.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import type { EnsureMember } from '../access/room-access.ts'
import type { Kinds } from '../kinds/index.ts'
import type { Room } from '../rooms/room.ts'
import type { ReadSome } from './batches.ts'
import { decryptEntry } from './codec.ts'
import { type Completions, createCompletions } from './completions.ts'
import type { Entry } from './entry.ts'
import { createHistory, type LogPart, type PinPart, type PinQuery, type Range } from './history.ts'
import { createPageCache, type PageCache } from './page-cache.ts'
import type { ReadLog } from './page-loads.ts'
import { createSlices } from './slices.ts'

export type { LogPart, PinPart, PinQuery, Range } from './history.ts'

export interface LogReaderOptions {
  readonly messages: MessagesRepository
  readonly reactions: ReactionsRepository
  readonly kinds: Kinds
  readonly keyring: Keyring
  readonly clock: Clock
  readonly log: Log
  /** Maximum number of concurrent queries that read the log. The other connections of the pool stay available for appends. */
  readonly concurrentReads: number
  /** See `PageCacheOptions.isCurrent`. */
  readonly isCurrent?: (() => boolean) | undefined
  /** Returns the name of a loaded room. */
  readonly nameOf: (roomId: number) => string | undefined
}

export interface LogReader {
  /** Runs a read-only query. The query waits while `concurrentReads` other queries are running. */
  readonly limited: LimitFunction
  readonly pages: PageCache<Entry>
  /**
   * Returns a part of a room's log for a user. Synchronous if the part is cached. If the part is long, `ensureMember` is called
   * for every batch after the first, before the batch is sent. If `ensureMember` rejects, the rest of the part is not sent.
   */
  part(room: Room, range: Range, userId: number, ensureMember?: EnsureMember): LogPart | Promise<LogPart>
  /**
   * Returns the message `seq` of a room as a list item in JSON, with the keys of the caller's own reactions in `mine`. Resolves
   * with `undefined` if there is no such message.
   */
  message(room: Room, seq: number, userId: number): Promise<Buffer | undefined>
  /** Returns the pinned messages of a room, the newest pin first. `ensureMember` is used as in `part`. */
  pins(room: Room, query: PinQuery, userId: number, ensureMember?: EnsureMember): Promise<PinPart>
  /** See `Completions.newest`. */
  readonly newest: Completions['newest']
  /** Reads the entry `seq` of a room from the database. Resolves with `undefined` if there is none. */
  entry(room: Room, seq: number): Promise<Entry | undefined>
}

/** Minimum time in milliseconds between two log lines about entries that cannot be decrypted. */
const REPORT_MS = 60_000

/** Creates the page cache, and the functions that read logs through the cache. */
export const createLogReader = (options: LogReaderOptions): LogReader => {
  const { messages, reactions, kinds, keyring, clock, nameOf, isCurrent } = options
  const slices = createSlices({ clock })
  const limited = pLimit(options.concurrentReads)
  const report = createReport(options)

  const decrypt = async (roomId: number, rows: readonly StoredEntry[]): Promise<Entry[]> => {
    const room = nameOf(roomId) ?? ''
    const entries = await slices.map(rows, row => decryptEntry(row, room, kinds, keyring))
    report(room, entries.filter(({ unavailable }) => unavailable === 'key').length)
    return entries
  }
  const read: ReadLog<Entry> = async (roomId, from, to) =>
    decrypt(roomId, await limited(() => messages.range(roomId, from, to)))
  const readSome: ReadSome = async (roomId, seqs) => decrypt(roomId, await limited(() => messages.some(roomId, seqs)))
  const extent: MessagesRepository['extent'] = (...range) => limited(() => messages.extent(...range))
  const pages = createPageCache<Entry>({
    read,
    isCurrent,
    firstSeq: async (...range) => (await extent(...range))?.first
  })
  const completions = createCompletions({
    some: (...wanted) => limited(() => messages.some(...wanted)),
    oneOfEach: (...wanted) => limited(() => messages.oneOfEach(...wanted)),
    own: (...wanted) => limited(() => reactions.own(...wanted)),
    keyring,
    slices
  })
  const { part, message, pins } = createHistory({
    pages,
    readSome,
    extent,
    runsBefore: (...range) => limited(() => messages.runsBefore(...range)),
    runsAfter: (...range) => limited(() => messages.runsAfter(...range)),
    pins: (...page) => limited(() => messages.pins(...page)),
    completions,
    slices
  })
  const entry: LogReader['entry'] = async (room, seq) => {
    const [stored] = await limited(() => messages.some(room.id, [seq]))
    return stored && decryptEntry(stored, room.name, kinds, keyring)
  }
  return { limited, pages, part, message, pins, entry, newest: completions.newest }
}

/** Creates a function that counts the entries that cannot be decrypted, and logs their number at most once per `REPORT_MS`. */
const createReport = ({ clock, log }: LogReaderOptions) => {
  let undecryptable = 0
  let total = 0
  let reportedAt = Number.NEGATIVE_INFINITY
  return (room: string, count: number): void => {
    undecryptable += count
    total += count
    if (undecryptable === 0 || clock.monotonic() - reportedAt < REPORT_MS) return
    log.warn({ room, undecryptable, total }, 'stored messages cannot be decrypted')
    undecryptable = 0
    reportedAt = clock.monotonic()
  }
}
