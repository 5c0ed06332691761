/**
 * Orders the entries of a room's log for the subscribers of this process. An entry is passed to delivery.ts only after all
 * entries before it. Other processes announce only the `seq` of their entries, so this process reads the entries of other
 * processes from the log.
 */

import type { Visibility } from '../../db/tables.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import type { Entry, MembershipChange } from '../log/entry.ts'
import type { PageCache } from '../log/page-cache.ts'
import { Delivery, type OnDelivered, type Subscriber } from './delivery.ts'

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
  readonly topic?: string | null | undefined
  /** The default is `public`. */
  readonly visibility?: Visibility | undefined
  /** See `RoomRow.guarded`. */
  readonly guarded?: boolean | undefined
  readonly archived?: boolean | undefined
  readonly hasOthers?: boolean | undefined
  readonly pages: PageCache<Entry>
  readonly log: Log
  readonly clock: Pick<Clock, 'monotonic'>
  readonly onDelivered?: OnDelivered | undefined
  /** Called when entries of a private or direct room were not read, or when the room was deleted. Must unload the room. */
  readonly onMissed?: ((room: Room) => void) | undefined
  /** Called when entries of a public room were not read. Must end the subscriptions of banned users. */
  readonly onGap?: ((room: Room) => void) | undefined
}

/** Maximum number of entries in `#ahead`. Any further entries are read from the log. */
const MAX_AHEAD = 1000
export class Room {
  readonly id: number
  readonly name: string
  title: string | null
  topic: string | null
  readonly visibility: Visibility
  readonly subscribers: Set<Subscriber>
  /** True if the room is public and may have muted or banned users. */
  isRestricted: boolean
  isArchived: boolean
  epoch: string
  oldest: number
  /**
   * True if the log may have gaps, or entries that are not messages. In this case, the positions of messages cannot be computed
   * and must be looked up in the database.
   */
  hasOthers: boolean
  /**
   * Maps each user who was removed or banned since the room was loaded to the `seq` of the removal or ban. A user who is added
   * again is deleted from the map. In a public room, the map contains only banned users, until they are unbanned.
   */
  #removed: Map<number, number> | undefined
  /** True after entries of a private or direct room were missed, or the room was deleted. While true, no entries are read. */
  #isUnloaded = false
  readonly #onGap: RoomOptions['onGap']
  readonly #onMissed: RoomOptions['onMissed']
  readonly #pages: PageCache<Entry>
  readonly #log: Log
  readonly #delivery: Delivery
  /** Entries that this process has committed, keyed by `seq`. They wait until all earlier entries have been read. */
  readonly #ahead = new Map<number, Entry>()
  /** The `seq` of the newest entry that is known to exist. */
  #known: number
  #reading: Promise<void> | undefined

  constructor({ id, name, epoch, lastSeq, oldestSeq, pages, log, clock, ...options }: RoomOptions) {
    const { title, topic = null, visibility = 'public', hasOthers = false, onMissed, onGap } = options
    this.id = id
    this.name = name
    this.title = title
    this.topic = topic
    this.visibility = visibility
    this.isRestricted = visibility === 'public' && options.guarded === true
    this.isArchived = options.archived === true
    this.#onMissed = onMissed
    this.#onGap = onGap
    this.epoch = epoch
    this.hasOthers = hasOthers
    this.oldest = Math.max(1, oldestSeq)
    this.#known = lastSeq
    this.#pages = pages
    this.#log = log
    this.#delivery = new Delivery(lastSeq, clock, options.onDelivered)
    this.subscribers = this.#delivery.subscribers
  }

  /** True if only members may read the room. */
  get isForMembers(): boolean {
    return this.visibility !== 'public'
  }

  /** True if the room was deleted, or must be loaded again. */
  get isEnded(): boolean {
    return this.#isUnloaded
  }

  /**
   * Returns whether the user is removed or banned, according to the entries that this room has read. An entry that was not read
   * yet may have admitted the user again.
   */
  hasRemoved(userId: number): boolean {
    return this.#removed?.has(userId) === true
  }

  /** Returns the `seq` of the entry that removed a user, or undefined if `hasRemoved` is false. */
  removedAt(userId: number): number | undefined {
    return this.#removed?.get(userId)
  }

  /**
   * Called when the ban of a user in a public room has ended. Has no effect if an entry after `seq` has banned the user again.
   */
  readmit(userId: number, seq: number | undefined): void {
    if (!this.isForMembers && seq !== undefined && this.removedAt(userId) === seq) this.#removed?.delete(userId)
  }

  /** The `seq` of the newest entry that was delivered. */
  get head(): number {
    return this.#delivery.head
  }

  /** The `seq` of the newest entry that was delivered or is pending. */
  get tail(): number {
    return this.#delivery.tail
  }

  /**
   * The `seq` of the newest entry that is known to exist. The entries after `tail` still have to be read, for example because
   * another process appended them, or because an entry was changed while it was appended.
   */
  get known(): number {
    return this.#known
  }

  /**
   * Whether the room can be unloaded. A room with subscribers cannot be unloaded. Neither can a room that is reading entries,
   * because the read would add entries to the page cache after another `Room` has replaced this one.
   */
  get isIdle(): boolean {
    return this.subscribers.size === 0 && !this.#reading
  }

  /** See `PageCache.version`. */
  get version(): number {
    return this.#pages.version
  }

  /** Called when this process starts to append an entry. `appendEnded` must be called when the append ends. */
  appendStarted(): void {
    this.#delivery.appendStarted()
  }

  /** Called after the append has ended and before `committed` is called. */
  appendEnded(): void {
    this.#delivery.appendEnded()
  }

  /**
   * Adds an entry that this process committed. Returns false if the room already has the entry. `version` is the version of the
   * room when the entry was created. If the version has changed since then, the entry may contain an old name or erased text.
   * In this case, the entry is read from the database instead.
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
   * Delivers the pending entries. Drops the entries in `#ahead`, so that the room reads these entries from the log. Called when
   * entries or names have changed.
   */
  changed(): void {
    this.deliver()
    this.#ahead.clear()
  }

  /** Called when the log is known to have an entry `seq`. Starts to read the missing entries. */
  grown(seq: number): void {
    if (seq > this.#known) this.#known = seq
    if (this.#known > this.tail && !this.#isUnloaded) this.#reading ??= this.#read(this.#known)
  }

  /**
   * Applies the current incarnation and range of the log in the database. Resolves when the missing entries have been read, or
   * when the read has failed.
   */
  async reaches({ epoch, lastSeq, oldestSeq }: Reach): Promise<void> {
    if (epoch !== this.epoch) {
      this.oldest = Math.max(1, oldestSeq)
      return this.#renew(epoch, lastSeq)
    }
    if (oldestSeq < this.oldest) this.oldest = Math.max(1, oldestSeq)
    this.expire(oldestSeq)
    this.grown(lastSeq)
    await this.caughtUp()
  }

  /** Called when the entries before `oldestSeq` have expired. They are not shown anymore, even if they are still stored. */
  expire(oldestSeq: number): void {
    if (oldestSeq <= this.oldest) return
    this.#pages.forget(this.id, oldestSeq)
    this.oldest = oldestSeq
    if (oldestSeq > this.tail + 1) this.#skipTo(oldestSeq)
  }

  /** Returns consecutive entries from `seq` on. See `PageCache.from`. */
  from(seq: number): Entry[] | Promise<Entry[]> {
    return this.#pages.from(this.id, seq, this.head)
  }

  /** Resolves when the entries up to `known` at the time of the call have been read, or when the read has failed. */
  async caughtUp(): Promise<void> {
    const known = this.#known
    this.grown(known)
    await this.#reading
    // The awaited read may have started earlier and ended before `known`. When such a read ends, it starts a second read.
    if (this.tail < known) await this.#reading
  }

  /** Delivers the pending entries now, even during a pause. */
  deliver(): void {
    this.#delivery.deliver()
  }

  #append(entry: Entry): void {
    if (this.#isUnloaded) return
    this.hasOthers ||= !entry.isMessage
    for (const seq of entry.changes ?? []) this.#pages.changed(this.id, seq, entry.isDeletion)
    // The change feed also removes the pages that contain erased entries, but possibly only after this entry has arrived.
    if (entry.erasedUser !== undefined) this.#pages.eraseUser(this.id, entry.erasedUser, entry.seq)
    this.#pages.add(this.id, entry)
    this.#ahead.delete(entry.seq)
    this.#delivery.add(entry)
    if (entry.membership) this.#applyMembership(entry.membership, entry.seq)
    if (entry.isEnd) return this.#end()
    const next = this.#ahead.get(entry.seq + 1)
    if (next) this.#append(next)
  }

  /**
   * Applies an entry about members to the subscriptions. A removed user receives the entry about the removal, and no later
   * entry. In a public room, a ban ends the user's subscriptions, and an unban admits the user again. In any other room, a ban
   * or a removal ends them, and an addition admits the user again.
   */
  #applyMembership({ userIds, change }: MembershipChange, seq: number): void {
    const isBan = change === 'banned'
    if ((isBan || change === 'muted') && !this.isForMembers) this.isRestricted = true
    for (const userId of userIds) {
      if (isBan || (change === 'left' && this.isForMembers)) {
        this.#removed ??= new Map()
        this.#removed.set(userId, seq)
        this.#delivery.remove(isBan ? 'banned' : 'removed', userId)
      } else if (change === (this.isForMembers ? 'joined' : 'unbanned')) this.#removed?.delete(userId)
    }
  }

  /** Ends all subscriptions, because the room was deleted. */
  #end(): void {
    this.#isUnloaded = true
    this.#delivery.remove('deleted')
    this.#onMissed?.(this)
  }

  /** Reads the missing entries up to `to`. Entries that become known during the read are read by a further read. */
  async #read(to: number): Promise<void> {
    try {
      while (to > this.tail && !this.#isUnloaded) {
        const from = this.tail + 1
        const entries = await this.#pages.from(this.id, from, to)
        // If this process committed entries during the read, or if the log was replaced by a new incarnation, the result is out
        // of date.
        if (this.tail !== from - 1) continue
        const [first] = entries
        // If nothing was read, the announced entry doesn't exist, for example because the database was restored from a backup.
        if (!first) {
          this.#known = this.tail
          break
        }
        if (first.seq > from) this.#skipTo(first.seq)
        for (const entry of entries) if (entry.seq === this.tail + 1) this.#append(entry)
      }
      this.#reading = undefined
      this.grown(this.#known)
    } catch (err) {
      // Allows the next notification or poll to start another read.
      this.#reading = undefined
      this.#log.warn({ err, room_id: this.id }, 'failed to read the log of a room; retrying')
    }
  }

  /** Continues with the entry `seq`, because earlier entries were deleted before they could be delivered. */
  #skipTo(seq: number): void {
    this.hasOthers = true
    this.deliver()
    this.#known = Math.max(this.#known, seq - 1)
    for (const ahead of this.#ahead.keys()) if (ahead < seq) this.#ahead.delete(ahead)
    this.#delivery.restart(seq - 1, 'expired')
    this.#missed()
  }

  #renew(epoch: string, lastSeq: number): void {
    this.epoch = epoch
    this.hasOthers = true
    this.#pages.forget(this.id)
    this.#ahead.clear()
    this.#known = lastSeq
    this.#delivery.restart(lastSeq, 'epoch')
    this.#missed()
  }

  /**
   * Ends the connections of all subscribers of a private or direct room, because the removal of one of them may be among the
   * entries that were not read. The access of users who reconnect is checked again. In a public room, only the bans of the
   * subscribers are looked up.
   */
  #missed(): void {
    if (this.#isUnloaded) return
    if (!this.isForMembers) {
      this.#onGap?.(this)
      return
    }
    this.#isUnloaded = true
    for (const subscriber of [...this.subscribers]) subscriber.interrupt()
    this.#onMissed?.(this)
  }
}
