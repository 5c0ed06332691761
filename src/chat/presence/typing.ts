/** Limits typing notifications, because each one costs a frame for every subscriber of a room. */
import { LruMap } from 'toad-cache'
import type { Clock } from '../../lib/clock.ts'
import { createTokenBucket, type TokenBucket } from '../connections/token-bucket.ts'
import { createUserBuckets } from '../connections/user-buckets.ts'

/** Limits how often a user is shown as typing in one room, in milliseconds. */
const TYPING_MS = 1000
/** Limits how often a user is shown as typing in all rooms together, per second and in a burst. */
const PER_SECOND = 5
const BURST = 10
/** Limits the frames for one room, per second and in a burst, counting each subscriber: a large room shows fewer typing users. */
const NOTICES_PER_SECOND = 2000
const NOTICE_BURST = 4000
/** Limits how many users in rooms, and how many rooms, are tracked; about 100 bytes each. */
const MAX_REMEMBERED = 10_000

export interface Typing {
  /**
   * Returns whether a user may be shown as typing to the subscribers of a room now, counting all of the user's connections, here and
   * on other processes.
   */
  may(userId: number, roomId: number, subscribers: number): boolean
  close(): void
}

/** Creates the limits of one process. */
export const createTyping = (clock: Clock): Typing => {
  const shownAt = new LruMap<number>(MAX_REMEMBERED)
  const users = createUserBuckets({ clock, perSecond: PER_SECOND, burst: BURST })
  const rooms = new LruMap<TokenBucket>(MAX_REMEMBERED)

  const roomTakes = (roomId: number, subscribers: number): boolean => {
    const room = rooms.get(roomId) ?? createTokenBucket(NOTICES_PER_SECOND, NOTICE_BURST)
    rooms.set(roomId, room)
    return room.take(clock.monotonic(), Math.min(subscribers, NOTICE_BURST)) === 0
  }

  return {
    may(userId, roomId, subscribers) {
      const key = `${userId} ${roomId}`
      const now = clock.monotonic()
      if (now - (shownAt.get(key) ?? Number.NEGATIVE_INFINITY) < TYPING_MS) return false
      if (users.take(userId) > 0 || !roomTakes(roomId, subscribers)) return false
      shownAt.set(key, now)
      return true
    },
    close: () => users.close()
  }
}
