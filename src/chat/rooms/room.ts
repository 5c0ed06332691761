/**
 * Delivers a room's log in this process strictly by `seq`. Entries committed here are delivered at once; of those committed by others
 * only the `seq` is announced, and the log is read. A gap is always read before the entries after it.
 */
import type { Log } from '../../lib/logging.ts'
import { type Chunk, chunkOf, type Encoded } from '../connections/socket-writer.ts'
import type { Entry } from '../log/codec.ts'
import type { PageCache } from '../log/page-cache.ts'

/** Receives the entries of a room; see subscription.ts. */
export interface Subscriber {
  /** Delivers consecutive entries, the last of them `head`. Called at most once per turn of the event loop. */
  deliver(chunk: Chunk, head: number): void
  /** Delivers a frame that is not in the log, if the socket's queue has space for it. */
  hint(frame: Encoded, exceptUserId?: number): void
  /** Sends a frame that replaces the previous one, unless both are the same or the client reads too slowly. */
  replace(frame: Encoded): void
  /** Reports a gap after what was delivered: the log is another incarnation, or the entries between were deleted. */
  broken(reason: 'epoch' | 'expired'): void
}

/** Describes the range of a log in the database. */
export interface Reach {
  readonly epoch: string
  readonly lastSeq: number
  readonly oldestSeq: number
}

/** Holds what is known of a room when it is loaded. */
export interface RoomOptions extends Reach {
  readonly id: number
  readonly name: string
  readonly title: string | null
  readonly hasOthers?: boolean | undefined
  readonly pages: PageCache<Entry>
  readonly log: Log
}

/** Limits the entries that wait for a gap to be read; entries beyond it are read too. */
const MAX_AHEAD = 1000

export class Room {
  readonly id: number
  readonly name: string
  title: string | null
  readonly subscribers = new Set<Subscriber>()
  epoch: string
  oldest: number
  /** Whether its log has, or may have, entries that are no messages: then lists of messages ask the database where to begin. */
  hasOthers: boolean
  /** Holds the `seq` of the newest entry that was delivered. */
  head: number
  readonly #pages: PageCache<Entry>
  readonly #log: Log
  /** Continues `head` without a gap; delivered at the end of this turn of the event loop. */
  #pending: Entry[] = []
  /** Holds entries that were committed here, after a gap. */
  readonly #ahead = new Map<number, Entry>()
  /** Holds the `seq` of the newest entry that is known to exist. */
  #known: number
  #reading: Promise<void> | undefined

  constructor({ id, name, title, epoch, lastSeq, oldestSeq, hasOthers = false, pages, log }: RoomOptions) {
    this.id = id
    this.name = name
    this.title = title
    this.epoch = epoch
    this.hasOthers = hasOthers
    this.oldest = Math.max(1, oldestSeq)
    this.head = this.#known = lastSeq
    this.#pages = pages
    this.#log = log
  }

  /** Changes whenever cached entries may contain what must no longer be shown. */
  get version(): number {
    return this.#pages.version
  }

  /**
   * Takes an entry that this process committed; returns whether it is new. An entry from before an erasure or a change of name, at
   * another `version`, is read from the database like that of another process.
   */
  committed(entry: Entry, version = this.version): boolean {
    const tail = this.#tail
    if (entry.seq <= tail) return false
    if (version === this.version) {
      if (entry.seq === tail + 1) this.#append(entry)
      else if (this.#ahead.size < MAX_AHEAD) this.#ahead.set(entry.seq, entry)
    }
    this.grown(entry.seq)
    return true
  }

  /** Handles that entries or names have changed: entries that wait for a gap are read too. */
  changed(): void {
    this.#ahead.clear()
  }

  /** Handles that the log reaches at least `seq`. */
  grown(seq: number): void {
    if (seq > this.#known) this.#known = seq
    if (this.#known > this.#tail) this.#reading ??= this.#read()
  }

  /** Applies the range in the database; afterwards `head` has reached it or is about to. */
  async reaches({ epoch, lastSeq, oldestSeq }: Reach): Promise<void> {
    if (oldestSeq > this.oldest) this.#pages.forget(this.id, oldestSeq)
    this.oldest = Math.max(1, oldestSeq)
    if (epoch !== this.epoch) return this.#renew(epoch, lastSeq)
    if (this.oldest > this.#tail + 1) this.#skipTo(this.oldest)
    this.grown(lastSeq)
    await this.#reading
  }

  /** Returns the entries from `seq` up to `head`, synchronously if they are cached. */
  from(seq: number): Entry[] | Promise<Entry[]> {
    return this.#pages.from(this.id, seq, this.head)
  }

  /** Resolves when no gap is being read. */
  async settled(): Promise<void> {
    await this.#reading
  }

  get #tail(): number {
    return this.head + this.#pending.length
  }

  #append(entry: Entry): void {
    this.hasOthers ||= !entry.isMessage
    this.#pages.add(this.id, entry)
    this.#ahead.delete(entry.seq)
    this.#pending.push(entry)
    if (this.#pending.length === 1) queueMicrotask(() => this.#deliver())
    const next = this.#ahead.get(entry.seq + 1)
    if (next) this.#append(next)
  }

  #deliver(): void {
    const entries = this.#pending
    if (entries.length === 0) return
    this.#pending = []
    this.head += entries.length
    if (this.subscribers.size === 0) return
    const chunk = chunkOf(entries)
    for (const subscriber of this.subscribers) subscriber.deliver(chunk, this.head)
  }

  async #read(): Promise<void> {
    try {
      while (this.#known > this.#tail) {
        const from = this.#tail + 1
        const entries = await this.#pages.from(this.id, from, this.#known)
        // Meanwhile entries may have been committed here, or the log may be another incarnation.
        if (this.#tail !== from - 1) continue
        const [first] = entries
        // The announced entry doesn't exist, for example after the database was restored.
        if (!first) this.#known = this.#tail
        else if (first.seq > from) this.#skipTo(first.seq)
        for (const entry of entries) if (entry.seq === this.#tail + 1) this.#append(entry)
      }
    } catch (err) {
      // The next notification or poll retries.
      this.#log.warn({ err, room_id: this.id }, 'can not read the log of a room; retrying')
    } finally {
      this.#reading = undefined
    }
  }

  /** Continues at `seq`, because earlier entries were deleted before they were read here. */
  #skipTo(seq: number): void {
    this.hasOthers = true
    this.#deliver()
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
