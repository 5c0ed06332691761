/** Limits how many tasks run at the same time. */

export interface Slots {
  /** The number of running tasks. */
  readonly active: number
  /** The number of tasks that are waiting for a slot. */
  readonly waiting: number
  /** Calls `begin` when a slot is free, which may be immediately. The task keeps the slot until `release` is called for it. */
  take(begin: () => void): void
  /** Frees the slot of a task that has ended. The task that has waited longest gets the slot. */
  release(): void
}

/** Creates `max` free slots. If a slot is free, `take` calls `begin` synchronously and creates no promise. */
export const createSlots = (max: number): Slots => {
  const queue: (() => void)[] = []
  let active = 0
  let isFilling = false

  return {
    get active() {
      return active
    },
    get waiting() {
      return queue.length
    },
    take(begin) {
      if (active >= max || queue.length > 0) return void queue.push(begin)
      active++
      begin()
    },
    release() {
      active--
      // If a task releases its slot as soon as it begins, the loop below is still running and begins the next task.
      if (isFilling) return
      isFilling = true
      try {
        while (active < max && queue.length > 0) {
          active++
          queue.shift()?.()
        }
      } finally {
        isFilling = false
      }
    }
  }
}
