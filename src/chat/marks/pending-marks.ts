/** Collects the changes of read marks until they are written. Keeps one change per user and room. */
import type { ReadChange } from '../../db/database.ts'

/** Maximum number of changes that are kept. Each takes about 200 bytes. */
const MAX_PENDING = 20_000

/** A change that waits to be written. */
export interface PendingChange extends ReadChange {
  /**
   * True if this change replaced an earlier change that had another value of `isUnread`. The earlier change is never written,
   * but the client that sent the earlier change shows its effect. So this client must be notified of the mark.
   */
  readonly isReplacement?: boolean
}

export class PendingMarks {
  /** The changes, keyed by user id and by the name of the room. */
  readonly #users = new Map<number, Map<string, PendingChange>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get isFull(): boolean {
    return this.#size >= MAX_PENDING
  }

  /**
   * Adds a change, merged with the waiting change of the same user and room. If there is no such change and `isFull` is true,
   * drops the change.
   */
  add(change: ReadChange): void {
    const earlier = this.#get(change)
    this.#set(earlier ? merge(earlier, change) : change)
  }

  /**
   * Adds back changes that could not be written. They are older than the changes that were added in the meantime. Like `add`,
   * drops changes if `isFull` is true.
   */
  restore(changes: readonly PendingChange[]): void {
    for (const change of changes) {
      const later = this.#get(change)
      this.#set(later ? merge(change, later) : change)
    }
  }

  /** Removes and returns the waiting change of the same user and room. */
  takeEarlier(change: ReadChange): PendingChange | undefined {
    const earlier = this.#get(change)
    if (earlier) this.#delete(earlier)
    return earlier
  }

  /** Removes and returns the changes of a user. */
  takeOf(userId: number): PendingChange[] {
    const taken = [...(this.#users.get(userId)?.values() ?? [])]
    for (const change of taken) this.#delete(change)
    return taken
  }

  /** Removes and returns at most `count` changes. Starts with the users whose changes have waited longest. */
  take(count: number): PendingChange[] {
    const taken: PendingChange[] = []
    for (const changes of this.#users.values()) {
      for (const change of changes.values()) {
        if (taken.length === count) return taken
        this.#delete(change)
        taken.push(change)
      }
    }
    return taken
  }

  #get({ userId, room }: ReadChange): PendingChange | undefined {
    return this.#users.get(userId)?.get(room)
  }

  #set(change: PendingChange): void {
    const ofUser = this.#users.get(change.userId) ?? new Map<string, PendingChange>()
    if (!ofUser.has(change.room)) {
      if (this.isFull) return
      this.#size++
    }
    ofUser.set(change.room, change)
    this.#users.set(change.userId, ofUser)
  }

  #delete({ userId, room }: ReadChange): void {
    const ofUser = this.#users.get(userId)
    if (!ofUser?.delete(room)) return
    this.#size--
    if (ofUser.size === 0) this.#users.delete(userId)
  }
}

/** Merges two changes of the same user and room. */
export const merge = (earlier: PendingChange, later: PendingChange): PendingChange => {
  const isReplacement = earlier.isUnread !== later.isUnread || earlier.isReplacement || later.isReplacement || false
  const { userId, room, isUnread } = later
  // The `seq` of two incarnations of a log cannot be compared.
  const isOtherLog = earlier.epoch !== undefined && later.epoch !== undefined && earlier.epoch !== later.epoch
  const upTo = isOtherLog ? later.upTo : Math.max(earlier.upTo, later.upTo)
  const epoch = later.epoch ?? earlier.epoch
  // Lists the fields, because each message moves a mark, and spreading objects takes several times as long.
  return { userId, room, upTo, isUnread, epoch, isReplacement }
}
