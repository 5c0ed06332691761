/** Subscribes connections to rooms, and notifies subscribers of presence and typing. */
import type { Bus } from '../../bus/bus.ts'
import type { BusEventHandlers } from '../../bus/events.ts'
import type { Clock } from '../../lib/clock.ts'
import { ChatError } from '../../protocol/errors.ts'
import { GENERAL } from '../../protocol/http/messages.ts'
import type { Presence } from '../../protocol/http/rooms.ts'
import type { Connection } from '../connections/connection.ts'
import type { ChatFrame } from '../connections/context.ts'
import { type Encoded, encode } from '../connections/encoded.ts'
import { createUserBuckets } from '../connections/user-buckets.ts'
import { systemFrame, typingNotice } from '../presence/frames.ts'
import { createPresence } from '../presence/presence.ts'
import { createTyping } from '../presence/typing.ts'
import type { RoomRegistry } from '../rooms/registry.ts'
import type { Reach, Room } from '../rooms/room.ts'
import { type Since, Subscription } from './subscription.ts'

/** Maximum number of subscriptions of a connection. */
export const MAX_SUBSCRIPTIONS = 128
/**
 * Maximum number of rooms that a user may enter, per second and in a burst. The number is limited because all subscribers of a
 * room are notified.
 */
const ARRIVALS_PER_SECOND = 5
const ARRIVAL_BURST = 2 * MAX_SUBSCRIPTIONS

/** Maximum number of connections that receive a `heads` frame in one turn of the event loop. */
const HEADS_PER_TURN = 100

type FrameOf<Type extends ChatFrame['type']> = ChatFrame & { type: Type }

export interface SubscriptionManagerOptions {
  readonly rooms: RoomRegistry
  readonly bus: Bus
  readonly clock: Clock
  /** Returns the range of a room's log in the database, or `undefined` if the room doesn't exist. */
  readonly reach: (roomId: number) => Promise<Reach | undefined>
  /**
   * Returns whether the process is stopping. If so, clients are not notified that users leave, because most users will
   * reconnect.
   */
  readonly isDraining: () => boolean
}

/** A method that handles a frame throws a ChatError if it rejects the frame. */
export interface SubscriptionManager {
  /**
   * Subscribes a connection to a loaded room, or replaces the connection's subscription to the room. The reply repeats `ref`.
   */
  add(connection: Connection, room: Room, since: Since, ref?: string): void
  /**
   * Handles a `subscribe` frame. If its `after` is greater than the newest `seq` that this process delivered, first queries the
   * newest `seq` in the database and reads the missing entries, because another process may have appended them.
   */
  subscribe(connection: Connection, room: Room, frame: FrameOf<'subscribe'>): Promise<void>
  unsubscribe(connection: Connection, frame: FrameOf<'unsubscribe'>): void
  /** Ends a subscription because the user may no longer read the room, and notifies the client. */
  expel(connection: Connection, room: string): void
  /**
   * Returns whether a typing frame exceeds a limit and must be dropped. Called before `authorize`, so that `authorize` is not
   * called for dropped frames. Throws `not_allowed` if the connection is not subscribed to the room.
   */
  isTypingTooOften(connection: Connection, room: string): boolean
  typing(connection: Connection, room: Room, frame: FrameOf<'typing'>): void
  /** Called when a connection and its subscriptions have ended. */
  left(connection: Connection): void
  presence(room: Room): Presence
  /** Called when a user was renamed. Applies the new name in presence. */
  renamed(userId: number, username: string): void
  /** Called when a user was deleted. Removes the user from presence. */
  deleted(userId: number): void
  /** Handles events of other processes. */
  readonly events: Pick<BusEventHandlers, 'present' | 'alive' | 'gone' | 'typing'>
  /** Sends each connection a `heads` frame with the newest `seq` of each of its rooms. */
  sendHeads(connections: Iterable<Connection>): Promise<void>
  /** Publishes the users of this process again. Called after a reset of the bus. */
  refresh(): void
  close(): void
}

export const createSubscriptionManager = ({
  rooms,
  bus,
  clock,
  reach,
  isDraining
}: SubscriptionManagerOptions): SubscriptionManager => {
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
      const frame = presenceFrame(room)
      for (const subscriber of room.subscribers) subscriber.replace(frame)
    }
  })

  // Each subscription keeps the presence frame that it has sent last. Subscriptions with equal frames share one buffer, so that
  // a connection needs less memory.
  const frames = new WeakMap<Room, Encoded>()
  const presenceFrame = (room: Room): Encoded => {
    const frame = encode(JSON.stringify({ type: 'presence', ...presence.of(room.id, room.name) }))
    const before = frames.get(room)
    if (before?.frame.equals(frame.frame)) return before
    frames.set(room, frame)
    return frame
  }

  const typing = createTyping(clock)
  const arrivals = createUserBuckets({ clock, perSecond: ARRIVALS_PER_SECOND, burst: ARRIVAL_BURST })

  /** Throws `rate_limited` if the user joins rooms too quickly. Further connections of the user to the same room don't count. */
  const admit = (roomId: number, userId: number): void => {
    const retryAfterMs = presence.has(roomId, userId) ? 0 : arrivals.take(userId)
    if (retryAfterMs > 0)
      throw new ChatError('rate_limited', 'You are joining rooms too quickly. Try again in a moment.', { retryAfterMs })
  }

  const add: SubscriptionManager['add'] = (connection, room, since, ref) => {
    const { subscriptions, principal } = connection
    if (connection.isEnded) return
    const before = subscriptions.get(room.name)
    if (!before && subscriptions.size >= MAX_SUBSCRIPTIONS) throw tooManyRooms()
    if (!before) admit(room.id, principal.userId)
    // `subscribed` contains the newest `seq`, so the room must not hold back committed entries. They are delivered before the
    // earlier subscription of the connection ends, because the new one begins after them.
    room.deliver()
    before?.end()
    const subscription = new Subscription(connection, room, since, ref)
    subscriptions.set(room.name, subscription)
    if (before) return subscription.takeOver(before)
    presence.join(room.id, principal)
    subscription.replace(presenceFrame(room))
  }

  const leave = (connection: Connection, name: string): void => {
    const room = rooms.get(name)
    if (room) presence.leave(room.id, connection.principal)
  }

  /** Ends a subscription. Returns false if the connection was not subscribed to the room. */
  const endSubscription = (connection: Connection, name: string): boolean => {
    connection.subscriptions.get(name)?.end()
    const wasSubscribed = connection.subscriptions.delete(name)
    if (wasSubscribed) leave(connection, name)
    return wasSubscribed
  }

  return {
    add,
    async subscribe(connection, room, { after, epoch, ref }) {
      // Another process may have appended entries that this process has not read yet, so the end of the log is read from the
      // database.
      if (after !== undefined && after > room.tail) {
        const known = await reach(room.id)
        if (known) await room.reaches(known)
      }
      add(connection, room, { after, epoch }, ref)
    },
    unsubscribe(connection, { room, ref }) {
      endSubscription(connection, room)
      connection.send({ type: 'unsubscribed', room, ...(ref === undefined ? {} : { ref }) })
    },
    expel(connection, room) {
      if (endSubscription(connection, room)) connection.send({ type: 'unsubscribed', room, reason: 'not_allowed' })
    },
    isTypingTooOften({ subscriptions, principal }, name) {
      if (!subscriptions.has(name)) throw notSubscribed()
      const room = rooms.get(name)
      return room !== undefined && !typing.may(principal.userId, room.id, room.subscribers.size)
    },
    typing(connection, room, { room: name = GENERAL }) {
      const { principal } = connection
      // The subscription may have ended while `authorize` ran.
      if (!connection.subscriptions.has(name)) throw notSubscribed()
      hint(room.id, ({ name }) => typingNotice(name, principal), principal.userId)
      bus.publish({ kind: 'typing', room: room.id, user_id: principal.userId, username: principal.username })
    },
    left(connection) {
      for (const name of connection.subscriptions.keys()) leave(connection, name)
    },
    presence: ({ id, name }) => presence.of(id, name),
    renamed: (userId, username) => presence.renamed(userId, username),
    deleted: userId => presence.deleted(userId),
    events: {
      ...presence.events,
      typing({ room: roomId, user_id: userId, username }) {
        if (typing.may(userId, roomId, rooms.byId(roomId)?.subscribers.size ?? 0))
          hint(roomId, ({ name }) => typingNotice(name, { userId, username }), userId)
      }
    },
    async sendHeads(connections) {
      let count = 0
      for (const connection of [...connections]) {
        // After each group of connections, continues in another turn of the event loop, so that messages are not delayed.
        if (++count % HEADS_PER_TURN === 0) await new Promise(setImmediate)
        const heads = [...connection.subscriptions.keys()].map(name => [name, rooms.get(name)?.head ?? 0])
        if (heads.length === 0) continue
        connection.outgoing.hint(encode(JSON.stringify({ type: 'heads', rooms: Object.fromEntries(heads) })))
      }
    },
    refresh: () => presence.refresh(),
    close() {
      typing.close()
      arrivals.close()
      presence.close()
    }
  }
}

const notSubscribed = (): ChatError =>
  new ChatError('not_allowed', 'You are not subscribed to this room. Subscribe to it before you send typing frames.')

export const tooManyRooms = (): ChatError =>
  new ChatError(
    'too_many_rooms',
    `A connection may subscribe to at most ${MAX_SUBSCRIPTIONS} rooms. Unsubscribe from another room first.`
  )
