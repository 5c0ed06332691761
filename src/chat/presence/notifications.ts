/** Tracks presence and typing in the rooms of this process, and sends the frames about both to the subscribers of a room. */
import type { Bus } from '../../bus/bus.ts'
import type { BusEventHandlers } from '../../bus/events.ts'
import type { Clock } from '../../lib/clock.ts'
import { type Encoded, encode } from '../connections/encoded.ts'
import type { RoomRegistry } from '../rooms/registry.ts'
import type { Room } from '../rooms/room.ts'
import { systemFrame, typingNotice } from './frames.ts'
import { createPresence, type PresenceView } from './presence.ts'
import type { Present } from './present-users.ts'
import { createTyping } from './typing.ts'

export interface PresenceNotificationsOptions {
  readonly rooms: RoomRegistry
  readonly bus: Bus
  readonly clock: Clock
  /**
   * Returns whether the process is stopping. If so, clients receive no frames about presence and typing. Otherwise they
   * would be notified that users leave, although most of these users reconnect.
   */
  readonly isDraining: () => boolean
}

export interface PresenceNotifications extends Omit<PresenceView, 'events'> {
  /** Returns the presence frame of a room. */
  frameOf(room: Room): Encoded
  /** Returns whether a typing frame is within all limits. If so, counts the frame. See `Typing.may`. */
  mayType(userId: number, room: Room): boolean
  /** Notifies the subscribers of a room and the other processes that a user is typing. */
  typing(room: Room, person: Present): void
  /** Handles events of other processes. */
  readonly events: Pick<BusEventHandlers, 'present' | 'alive' | 'gone' | 'typing'>
}

export const createPresenceNotifications = ({
  rooms,
  bus,
  clock,
  isDraining
}: PresenceNotificationsOptions): PresenceNotifications => {
  const hint = (roomId: number, frameFor: (room: Room) => object, exceptUserId?: number): void => {
    const room = rooms.byId(roomId)
    if (!room || isDraining()) return
    const encoded = encode(JSON.stringify(frameFor(room)))
    for (const subscriber of room.subscribers) subscriber.hint(encoded, exceptUserId)
  }

  const presence = createPresence({
    bus,
    clock,
    onNotice: (roomId, event, person) => hint(roomId, room => systemFrame(event, person, room.name), person.userId),
    onChange(roomId) {
      const room = rooms.byId(roomId)
      if (!room || isDraining()) return
      const frame = frameOf(room)
      for (const subscriber of room.subscribers) subscriber.replace(frame)
    }
  })

  // The last presence frame of each room. If a new frame equals the last frame, `frameOf` returns the last frame. So all
  // subscriptions of the room keep the same buffer, and a connection needs less memory.
  const frames = new WeakMap<Room, Encoded>()
  const frameOf = (room: Room): Encoded => {
    const frame = encode(JSON.stringify({ type: 'presence', ...presence.of(room.id, room.name) }))
    const before = frames.get(room)
    if (before?.frame.equals(frame.frame)) return before
    frames.set(room, frame)
    return frame
  }

  const typing = createTyping(clock)
  const notifyTyping = (roomId: number, person: Present): void =>
    hint(roomId, ({ name }) => typingNotice(name, person), person.userId)

  return {
    ...presence,
    frameOf,
    mayType: (userId, { id, subscribers }) => typing.may(userId, id, subscribers.size),
    typing({ id }, person) {
      notifyTyping(id, person)
      bus.publish({ kind: 'typing', room: id, user_id: person.userId, username: person.username })
    },
    events: {
      ...presence.events,
      typing({ room: roomId, user_id: userId, username }) {
        if (typing.may(userId, roomId, rooms.byId(roomId)?.subscribers.size ?? 0))
          notifyTyping(roomId, { userId, username })
      }
    },
    close() {
      typing.close()
      presence.close()
    }
  }
}
