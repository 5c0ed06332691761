/**
 * A room on this process: its log is delivered strictly by `seq`, wherever the news came from. What was committed here comes
 * at once; of what others committed only the `seq` is told, and the log is read. A gap is always read before what follows it.
 */
import type { Log } from '../../lib/logging.ts'
import { type Chunk, chunkOf, type Encoded } from '../connections/socket-writer.ts'
import type { Entry } from '../log/codec.ts'
import type { PageCache } from '../log/page-cache.ts'

/** Someone who follows a room; see subscription.ts. */
export interface Follower {
  /** Entries that follow each other directly, the last of them `head`. Called at most once a turn of the loop. */
  deliver(chunk: Chunk, head: number): void
  /** A frame that is not in the log, for whoever has room for it. */
  hint(frame: Encoded, exceptUserId?: number): void
  /** Sends a frame that replaces the one before it, unless both are the same or the client reads too slowly. */
  replace(frame: Encoded): void
  /** What comes next doesn't follow what was delivered: the log is another one now, or what was between was deleted. */
  broken(reason: 'epoch' | 'expired'): void
}

/** How far a log reaches, as the database has it. */
export interface Reach {
  readonly epoch: string
  readonly lastSeq: number
  readonly oldestSeq: number
}

/** What is known of a room when it is loaded. */
export interface RoomOptions extends Reach {
  readonly id: number
  readonly name: string
  readonly title: string | null
  readonly hasOthers?: boolean | undefined
  readonly pages: PageCache<Entry>
  readonly log: Log
}

/** The most entries that wait for a gap to be read; beyond it they are read too. */
const MAX_AHEAD = 1000

export class Room {
  readonly id: number
  readonly name: string
  title: string | null
  readonly followers = new Set<Follower>()
  epoch: string
  oldest: number
  /** Whether its log has, or may have, entries that are no messages: then lists of messages ask the database where to begin. */
  hasOthers: boolean
  /** The newest entry that was delivered to the followers. */
  head: number
  readonly #pages: PageCache<Entry>
  readonly #log: Log
  /** Continue `head` without a gap; delivered at the end of this turn of the loop. */
  #pending: Entry[] = []
  /** Were committed here, after a gap. */
  readonly #ahead = new Map<number, Entry>()
  /** The newest entry that is known to exist. */
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

  /** Changes whenever entries that were made before may say what is no longer to be shown. */
  get version(): number {
    return this.#pages.version
  }

  /**
   * Takes an entry that this process committed; returns whether it is news. One that was made before something was erased or
   * renamed, at another `version`, is read from the database like another process's.
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

  /** Entries or names were changed: what waits for a gap to be read is read too. */
  changed(): void {
    this.#ahead.clear()
  }

  /** The log is known to reach at least so far. */
  grown(seq: number): void {
    if (seq > this.#known) this.#known = seq
    if (this.#known > this.#tail) this.#reading ??= this.#read()
  }

  /** How far the database says that the log reaches; after it, `head` is at least that far or about to be. */
  async reaches({ epoch, lastSeq, oldestSeq }: Reach): Promise<void> {
    if (oldestSeq > this.oldest) this.#pages.forget(this.id, oldestSeq)
    this.oldest = Math.max(1, oldestSeq)
    if (epoch !== this.epoch) return this.#renew(epoch, lastSeq)
    if (this.oldest > this.#tail + 1) this.#skipTo(this.oldest)
    this.grown(lastSeq)
    await this.#reading
  }

  /** Entries from `seq` on, up to `head`: at once when they are in the window. */
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
    if (this.followers.size === 0) return
    const chunk = chunkOf(entries)
    for (const follower of this.followers) follower.deliver(chunk, this.head)
  }

  async #read(): Promise<void> {
    try {
      while (this.#known > this.#tail) {
        const from = this.#tail + 1
        const entries = await this.#pages.from(this.id, from, this.#known)
        // Meanwhile it may have been committed here, or the log become another.
        if (this.#tail !== from - 1) continue
        const [first] = entries
        // Told of something that is not there: a notification from before a restore, say.
        if (!first) this.#known = this.#tail
        else if (first.seq > from) this.#skipTo(first.seq)
        for (const entry of entries) if (entry.seq === this.#tail + 1) this.#append(entry)
      }
    } catch (err) {
      // The next notification, or the next look at the database, tries again.
      this.#log.warn({ err, room_id: this.id }, 'a room could not be read')
    } finally {
      this.#reading = undefined
    }
  }

  /** Continues at `seq`: earlier entries were deleted before they were read here. */
  #skipTo(seq: number): void {
    this.hasOthers = true
    this.#deliver()
    this.head = seq - 1
    this.#known = Math.max(this.#known, this.head)
    for (const ahead of this.#ahead.keys()) if (ahead < seq) this.#ahead.delete(ahead)
    for (const follower of this.followers) follower.broken('expired')
  }

  #renew(epoch: string, lastSeq: number): void {
    this.epoch = epoch
    this.hasOthers = true
    this.#pages.forget(this.id)
    this.#pending = []
    this.#ahead.clear()
    this.head = this.#known = lastSeq
    for (const follower of this.followers) follower.broken('epoch')
  }
}
