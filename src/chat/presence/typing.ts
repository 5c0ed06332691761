/** Limits typing notifications, because each one is sent to every subscriber of a room. */
import { LruMap } from 'toad-cache'
import type { Clock } from '../../lib/clock.ts'
import { TokenBucket } from '../connections/token-bucket.ts'
import { createUserBuckets } from '../connections/user-buckets.ts'

/** Minimum time in milliseconds between two notifications about the same user in the same room. */
const TYPING_MS = 1000
/** Maximum number of notifications about one user in all rooms together, per second and in a burst. */
const PER_SECOND = 5
const BURST = 10
/**
 * Maximum number of frames for the subscribers of one room, per second and in a burst. A notification counts once for each
 * subscriber, so a large room shows fewer typing users.
 */
const NOTICES_PER_SECOND = 2000
const NOTICE_BURST = 4000
/**
 * Maximum number of tracked rooms, and maximum number of tracked pairs of a user and a room. Each room and each pair takes
 * about 100 bytes.
 */
const MAX_REMEMBERED = 10_000

export interface Typing {
  /**
   * Returns whether to notify the subscribers of a room that a user is typing. If so, counts the notification. The limits apply
   * to all connections of the user together, including connections to other processes.
   */
  may(userId: number, roomId: number, subscribers: number): boolean
  close(): void
}

/** Creates the limits for the subscribers of this process. */
export const createTyping = (clock: Clock): Typing => {
  const shownAt = new LruMap<number>(MAX_REMEMBERED)
  const users = createUserBuckets({ clock, perSecond: PER_SECOND, burst: BURST })
  const rooms = new LruMap<TokenBucket>(MAX_REMEMBERED)

  const roomTakes = (roomId: number, subscribers: number): boolean => {
    const room = rooms.get(roomId) ?? new TokenBucket(NOTICES_PER_SECOND, NOTICE_BURST)
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
