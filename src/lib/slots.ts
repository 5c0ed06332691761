/** Limits how many tasks run at the same time. */

export interface Slots {
  /** The number of tasks that run. */
  readonly active: number
  /** The number of tasks that wait for a slot. */
  readonly waiting: number
  /** Calls `begin` when a slot is free, which may be immediately. The task keeps the slot until `release` is called for it. */
  take(begin: () => void): void
  /** Ends a task. The task that has waited longest gets its slot. */
  release(): void
}

/** Creates free slots. To take a free slot is synchronous and creates no promise. */
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
      // A loop and no recursion: a task that begins may release its slot immediately, and so may all tasks that wait.
      if (isFilling) return
      isFilling = true
      while (active < max && queue.length > 0) {
        active++
        queue.shift()?.()
      }
      isFilling = false
    }
  }
}
