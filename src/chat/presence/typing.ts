/** Who may be shown as typing: a hint for others that costs each of them a frame, so it is rare, however often it is said. */
import { LruMap } from 'toad-cache'
import type { Clock } from '../../clock.ts'
import { createUserBudgets } from '../connections/user-budgets.ts'

/** One person is shown as typing in one room at most this often, in milliseconds. */
const TYPING_MS = 1000
/** One person is shown as typing this often a second, and at once, over all rooms. */
const PER_SECOND = 5
const BURST = 10
/** How many people in rooms are remembered; some 100 bytes each. */
const MAX_REMEMBERED = 10_000

export interface Typing {
  /** Whether a person may be shown as typing in a room now, over all of their connections, here and on other processes. */
  may(userId: number, roomId: number): boolean
  close(): void
}

/** Creates the process's throttle. */
export const createTyping = (clock: Clock): Typing => {
  const shownAt = new LruMap<number>(MAX_REMEMBERED)
  const budgets = createUserBudgets({ clock, perSecond: PER_SECOND, burst: BURST })

  return {
    may(userId, roomId) {
      const key = `${userId} ${roomId}`
      const now = clock.monotonic()
      if (now - (shownAt.get(key) ?? Number.NEGATIVE_INFINITY) < TYPING_MS || budgets.take(userId) > 0) return false
      shownAt.set(key, now)
      return true
    },
    close: () => budgets.close()
  }
}
