/**
 * Delivers consecutive entries of a room to its subscribers in this process. Entries are delivered in a microtask after they
 * are added, or later if the room pauses. See pause.ts.
 */
import type { Clock } from '../../lib/clock.ts'
import { type Chunk, chunkOf, type Encoded } from '../connections/encoded.ts'
import type { Entry } from '../log/entry.ts'
import { Pause } from './pause.ts'

/** The reason why a user may no longer read a room. */
export type RemovalReason = 'removed' | 'banned' | 'deleted'

/** Receives the entries of a room. See subscription.ts. */
export interface Subscriber {
  /** The id of the user who receives the entries. */
  readonly userId: number
  /** Whether the client has asked for the read marks of rooms. */
  readonly showsReads: boolean
  /** Delivers consecutive entries. `head` is the `seq` of the last entry. */
  deliver(chunk: Chunk<Entry>, head: number): void
  /**
   * Sends a frame that is not in the log, such as a typing notification. Drops the frame if the client reads too slowly, or if
   * the client belongs to the user `exceptUserId`.
   */
  hint(frame: Encoded, exceptUserId?: number): void
  /** Sends a presence frame. Drops the frame if it equals the previous presence frame, or if the client reads too slowly. */
  replace(frame: Encoded): void
  /**
   * Reports that the next entries cannot be delivered, either because the log was replaced by a new incarnation (`epoch`), or
   * because the entries were deleted (`expired`).
   */
  broken(reason: 'epoch' | 'expired'): void
  /** Reports that the user may no longer read the room. The entry that ended the access is delivered before this call. */
  removed(reason: RemovalReason): void
  /** Ends the connection, because it is not known whether the user may still read the room. The client may reconnect. */
  interrupt(): void
}

/** Called after each delivery, with the delivered entries. Not called if the room has no subscribers. */
export type OnDelivered = (entries: readonly Entry[]) => void

export class Delivery {
  readonly subscribers = new Set<Subscriber>()
  /** The `seq` of the newest entry that was delivered. */
  head: number
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #onDelivered: OnDelivered | undefined
  readonly #pause: Pause
  /** The entries after `head` that the next delivery contains. */
  #pending: Entry[] = []

  constructor(head: number, clock: Pick<Clock, 'monotonic'>, onDelivered?: OnDelivered) {
    this.head = head
    this.#onDelivered = onDelivered
    this.#clock = clock
    this.#pause = new Pause(clock, () => this.deliver())
  }

  /** The `seq` of the newest entry that was delivered or is pending. */
  get tail(): number {
    return this.head + this.#pending.length
  }

  /** Called when this process starts to append an entry. `appendEnded` must be called when the append ends. */
  appendStarted(): void {
    this.#pause.appendStarted()
  }

  /** Called after the append has ended and before the entry is added. */
  appendEnded(): void {
    this.#pause.appendEnded()
  }

  /** Adds the entry after `tail` to the next delivery. */
  add(entry: Entry): void {
    this.#pending.push(entry)
    if (this.#pending.length === 1) this.#pause.schedule()
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
    this.#onDelivered?.(entries)
  }

  /**
   * Ends the subscriptions of the user `userId`, or all subscriptions if `userId` is undefined. Delivers the pending entries
   * first. If there is no such subscription, the pending entries stay pending.
   */
  remove(reason: RemovalReason, userId?: number): void {
    const isTheirs = (subscriber: Subscriber): boolean => userId === undefined || subscriber.userId === userId
    if (![...this.subscribers].some(isTheirs)) return
    this.deliver()
    for (const subscriber of [...this.subscribers].filter(isTheirs)) subscriber.removed(reason)
  }

  /**
   * Continues after the entry `head`, because the entries up to `head` cannot be delivered. Drops the pending entries, and
   * notifies the subscribers.
   */
  restart(head: number, reason: 'epoch' | 'expired'): void {
    this.#pending = []
    this.head = head
    for (const subscriber of this.subscribers) subscriber.broken(reason)
  }
}
