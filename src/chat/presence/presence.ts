/**
 * Tracks which users are in each room, across all processes. Each process publishes the complete list of its users in a room
 * when the list changes, and again every few seconds. So if an event was lost, the next event corrects the list. When a process
 * stops publishing, its users are removed.
 */
import type { Bus } from '../../bus/bus.ts'
import type { BusEventHandlers } from '../../bus/events.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Presence } from '../../protocol/http/rooms.ts'
import type { Present } from './present-users.ts'
import { RoomPresence, type RoomPresenceContext } from './room-presence.ts'

/** Interval in milliseconds at which a process publishes its users again. */
const REFRESH_MS = 8000
/** Time in milliseconds after which the users of a process that publishes nothing are removed. */
const SILENT_MS = 24_000
/**
 * Maximum number of rooms that one call of `refreshSome` handles. The timer of `createPresence` repeats the call, so that later
 * calls handle the other rooms.
 */
const REFRESHED_AT_ONCE = 1000
/**
 * Time in milliseconds for which a deleted user is ignored in the lists of other processes. After this time, no process lists
 * the user any more.
 */
const DELETED_MS = 60_000

export interface PresenceOptions extends Pick<RoomPresenceContext, 'onNotice'> {
  readonly bus: Bus
  readonly clock: Clock
  /** Called when the users of a room have changed, at most once per second per room, and less often for large rooms. */
  readonly onChange: (roomId: number) => void
}

/** Tracks which users are in which rooms. */
export interface PresenceView {
  /** Adds a connection of this process to a room. */
  join(roomId: number, person: Present): void
  /** Removes a connection of this process from a room. */
  leave(roomId: number, person: Present): void
  /** Returns whether a user has a connection of this process in a room. */
  has(roomId: number, userId: number): boolean
  /** Returns the users of a room, or only their number if there are too many to list. */
  of(roomId: number, room: string): Presence
  /** Handles events of other processes. */
  readonly events: Pick<BusEventHandlers, 'present' | 'alive' | 'gone'>
  /** Applies the new name of a user in all rooms. */
  renamed(userId: number, username: string): void
  /** Removes a deleted user from all rooms, and ignores the user in the lists of other processes for a while. */
  deleted(userId: number): void
  /** Publishes the users of this process again. Called after a reset of the bus. */
  refresh(): void
  /** Stops the timer, and notifies other processes that this process no longer has users. */
  close(): void
}

/** Creates the tracker. It runs on a timer until `close` is called. */
export const createPresence = ({ bus, clock, onNotice, onChange }: PresenceOptions): PresenceView => {
  const rooms = new Map<number, RoomPresence>()
  const receivedAt = new Map<string, number>()
  const deletedAt = new Map<number, number>()
  let refreshedAt = clock.monotonic()
  let unrefreshed: number[] = []
  const context = {
    clock,
    processId: bus.processId,
    isDeleted: (userId: number) => deletedAt.has(userId),
    onNotice
  }

  const roomOf = (roomId: number): RoomPresence => {
    const room = rooms.get(roomId) ?? new RoomPresence(roomId, context)
    rooms.set(roomId, room)
    return room
  }

  const forget = (process: string): void => {
    receivedAt.delete(process)
    for (const room of rooms.values()) room.forget(process)
  }

  const refresh = (): void => {
    refreshedAt = clock.monotonic()
    bus.publish({ kind: 'alive' })
    unrefreshed = [...rooms.keys()]
    refreshSome()
  }

  /** Publishes the users of at most `REFRESHED_AT_ONCE` of the rooms in `unrefreshed`. */
  const refreshSome = (): void => {
    for (const roomId of unrefreshed.splice(0, REFRESHED_AT_ONCE)) {
      const room = rooms.get(roomId)
      if (room?.hasOwn) bus.publish(room.snapshot())
    }
  }

  const notify = (roomId: number, room: RoomPresence, now: number): void => {
    const { isHereChanged, isChanged } = room.takeChanges(now)
    if (isHereChanged) bus.publish(room.snapshot())
    if (isChanged) onChange(roomId)
  }

  const stopTicking = clock.every(250, () => {
    const now = clock.monotonic()
    for (const [process, at] of receivedAt) if (now - at > SILENT_MS) forget(process)
    for (const [userId, at] of deletedAt) if (now - at > DELETED_MS) deletedAt.delete(userId)
    for (const [roomId, room] of rooms) {
      room.sweep(now)
      notify(roomId, room, now)
      if (room.isEmpty) rooms.delete(roomId)
    }
    refreshSome()
    if (now - refreshedAt >= REFRESH_MS) refresh()
  })

  return {
    join: (roomId, person) => roomOf(roomId).join(person),
    leave: (roomId, person) => roomOf(roomId).leave(person),
    has: (roomId, userId) => rooms.get(roomId)?.has(userId) ?? false,
    of: (roomId, room) => rooms.get(roomId)?.list(room) ?? { room, count: 0, users: [] },
    events: {
      present(event, from) {
        receivedAt.set(from, clock.monotonic())
        roomOf(event.room).apply(from, event)
      },
      alive: (_, from) => void receivedAt.set(from, clock.monotonic()),
      gone: (_, from) => forget(from)
    },
    renamed(userId, username) {
      for (const room of rooms.values()) room.rename(userId, username)
    },
    deleted(userId) {
      deletedAt.set(userId, clock.monotonic())
      for (const room of rooms.values()) room.delete(userId)
    },
    refresh,
    close() {
      stopTicking()
      bus.publish({ kind: 'gone' })
    }
  }
}
