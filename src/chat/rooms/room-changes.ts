/** Remembers which rooms have changed, so that a row that was read before a change is read again. */

/** Maximum number of rooms that are remembered. */
const MAX_REMEMBERED = 1000

export interface RoomChanges {
  /** The number of changes so far. */
  readonly count: number
  /** Returns whether a room may have changed since `count` had the value `since`. */
  has(id: number, since: number): boolean
  add(id: number): void
  /** Records a change of every room. */
  addAll(): void
  /** Removes the recorded changes. Called when no row is being read. */
  forget(): void
}

export const createRoomChanges = (): RoomChanges => {
  /** The value of `count` at the last change of each room. */
  const changedAt = new Map<number, number>()
  let count = 0
  let allChangedAt = 0

  const addAll = (): void => {
    allChangedAt = ++count
    changedAt.clear()
  }

  return {
    get count() {
      return count
    },
    has: (id, since) => Math.max(allChangedAt, changedAt.get(id) ?? 0) > since,
    add(id) {
      if (changedAt.size >= MAX_REMEMBERED) return addAll()
      changedAt.set(id, ++count)
    },
    addAll,
    forget: () => changedAt.clear()
  }
}
