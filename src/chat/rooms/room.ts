/**
 * Delivers a room's log to the subscribers of this process, in the order of `seq`. An entry is delivered only after all entries
 * before it. Other processes announce only the `seq` of their entries, so this process reads these entries from the log.
 *
 * Entries are delivered in a microtask after they are added, or later if the room pauses. See pause.ts.
 */
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import { type Chunk, chunkOf, type Encoded } from '../connections/encoded.ts'
import type { Entry } from '../log/entry.ts'
import type { PageCache } from '../log/page-cache.ts'
import { Pause } from './pause.ts'

/** Receives the entries of a room. See subscription.ts. */
export interface Subscriber {
  /** Delivers consecutive entries. `head` is the `seq` of the last entry. */
  deliver(chunk: Chunk, head: number): void
  /**
   * Sends a frame that is not in the log, such as a typing notification. Drops the frame if the client reads too slowly, or if
   * the client belongs to the user `exceptUserId`.
   */
  hint(frame: Encoded, exceptUserId?: number): void
  /** Sends a presence frame. Drops the frame if it equals the previous presence frame, or if the client reads too slowly. */
  replace(frame: Encoded): void
  /**
   * Reports that the next entries cannot be delivered, either because the log is a new incarnation (`epoch`), or because the
   * entries were deleted (`expired`).
   */
  broken(reason: 'epoch' | 'expired'): void
}

/** The incarnation and the range of a log in the database. */
export interface Reach {
  readonly epoch: string
  readonly lastSeq: number
  readonly oldestSeq: number
}

/** The state of a room when it is loaded, and the parts of the chat that the room uses. */
export interface RoomOptions extends Reach {
  readonly id: number
  readonly name: string
  readonly title: string | null
  readonly hasOthers?: boolean | undefined
  readonly pages: PageCache<Entry>
  readonly log: Log
  readonly clock: Pick<Clock, 'monotonic'>
}

/**
 * Maximum number of this process's entries that are kept in memory until all earlier entries have been read. Any further
 * entries are read from the log.
 */
const MAX_AHEAD = 1000
export class Room {
  readonly id: number
  readonly name: string
  title: string | null
  readonly subscribers = new Set<Subscriber>()
  epoch: string
  oldest: number
  /**
   * True if the log may have gaps, or entries that are not messages. In this case, the first `seq` of the last n messages must
   * be looked up in the database.
   */
  hasOthers: boolean
  /** The `seq` of the newest entry that was delivered. */
  head: number
  readonly #pages: PageCache<Entry>
  readonly #log: Log
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #pause: Pause
  /** The entries after `head` that the next delivery contains. */
  #pending: Entry[] = []
  /** Entries that this process has committed, keyed by `seq`. They wait until all earlier entries have been read. */
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
    this.#pause = new Pause(clock, () => this.deliver())
  }

  /** See `PageCache.version`. */
  get version(): number {
    return this.#pages.version
  }

  /** Called when the append of an entry of this process starts. `appendEnded` must be called for it later. */
  appendStarted(): void {
    this.#pause.appendStarted()
  }

  /** Called when the append has ended, and before `committed`. */
  appendEnded(): void {
    this.#pause.appendEnded()
  }

  /**
   * Adds an entry that this process committed. Returns false if the room already has the entry. `version` is the version of the
   * room when the entry was created. If the version has changed since then, the entry may contain an old name or erased text,
   * so the entry is read from the database instead.
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
   * Delivers the pending entries. Drops the entries that wait for earlier entries, so that they are read from the log. Called
   * when entries or names have changed.
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

  /**
   * Applies the current incarnation and range of the log in the database. Resolves when the missing entries have been read, or
   * when the read has failed.
   */
  async reaches({ epoch, lastSeq, oldestSeq }: Reach): Promise<void> {
    if (oldestSeq > this.oldest) this.#pages.forget(this.id, oldestSeq)
    this.oldest = Math.max(1, oldestSeq)
    if (epoch !== this.epoch) return this.#renew(epoch, lastSeq)
    if (this.oldest > this.tail + 1) this.#skipTo(this.oldest)
    this.grown(lastSeq)
    await this.#reading
  }

  /** Returns consecutive entries from `seq` on. See `PageCache.from`. */
  from(seq: number): Entry[] | Promise<Entry[]> {
    return this.#pages.from(this.id, seq, this.head)
  }

  /** Resolves when the current read of missing entries has ended. */
  async settled(): Promise<void> {
    await this.#reading
  }

  /** The `seq` of the newest entry that was delivered or is pending. */
  get tail(): number {
    return this.head + this.#pending.length
  }

  #append(entry: Entry): void {
    this.hasOthers ||= !entry.isMessage
    // The change feed also removes these pages, but this entry may arrive first.
    if (entry.erasedUser !== undefined) this.#pages.eraseUser(this.id, entry.erasedUser, entry.seq)
    this.#pages.add(this.id, entry)
    this.#ahead.delete(entry.seq)
    this.#pending.push(entry)
    if (this.#pending.length === 1) this.#pause.schedule()
    const next = this.#ahead.get(entry.seq + 1)
    if (next) this.#append(next)
  }

  /** Delivers the pending entries now, even during a pause. */
  deliver(): void {
    this.#pause.cancel()
    const entries = this.#pending
    if (entries.length === 0) return
    this.#pending = []
    this.head += entries.length
    if (this.subscribers.size === 0) return
    const startedAt = this.#clock.monotonic()
    const chunk = chunkOf(entries)
    for (const subscriber of this.subscribers) subscriber.deliver(chunk, this.head)
    this.#pause.start(this.#clock.monotonic() - startedAt)
  }

  async #read(): Promise<void> {
    try {
      while (this.#known > this.tail) {
        const from = this.tail + 1
        const entries = await this.#pages.from(this.id, from, this.#known)
        // If entries were committed here during the read, or if the log became a new incarnation, the result is out of date.
        if (this.tail !== from - 1) continue
        const [first] = entries
        // If nothing was read, the announced entry doesn't exist, for example because the database was restored from a backup.
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
