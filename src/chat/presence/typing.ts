/** Who may be shown as typing: a hint for others that costs each of them a frame, so it is rare, however often it is said. */
import { LruMap } from 'toad-cache'
import type { Clock } from '../../lib/clock.ts'
import { createTokenBucket, type TokenBucket } from '../connections/token-bucket.ts'
import { createUserBuckets } from '../connections/user-buckets.ts'

/** One person is shown as typing in one room at most this often, in milliseconds. */
const TYPING_MS = 1000
/** One person is shown as typing this often a second, and at once, over all rooms. */
const PER_SECOND = 5
const BURST = 10
/** One room passes this many notices on a second, and at once, each follower counted: a large room shows fewer typists. */
const NOTICES_PER_SECOND = 2000
const NOTICE_BURST = 4000
/** How many people in rooms, and how many rooms, are remembered; some 100 bytes each. */
const MAX_REMEMBERED = 10_000

export interface Typing {
  /**
   * Whether a person may be shown as typing to the followers of a room now, over all of their connections, here and on other
   * processes.
   */
  may(userId: number, roomId: number, followers: number): boolean
  close(): void
}

/** Creates the process's throttle. */
export const createTyping = (clock: Clock): Typing => {
  const shownAt = new LruMap<number>(MAX_REMEMBERED)
  const users = createUserBuckets({ clock, perSecond: PER_SECOND, burst: BURST })
  const rooms = new LruMap<TokenBucket>(MAX_REMEMBERED)

  const roomTakes = (roomId: number, followers: number): boolean => {
    const room = rooms.get(roomId) ?? createTokenBucket(NOTICES_PER_SECOND, NOTICE_BURST)
    rooms.set(roomId, room)
    return room.take(clock.monotonic(), Math.min(followers, NOTICE_BURST)) === 0
  }

  return {
    may(userId, roomId, followers) {
      const key = `${userId} ${roomId}`
      const now = clock.monotonic()
      if (now - (shownAt.get(key) ?? Number.NEGATIVE_INFINITY) < TYPING_MS) return false
      if (users.take(userId) > 0 || !roomTakes(roomId, followers)) return false
      shownAt.set(key, now)
      return true
    },
    close: () => users.close()
  }
}
