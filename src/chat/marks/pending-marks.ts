/** Collects the changes of read marks until they are written. Keeps one change per user and room. */
import type { ReadChange } from '../../db/database.ts'

/** Maximum number of changes that are kept. Each takes about 200 bytes. */
const MAX_PENDING = 20_000

export class PendingMarks {
  readonly #changes = new Map<string, ReadChange>()

  get size(): number {
    return this.#changes.size
  }

  get isFull(): boolean {
    return this.#changes.size >= MAX_PENDING
  }

  /** Adds a change after the earlier ones. Drops the change if too many are waiting. */
  add(change: ReadChange): void {
    const key = keyOf(change)
    const earlier = this.#changes.get(key)
    if (!earlier && this.isFull) return
    this.#changes.set(key, earlier ? merge(earlier, change) : change)
  }

  /** Adds changes again that could not be written. The changes that were added since are later. */
  restore(changes: readonly ReadChange[]): void {
    for (const change of changes) {
      const later = this.#changes.get(keyOf(change))
      if (later || !this.isFull) this.#changes.set(keyOf(change), later ? merge(change, later) : change)
    }
  }

  /** Removes a change of this user and room, and returns the given later change together with it. */
  takeWith(change: ReadChange): ReadChange {
    const key = keyOf(change)
    const earlier = this.#changes.get(key)
    this.#changes.delete(key)
    return earlier ? merge(earlier, change) : change
  }

  /** Removes and returns at most `count` changes, the oldest first. */
  take(count: number): ReadChange[] {
    const taken: ReadChange[] = []
    for (const [key, change] of this.#changes) {
      if (taken.length === count) break
      this.#changes.delete(key)
      taken.push(change)
    }
    return taken
  }
}

// A room name contains no space.
const keyOf = ({ userId, room }: ReadChange): string => `${userId} ${room}`

const merge = (earlier: ReadChange, later: ReadChange): ReadChange => {
  // The numbers of two incarnations of a log cannot be compared.
  if (earlier.epoch !== undefined && later.epoch !== undefined && earlier.epoch !== later.epoch) return later
  return { ...later, upTo: Math.max(earlier.upTo, later.upTo), epoch: later.epoch ?? earlier.epoch }
}
