/**
 * Tracks the users of one room, and the processes that have connections of each user in the room. A user without such a process
 * stays in the room for `GRACE_MS`.
 */
import type { Principal } from '../access/authorize.ts'

/**
 * Time in milliseconds between the end of a user's last connection and the report that the user has left. A user who reconnects
 * within this time, for example by reloading a page, is not reported.
 */
export const GRACE_MS = 5000

/** A user in a room. */
export type Present = Pick<Principal, 'userId' | 'username'>

const NONE: readonly Present[] = []

interface Seen {
  person: Present
  /** The ids of the processes that have a connection of this user in the room. */
  readonly holders: Set<string>
  /** The monotonic time in milliseconds at which the user is removed. Infinity until the user's last connection ends. */
  leavesAt: number
}

export class PresentUsers {
  readonly #seen = new Map<number, Seen>()
  /** True if a user may have to be removed. If false, `takeLeft` does not check the users. */
  #isLeaving = false

  get size(): number {
    return this.#seen.size
  }

  nameOf(userId: number): string | undefined {
    return this.#seen.get(userId)?.person.username
  }

  /** Returns the users in the order in which they joined. */
  list(): Present[] {
    return [...this.#seen.values()].map(({ person }) => person)
  }

  /** Adds a user, and the process that has a connection of the user. */
  add(person: Present, holder: string): void {
    this.#seen.set(person.userId, { person, holders: new Set([holder]), leavesAt: Number.POSITIVE_INFINITY })
  }

  /** Adds a process that has a connection of a user. Returns false if the user has to be added first. */
  hold(userId: number, holder: string): boolean {
    const seen = this.#seen.get(userId)
    if (!seen) return false
    seen.holders.add(holder)
    seen.leavesAt = Number.POSITIVE_INFINITY
    return true
  }

  /** Records that a process no longer has a connection of the user. `now` is the monotonic time. */
  release(userId: number, holder: string, now: number): void {
    const seen = this.#seen.get(userId)
    if (!seen?.holders.delete(holder) || seen.holders.size > 0) return
    seen.leavesAt = now + GRACE_MS
    this.#isLeaving = true
  }

  /** Removes a process from every user whose id is not in `userIds`. */
  releaseOthers(userIds: ReadonlySet<number>, holder: string, now: number): void {
    for (const userId of this.#seen.keys()) if (!userIds.has(userId)) this.release(userId, holder, now)
  }

  /** Applies the name of a user. Returns whether the name is new. */
  rename(person: Present): boolean {
    const seen = this.#seen.get(person.userId)
    if (!seen || seen.person.username === person.username) return false
    seen.person = person
    return true
  }

  /** Lets the next `takeLeft` remove a user. Returns false if the user is not in the room. */
  end(userId: number, now: number): boolean {
    const seen = this.#seen.get(userId)
    if (!seen) return false
    seen.leavesAt = now
    this.#isLeaving = true
    return true
  }

  /** Removes the users who have left and did not return in time, and returns them. */
  takeLeft(now: number): readonly Present[] {
    if (!this.#isLeaving) return NONE
    this.#isLeaving = false
    const left: Present[] = []
    for (const [userId, { person, leavesAt }] of this.#seen) {
      if (leavesAt < Number.POSITIVE_INFINITY && leavesAt > now) this.#isLeaving = true
      if (leavesAt > now) continue
      this.#seen.delete(userId)
      left.push(person)
    }
    return left
  }
}
