/**
 * Tracks which users are in one room. Counts the connections of this process, and applies the lists of users that other
 * processes publish. Limits how often updates of the list of users are due.
 */
import type { BusEvent } from '../../bus/events.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Presence } from '../../protocol/http/rooms.ts'
import { type Present, PresentUsers } from './present-users.ts'

/** Maximum number of users of a room that are listed by name. For a room with more users, only the number of users is shown. */
export const MAX_NAMED = 100
/**
 * Minimum time in milliseconds between two updates of the list of users. An update is a `presence` frame for the subscribers, a
 * `present` event for the other processes, or both.
 */
const CHANGE_MS = 1000
/**
 * If a room has more users than this, the minimum time between updates grows in proportion to the number of users. The reason
 * is that each `presence` frame is sent to every subscriber.
 */
const SLOW_ABOVE = 1000

/** The objects that all rooms of a process share. */
export interface RoomPresenceContext {
  readonly clock: Clock
  /** The id of this process. */
  readonly processId: string
  /** Returns whether a user was deleted recently. The list of another process may still contain such a user. */
  readonly isDeleted: (userId: number) => boolean
  /** Called when a user has joined or left a room. Not called for a room with more than `MAX_NAMED` users. */
  readonly onNotice: (roomId: number, event: 'joined' | 'left', person: Present) => void
}

export class RoomPresence {
  readonly #roomId: number
  readonly #context: RoomPresenceContext
  readonly #users = new PresentUsers()
  /** The number of this process's connections in the room, keyed by user id. */
  readonly #here = new Map<number, number>()
  /**
   * The number of users that another process has in the room, keyed by process id. Contains only the processes that have too
   * many users to list.
   */
  readonly #crowds = new Map<string, number>()
  #notifiedAt = Number.NEGATIVE_INFINITY
  #isChanged = false
  #isHereChanged = false

  constructor(roomId: number, context: RoomPresenceContext) {
    this.#roomId = roomId
    this.#context = context
  }

  get isEmpty(): boolean {
    return this.#users.size === 0 && this.#crowds.size === 0
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
    this.#users.release(userId, this.#context.processId, this.#context.clock.monotonic())
  }

  /** Applies the list of another process: its users, or only their number. */
  apply(process: string, { users = [], count = 0 }: Pick<BusEvent<'present'>, 'users' | 'count'>): void {
    const before = this.#crowds.get(process) ?? 0
    if (count > 0) this.#crowds.set(process, count)
    else this.#crowds.delete(process)
    if (before !== count) this.#isChanged = true
    const named = new Set(users.map(([userId]) => userId))
    this.#users.releaseOthers(named, process, this.#context.clock.monotonic())
    for (const [userId, username] of users) this.#add({ userId, username }, process)
  }

  /**
   * Removes another process from all users, because that process has stopped. A user without a process is removed later. See
   * present-users.ts.
   */
  forget(process: string): void {
    if (this.#crowds.delete(process)) this.#isChanged = true
    this.#users.releaseOthers(new Set(), process, this.#context.clock.monotonic())
  }

  /** Applies the new name of a user. */
  rename(userId: number, username: string): void {
    if (this.#users.rename({ userId, username })) this.#isChanged = true
    if (this.#here.has(userId)) this.#isHereChanged = true
  }

  /** Removes a deleted user immediately. */
  delete(userId: number): void {
    const now = this.#context.clock.monotonic()
    if (this.#users.end(userId, now)) this.sweep(now)
  }

  /** Removes users who have left and did not return in time. */
  sweep(now: number): void {
    const left = this.#users.takeLeft(now)
    if (left.length === 0) return
    this.#isChanged = true
    // `count` is the number of users before each removal, so it decreases by one per removal. A removal is reported only if
    // `count` is at most `MAX_NAMED`.
    let count = this.#count + left.length
    for (const person of left) if (count-- <= MAX_NAMED) this.#context.onNotice(this.#roomId, 'left', person)
  }

  /**
   * Returns which updates are due. If `isHereChanged` is true, the users of this process have changed, and other processes must
   * be notified. If `isChanged` is true, the users of the room have changed, and the subscribers must be notified. Each change
   * is returned only once.
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
    const users = this.#users.list().map(({ userId, username }) => ({ user_id: userId, username }))
    return { room, count, users: users.sort((a, b) => a.user_id - b.user_id) }
  }

  /** Returns the event that lists the users of this process, or has only their number if there are too many to list. */
  snapshot(): BusEvent<'present'> {
    const about = { kind: 'present', room: this.#roomId } as const
    if (this.#here.size > MAX_NAMED) return { ...about, count: this.#here.size }
    const users = [...this.#here.keys()].map(userId => [userId, this.#users.nameOf(userId) ?? ''] as const)
    return { ...about, users }
  }

  get #count(): number {
    return [...this.#crowds.values()].reduce((a, b) => a + b, this.#users.size)
  }

  #add(person: Present, holder: string): void {
    const { userId } = person
    if (this.#users.hold(userId, holder)) {
      // Another process may publish an old name until that process has read the rename. So if a user is also connected to this
      // process, the name that the other process publishes is ignored. If it were applied, two processes could keep sending an
      // old name to each other.
      const isKnownHere = holder !== this.#context.processId && this.#here.has(userId)
      if (!isKnownHere && this.#users.rename(person)) this.#isChanged = true
      return
    }
    if (this.#context.isDeleted(userId)) return
    this.#users.add(person, holder)
    this.#isChanged = true
    if (this.#count <= MAX_NAMED) this.#context.onNotice(this.#roomId, 'joined', person)
  }
}
