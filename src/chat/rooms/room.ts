/**
 * Delivers a room's log to the subscribers of this process, strictly in the order of `seq`. Other processes announce only the `seq`
 * of their entries, and the entries are read from the log. An entry is delivered only after all entries before it.
 *
 * Entries are delivered at the end of the turn of the event loop in which they are added. A delivery to many subscribers takes
 * long, and one write costs about the same for one entry as for twenty. So a delivery is followed by a pause that is proportional
 * to its duration, and the entries of the pause are delivered together. See docs/performance.md.
 */
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import { type Chunk, chunkOf, type Encoded } from '../connections/socket-writer.ts'
import type { Entry } from '../log/codec.ts'
import type { PageCache } from '../log/page-cache.ts'

/** Receives the entries of a room. See subscription.ts. */
export interface Subscriber {
  /** Delivers consecutive entries. `head` is the `seq` of the last one. Called at most once per turn of the event loop. */
  deliver(chunk: Chunk, head: number): void
  /** Sends a frame that is not in the log. Drops it if the client reads too slowly, or belongs to the user `exceptUserId`. */
  hint(frame: Encoded, exceptUserId?: number): void
  /** Sends a presence frame. Drops it if it equals the previous one, or if the client reads too slowly. */
  replace(frame: Encoded): void
  /**
   * Reports that the next entries cannot be delivered: the log is a new incarnation (`epoch`), or they were deleted (`expired`).
   */
  broken(reason: 'epoch' | 'expired'): void
}

/** The incarnation and the range of a log in the database. */
export interface Reach {
  readonly epoch: string
  readonly lastSeq: number
  readonly oldestSeq: number
}

/** The state of a room when it is loaded, and what the room needs. */
export interface RoomOptions extends Reach {
  readonly id: number
  readonly name: string
  readonly title: string | null
  readonly hasOthers?: boolean | undefined
  readonly pages: PageCache<Entry>
  readonly log: Log
  readonly clock: Pick<Clock, 'monotonic'>
}

/** Maximum number of entries committed here that are kept while earlier entries are read. Further ones are read from the log. */
const MAX_AHEAD = 1000
/** The pause after a delivery, as a share of its duration. */
const PAUSE_SHARE = 0.3
/** Maximum pause after a delivery, in milliseconds. */
const MAX_PAUSE_MS = 5

export class Room {
  readonly id: number
  readonly name: string
  title: string | null
  readonly subscribers = new Set<Subscriber>()
  epoch: string
  oldest: number
  /**
   * True if the log may have entries that are not messages, or gaps. Then the database has to be queried for where a list of the
   * last n messages begins.
   */
  hasOthers: boolean
  /** The `seq` of the newest entry that was delivered. */
  head: number
  readonly #pages: PageCache<Entry>
  readonly #log: Log
  readonly #clock: Pick<Clock, 'monotonic'>
  /** The entries after `head` that the next delivery contains. */
  #pending: Entry[] = []
  #timer: NodeJS.Timeout | undefined
  /** The monotonic time in milliseconds before which nothing is delivered. */
  #pausedUntil = 0
  /** Entries committed here, by `seq`, that wait until the entries before them have been read. */
  readonly #ahead = new Map<number, Entry>()
  /** The `seq` of the newest entry that is known to exist. */
  #known: number
  #reading: Promise<void> | undefined

  constructor({ id, name, title, epoch, lastSeq, oldestSeq, hasOthers = false, pages, log, clock }: RoomOptions) {
    this.id = id
    this.name = name
    this.title = title
    this.epoch = epoch
    this.hasOthers = hasOthers
    this.oldest = Math.max(1, oldestSeq)
    this.head = this.#known = lastSeq
    this.#pages = pages
    this.#log = log
    this.#clock = clock
  }

  /** A number that changes whenever an entry or a name has changed, so that earlier copies of entries must no longer be shown. */
  get version(): number {
    return this.#pages.version
  }

  /**
   * Adds an entry that this process committed. Returns whether it is new. `version` is the version at the time when the entry was
   * created. If it has changed since, the entry may contain an old name or erased text, so it is read from the database instead.
   */
  committed(entry: Entry, version = this.version): boolean {
    const tail = this.tail
    if (entry.seq <= tail) return false
    if (version === this.version) {
      if (entry.seq === tail + 1) this.#append(entry)
      else if (this.#ahead.size < MAX_AHEAD) this.#ahead.set(entry.seq, entry)
    }
    this.grown(entry.seq)
    return true
  }

  /**
   * Delivers the entries of a pause. Drops the entries that wait for earlier ones, so that they are read from the log. Called when
   * entries or names have changed.
   */
  changed(): void {
    this.deliver()
    this.#ahead.clear()
  }

  /** Called when the log is known to have an entry `seq`. Starts to read the missing entries. */
  grown(seq: number): void {
    if (seq > this.#known) this.#known = seq
    if (this.#known > this.tail) this.#reading ??= this.#read()
  }

  /** Applies the range of the log in the database. Resolves when the read of the missing entries has ended. */
  async reaches({ epoch, lastSeq, oldestSeq }: Reach): Promise<void> {
    if (oldestSeq > this.oldest) this.#pages.forget(this.id, oldestSeq)
    this.oldest = Math.max(1, oldestSeq)
    if (epoch !== this.epoch) return this.#renew(epoch, lastSeq)
    if (this.oldest > this.tail + 1) this.#skipTo(this.oldest)
    this.grown(lastSeq)
    await this.#reading
  }

  /** Returns entries from `seq` on, at most to the end of a page of the cache and to `head`. Synchronous if they are cached. */
  from(seq: number): Entry[] | Promise<Entry[]> {
    return this.#pages.from(this.id, seq, this.head)
  }

  /** Resolves when the current read of missing entries has ended. */
  async settled(): Promise<void> {
    await this.#reading
  }

  /** The `seq` of the newest entry that is in memory, with all entries before it. It may not be delivered yet. */
  get tail(): number {
    return this.head + this.#pending.length
  }

  #append(entry: Entry): void {
    this.hasOthers ||= !entry.isMessage
    this.#pages.add(this.id, entry)
    this.#ahead.delete(entry.seq)
    this.#pending.push(entry)
    if (this.#pending.length === 1) this.#schedule()
    const next = this.#ahead.get(entry.seq + 1)
    if (next) this.#append(next)
  }

  #schedule(): void {
    const pause = this.#pausedUntil - this.#clock.monotonic()
    if (pause <= 0) queueMicrotask(() => this.deliver())
    else this.#timer ??= setTimeout(() => this.deliver(), pause)
  }

  /** Delivers the pending entries now, even during a pause. */
  deliver(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const entries = this.#pending
    if (entries.length === 0) return
    this.#pending = []
    this.head += entries.length
    if (this.subscribers.size === 0) return
    const startedAt = this.#clock.monotonic()
    const chunk = chunkOf(entries)
    for (const subscriber of this.subscribers) subscriber.deliver(chunk, this.head)
    const endedAt = this.#clock.monotonic()
    this.#pausedUntil = endedAt + Math.min(MAX_PAUSE_MS, PAUSE_SHARE * (endedAt - startedAt))
  }

  async #read(): Promise<void> {
    try {
      while (this.#known > this.tail) {
        const from = this.tail + 1
        const entries = await this.#pages.from(this.id, from, this.#known)
        // During the read, entries may have been committed here, or the log may have become a new incarnation.
        if (this.tail !== from - 1) continue
        const [first] = entries
        // The announced entry doesn't exist, for example after the database was restored.
        if (!first) this.#known = this.tail
        else if (first.seq > from) this.#skipTo(first.seq)
        for (const entry of entries) if (entry.seq === this.tail + 1) this.#append(entry)
      }
    } catch (err) {
      // The next notification or poll starts another read.
      this.#log.warn({ err, room_id: this.id }, 'failed to read the log of a room; retrying')
    } finally {
      this.#reading = undefined
    }
  }

  /** Continues with the entry `seq`, because earlier entries were deleted before they could be delivered. */
  #skipTo(seq: number): void {
    this.hasOthers = true
    this.deliver()
    this.head = seq - 1
    this.#known = Math.max(this.#known, this.head)
    for (const ahead of this.#ahead.keys()) if (ahead < seq) this.#ahead.delete(ahead)
    for (const subscriber of this.subscribers) subscriber.broken('expired')
  }

  #renew(epoch: string, lastSeq: number): void {
    this.epoch = epoch
    this.hasOthers = true
    this.#pages.forget(this.id)
    this.#pending = []
    this.#ahead.clear()
    this.head = this.#known = lastSeq
    for (const subscriber of this.subscribers) subscriber.broken('epoch')
  }
}
