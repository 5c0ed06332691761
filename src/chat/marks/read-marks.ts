/**
 * Stores how far members have read. Changes are collected and written together every two seconds. The subscribers of the room
 * are notified at most once per second. Other processes are notified over the bus, which may lose an event. If an event is
 * lost, the clients of the other process see the mark only when it changes again.
 */
import type { Bus } from '../../bus/bus.ts'
import type { BusEventHandlers } from '../../bus/events.ts'
import type { ReadChange, ReadMark, ReadMarksRepository } from '../../db/database.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import { ChatError } from '../../protocol/errors.ts'
import { encode } from '../connections/encoded.ts'
import { refusalOf } from '../log/refusals.ts'
import type { RoomRegistry } from '../rooms/registry.ts'
import type { Room } from '../rooms/room.ts'
import { merge, type PendingChange, PendingMarks } from './pending-marks.ts'

/** Interval in milliseconds at which changes are written. */
const WRITE_MS = 2000
/** Maximum number of changes that one statement writes. */
const WRITTEN_AT_ONCE = 1000
/** Minimum time in milliseconds between two frames about the marks in a room. */
const NOTIFY_MS = 1000
/** Maximum number of marks in an event of the bus. */
const MARKS_PER_EVENT = 200
/**
 * Maximum number of attempts to write a change immediately, and the delay between two attempts in milliseconds. An attempt
 * fails if the row of the member is locked.
 */
const [ATTEMPTS, DELAY_MS] = [5, 50]

export interface ReadMarksOptions {
  readonly repository: ReadMarksRepository
  readonly rooms: Pick<RoomRegistry, 'byId'>
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  /** If false, no member sees the marks of others. If true, `ReadMark.mayShare` decides for each room. */
  readonly hasReadReceipts: boolean
  /** Called when marks were changed, by this process or another one. */
  readonly onChanged?: ((roomId: number, userIds: readonly number[]) => void) | undefined
}

export interface ReadMarks {
  /**
   * Collects a change for the next write (see `WRITE_MS`). Takes the same time for every room, so that the time does not reveal
   * whether the room exists.
   */
  add(change: ReadChange): void
  /** Writes a change now. Throws `not_allowed` if the user is not a member, and `busy` if the row of the member stays locked. */
  write(change: ReadChange): Promise<ReadMark>
  /** Writes the collected changes of a user, so that the inbox of the user contains them. Never rejects. */
  settle(userId: number): Promise<void>
  /** Writes all collected changes. Never rejects. */
  flush(): Promise<void>
  /** Handles events of other processes. */
  readonly events: Pick<BusEventHandlers, 'read'>
  /** Stops the timers, and writes the collected changes. */
  close(): Promise<void>
}

/** The marks in a room that its subscribers have not received yet, by user id. */
interface Unsent {
  /** Marks that all subscribers of the room receive. */
  readonly shared: Map<number, number>
  /** Marks that only the connections of the user who set them receive. */
  readonly own: Map<number, number>
}

export const createReadMarks = (options: ReadMarksOptions): ReadMarks => {
  const { repository, rooms, bus, clock, log, hasReadReceipts, onChanged } = options
  const pending = new PendingMarks()
  const unsent = new Map<number, Unsent>()
  let flushing: Promise<void> | undefined

  const changed = (roomId: number, reads: readonly (readonly [number, number])[], isShared: boolean): void => {
    onChanged?.(
      roomId,
      reads.map(([userId]) => userId)
    )
    if (!rooms.byId(roomId)?.subscribers.size) return
    const room = unsent.get(roomId) ?? { shared: new Map(), own: new Map() }
    const marks = isShared ? room.shared : room.own
    for (const [userId, readSeq] of reads) marks.set(userId, Math.max(readSeq, marks.get(userId) ?? 0))
    unsent.set(roomId, room)
  }

  /**
   * Sends notifications about changed marks. Also sends a notification about an unchanged mark if `PendingChange.isReplacement`
   * is true for its change.
   */
  const publish = (marks: readonly ReadMark[], changes: readonly PendingChange[]): void => {
    const byRoom = new Map<number, ReadMark[]>()
    const replacements = new Set(changes.filter(({ isReplacement }) => isReplacement).map(keyOf))
    for (const mark of marks) {
      if (!mark.isChanged && (mark.isLocked || !replacements.has(keyOf(mark)))) continue
      const ofRoom = byRoom.get(mark.roomId) ?? []
      ofRoom.push(mark)
      byRoom.set(mark.roomId, ofRoom)
    }
    for (const [roomId, ofRoom] of byRoom) {
      // Other users see only that a mark has moved, and not that a user has marked a room as unread.
      const isShared = ({ isMoved, mayShare }: ReadMark): boolean => hasReadReceipts && isMoved && mayShare
      publishIn(roomId, ofRoom.filter(isShared), true)
      publishIn(
        roomId,
        ofRoom.filter(mark => !isShared(mark)),
        false
      )
    }
  }

  const publishIn = (roomId: number, marks: readonly ReadMark[], isShared: boolean): void => {
    const reads = marks.map(({ userId, readSeq }) => [userId, readSeq] as const)
    if (reads.length > 0) changed(roomId, reads, isShared)
    for (let at = 0; at < reads.length; at += MARKS_PER_EVENT) {
      const some = reads.slice(at, at + MARKS_PER_EVENT)
      bus.publish({ kind: 'read', room: roomId, reads: some, is_shared: isShared })
    }
  }

  const writeSome = async (changes: readonly PendingChange[]): Promise<void> => {
    try {
      const marks = await repository.write(changes)
      const locked = new Set(marks.filter(({ isLocked }) => isLocked).map(keyOf))
      pending.restore(changes.filter(change => locked.has(keyOf(change))))
      publish(marks, changes)
    } catch (error) {
      pending.restore(changes)
      throw error
    }
  }

  const writeNow = async (change: PendingChange): Promise<ReadMark> => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const marks = await repository.write([change])
      const [mark] = marks
      if (!mark) throw notMember()
      publish(marks, [change])
      if (!mark.isLocked) return mark
      await new Promise(resolve => setTimeout(resolve, DELAY_MS))
    }
    throw refusalOf('busy')
  }

  const flushAll = async (): Promise<void> => {
    // Writes only as many changes as are pending now, so that the loop ends even if the rows of some members stay locked and
    // `writeSome` restores their changes.
    for (let left = pending.size; left > 0; left -= WRITTEN_AT_ONCE)
      await writeSome(pending.take(Math.min(left, WRITTEN_AT_ONCE)))
  }

  const failed = (err: unknown): void => log.warn({ err }, 'failed to store read marks; retrying')

  const flush = (): Promise<void> => {
    flushing ??= flushAll()
      .catch(failed)
      .finally(() => {
        flushing = undefined
      })
    return flushing
  }

  const stops = [
    clock.every(WRITE_MS, () => void flush()),
    clock.every(NOTIFY_MS, () => {
      for (const [roomId, marks] of unsent) {
        const room = rooms.byId(roomId)
        if (room) notify(room, marks)
      }
      unsent.clear()
    })
  ]

  return {
    add(change) {
      pending.add(change)
      if (pending.isFull) void flush()
    },
    async write(change) {
      const earlier = pending.takeEarlier(change)
      try {
        return await writeNow(earlier ? merge(earlier, change) : change)
      } catch (error) {
        // Only `change` is reported as failed, so the earlier change must still be written.
        if (earlier) pending.restore([earlier])
        throw error
      }
    },
    async settle(userId) {
      await flushing
      const changes = pending.takeOf(userId)
      if (changes.length > 0) await writeSome(changes).catch(failed)
    },
    flush,
    events: {
      read: ({ room, reads, is_shared: isShared = false }) => changed(room, reads, isShared)
    },
    async close() {
      for (const stop of stops) stop()
      await flush()
      // Flushes twice, because the first call may only have waited for a flush that had already begun.
      await flush()
    }
  }
}

const keyOf = ({ userId, room }: Pick<ReadChange, 'userId' | 'room'>): string => `${userId} ${room}`

const notMember = (): ChatError => new ChatError('not_allowed', 'You are not a member of this room. Join it first.')

/** Sends marks to the connections that show them. The frame with the shared marks is encoded once. */
const notify = ({ name, subscribers }: Room, { shared, own }: Unsent): void => {
  const frameOf = (shown: Iterable<readonly [number, number]>) =>
    encode(
      JSON.stringify({
        type: 'read',
        room: name,
        reads: [...shown].map(([user_id, read_seq]) => ({ user_id, read_seq }))
      })
    )
  const all = shared.size > 0 ? frameOf(shared) : undefined
  for (const subscriber of subscribers) {
    if (!subscriber.showsReads) continue
    if (all) subscriber.hint(all)
    const readSeq = own.get(subscriber.userId)
    if (readSeq !== undefined) subscriber.hint(frameOf([[subscriber.userId, readSeq]]))
  }
}
