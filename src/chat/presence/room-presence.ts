/**
 * Tracks which users are in one room. A user is in the room while at least one process has a connection of the user in the
 * room, and for `GRACE_MS` afterwards.
 */
import type { BusEvent } from '../../bus/events.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Presence } from '../../protocol/http/rooms.ts'
import type { Principal } from '../access/authorize.ts'

/** Maximum number of users of a room that are listed by name. For a room with more users, only the number of users is shown. */
export const MAX_NAMED = 100
/**
 * Time in milliseconds between the end of a user's last connection and the report that the user has left. A user who reconnects
 * within this time, for example by reloading a page, is not reported.
 */
export const GRACE_MS = 5000
/**
 * Minimum time in milliseconds between two updates of the list of users. An update is a `presence` frame for the subscribers, a
 * `present` event for the other processes, or both.
 */
const CHANGE_MS = 1000
/**
 * The number of users above which the minimum time between updates grows in proportion to the number of users, because each
 * `presence` frame is sent to every subscriber.
 */
const SLOW_ABOVE = 1000

/** A user in a room. */
export type Present = Pick<Principal, 'userId' | 'username'>

/** What all rooms of a process share. */
export interface RoomPresenceContext {
  readonly clock: Clock
  /** The id of this process. */
  readonly processId: string
  /** Returns whether a user was deleted recently. The list of another process may still contain such a user. */
  readonly isDeleted: (userId: number) => boolean
  /** Called when a user has joined or left a room. Not called for a room with more than `MAX_NAMED` users. */
  readonly onNotice: (roomId: number, event: 'joined' | 'left', person: Present) => void
}

interface Seen {
  person: Present
  /** The ids of the processes that have a connection of this user in the room. */
  readonly holders: Set<string>
  /** The monotonic time in milliseconds at which the user is removed. Infinity until the user's last connection ends. */
  leavesAt: number
}

export class RoomPresence {
  readonly #roomId: number
  readonly #context: RoomPresenceContext
  readonly #people = new Map<number, Seen>()
  /** The number of this process's connections in the room, keyed by user id. */
  readonly #here = new Map<number, number>()
  /**
   * The number of a process's users in the room, keyed by process id. Contains only other processes that have too many users to
   * list.
   */
  readonly #crowds = new Map<string, number>()
  #notifiedAt = Number.NEGATIVE_INFINITY
  #isChanged = false
  #isHereChanged = false
  /** True if a user may have to be removed. If false, `sweep` does not check the users of the room. */
  #isLeaving = false

  constructor(roomId: number, context: RoomPresenceContext) {
    this.#roomId = roomId
    this.#context = context
  }

  get isEmpty(): boolean {
    return this.#people.size === 0 && this.#crowds.size === 0
  }

  /** True if this process has connections in the room. */
  get hasOwn(): boolean {
    return this.#here.size > 0
  }

  /** Returns whether a user has a connection of this process in the room. */
  has(userId: number): boolean {
    return this.#here.has(userId)
  }

  /** Adds a connection of this process. */
  join(person: Present): void {
    const count = this.#here.get(person.userId) ?? 0
    this.#here.set(person.userId, count + 1)
    if (count > 0) return
    this.#isHereChanged = true
    this.#add(person, this.#context.processId)
  }

  /** Removes a connection of this process. */
  leave({ userId }: Present): void {
    const count = this.#here.get(userId) ?? 0
    if (count > 1) return void this.#here.set(userId, count - 1)
    this.#here.delete(userId)
    this.#isHereChanged = true
    this.#remove(userId, this.#context.processId)
  }

  /** Applies the list of another process: its users, or only their number. */
  apply(process: string, { users = [], count = 0 }: Pick<BusEvent<'present'>, 'users' | 'count'>): void {
    const before = this.#crowds.get(process) ?? 0
    if (count > 0) this.#crowds.set(process, count)
    else this.#crowds.delete(process)
    if (before !== count) this.#isChanged = true
    const named = new Set(users.map(([userId]) => userId))
    for (const [userId, { holders }] of this.#people) {
      if (holders.has(process) && !named.has(userId)) this.#remove(userId, process)
    }
    for (const [userId, username] of users) this.#add({ userId, username }, process)
  }

  /** Removes the users of another process, because that process has stopped. */
  forget(process: string): void {
    if (this.#crowds.delete(process)) this.#isChanged = true
    for (const userId of this.#people.keys()) this.#remove(userId, process)
  }

  /** Applies the new name of a user. */
  rename(userId: number, username: string): void {
    const seen = this.#people.get(userId)
    if (seen) this.#rename(seen, { userId, username })
    if (this.#here.has(userId)) this.#isHereChanged = true
  }

  /** Removes a deleted user immediately. */
  delete(userId: number): void {
    const seen = this.#people.get(userId)
    if (!seen) return
    const now = this.#context.clock.monotonic()
    seen.leavesAt = now
    this.#isLeaving = true
    this.sweep(now)
  }

  /** Removes users who have left and did not return in time. */
  sweep(now: number): void {
    if (!this.#isLeaving) return
    this.#isLeaving = false
    for (const [userId, { person, leavesAt }] of this.#people) {
      if (leavesAt < Number.POSITIVE_INFINITY && leavesAt > now) this.#isLeaving = true
      if (leavesAt > now) continue
      const isNamed = this.#count <= MAX_NAMED
      this.#people.delete(userId)
      this.#isChanged = true
      if (isNamed) this.#context.onNotice(this.#roomId, 'left', person)
    }
  }

  /**
   * Returns which updates are due. `isHereChanged` is true if other processes must be notified because the users of this
   * process have changed. `isChanged` is true if subscribers must be notified because the users of the room have changed. Each
   * change is returned only once.
   */
  takeChanges(now: number): { readonly isHereChanged: boolean; readonly isChanged: boolean } {
    const isDue = now - this.#notifiedAt >= CHANGE_MS * Math.max(1, this.#count / SLOW_ABOVE)
    const changes = { isHereChanged: isDue && this.#isHereChanged, isChanged: isDue && this.#isChanged }
    if (!changes.isHereChanged && !changes.isChanged) return changes
    this.#notifiedAt = now
    this.#isChanged = this.#isHereChanged = false
    return changes
  }

  /** Returns the users of the room, or only their number if there are too many to list. */
  list(room: string): Presence {
    const count = this.#count
    if (count > MAX_NAMED || this.#crowds.size > 0) return { room, count }
    const users = [...this.#people.values()].map(({ person }) => ({
      user_id: person.userId,
      username: person.username
    }))
    return { room, count, users: users.sort((a, b) => a.user_id - b.user_id) }
  }

  /** Returns the event that lists the users of this process, or has only their number if there are too many to list. */
  snapshot(): BusEvent<'present'> {
    const about = { kind: 'present', room: this.#roomId } as const
    if (this.#here.size > MAX_NAMED) return { ...about, count: this.#here.size }
    const users = [...this.#here.keys()].map(
      userId => [userId, this.#people.get(userId)?.person.username ?? ''] as const
    )
    return { ...about, users }
  }

  get #count(): number {
    return [...this.#crowds.values()].reduce((a, b) => a + b, this.#people.size)
  }

  #add(person: Present, holder: string): void {
    const seen = this.#people.get(person.userId)
    if (seen) {
      seen.holders.add(holder)
      seen.leavesAt = Number.POSITIVE_INFINITY
      // Another process may publish an old name until it learns of a rename. This process learns of renames itself, and what it
      // publishes must not depend on what others publish: otherwise, two processes could keep the old name of each other.
      const isKnownHere = holder !== this.#context.processId && this.#here.has(person.userId)
      return isKnownHere ? undefined : this.#rename(seen, person)
    }
    if (this.#context.isDeleted(person.userId)) return
    this.#people.set(person.userId, { person, holders: new Set([holder]), leavesAt: Number.POSITIVE_INFINITY })
    this.#isChanged = true
    if (this.#count <= MAX_NAMED) this.#context.onNotice(this.#roomId, 'joined', person)
  }

  #remove(userId: number, holder: string): void {
    const seen = this.#people.get(userId)
    if (!seen?.holders.delete(holder) || seen.holders.size > 0) return
    seen.leavesAt = this.#context.clock.monotonic() + GRACE_MS
    this.#isLeaving = true
  }

  #rename(seen: Seen, person: Present): void {
    if (seen.person.username === person.username) return
    seen.person = person
    this.#isChanged = true
  }
}
