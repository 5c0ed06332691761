/** Erases the messages of a user, room by room in short transactions, and announces each erasure in the log of its room. */
import type { LeasedDeletion } from '../../db/repositories/deletions.ts'
import { hasCode } from '../../protocol/errors.ts'
import type { DeletionJobOptions } from './job.ts'

/**
 * Duration in milliseconds of the lease of a deletion. The lease is extended after each room, and while the messages in a room
 * are being erased.
 */
export const LEASE_MS = 60_000

type EraseRoomsOptions = Pick<DeletionJobOptions, 'database' | 'clock' | 'appendErasure'> & {
  readonly isClosed: () => boolean
  /** Called between batches, so that other work does not wait until a long erasure ends. */
  readonly between: () => Promise<void>
}

/**
 * Returns a function that erases the user's messages in all remaining rooms. Every step can be repeated. This is necessary,
 * because a deletion continues after a crash, and two processes may erase the same room. The function resolves with false if
 * the process stops.
 */
export const createEraseRooms = ({ database, clock, appendErasure, isClosed, between }: EraseRoomsOptions) => {
  const { authored, deletions } = database

  /**
   * Erases the user's entries in a room, and then appends an `erasure` whose `upTo` is the highest `seq` of these entries. Resolves
   * with false if the process stops.
   */
  const eraseRoom = async (userId: number, roomId: number): Promise<boolean> => {
    let leasedAt = clock.monotonic()
    let upTo = 0
    let after: string | undefined = ''
    while (after !== undefined) {
      if (isClosed()) return false
      const batch = await authored.erase(roomId, userId, after)
      upTo = Math.max(upTo, batch.seq)
      after = batch.last
      await between()
      if (clock.monotonic() - leasedAt < LEASE_MS / 4) continue
      leasedAt = clock.monotonic()
      await deletions.advance(userId, 0, LEASE_MS)
    }
    if (upTo > 0) await appendErasure({ roomId, userId, upTo }).catch(ignoreMissingRoom)
    return true
  }

  return async ({ userId, roomId }: LeasedDeletion): Promise<boolean> => {
    let at: number | undefined = roomId
    while (at !== undefined) {
      const { rooms, last } = await authored.rooms(userId, at)
      for (const { id } of rooms) {
        if (isClosed() || !(await eraseRoom(userId, id))) return false
        await deletions.advance(userId, id, LEASE_MS)
      }
      if (last !== undefined) await deletions.advance(userId, last, LEASE_MS)
      at = last
    }
    return true
  }
}

/** Ignores the error for a deleted room, because such a room has no subscribers to notify. */
const ignoreMissingRoom = (error: unknown): void => {
  if (!hasCode(error, 'room_not_found')) throw error
}
