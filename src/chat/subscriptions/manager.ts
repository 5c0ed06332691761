/** Subscribes connections to rooms, and updates presence when a subscription begins or ends. */
import { ChatError } from '../../protocol/errors.ts'
import { GENERAL } from '../../protocol/http/messages.ts'
import type { Presence } from '../../protocol/http/rooms.ts'
import { noSuchRoom } from '../access/room-access.ts'
import { restricted, type StandingIn } from '../access/standing.ts'
import type { Connection } from '../connections/connection.ts'
import type { ChatFrame } from '../connections/context.ts'
import { createUserBuckets } from '../connections/user-buckets.ts'
import { refusalOf } from '../log/refusals.ts'
import {
  createPresenceNotifications,
  type PresenceNotifications,
  type PresenceNotificationsOptions
} from '../presence/notifications.ts'
import type { RemovalReason } from '../rooms/delivery.ts'
import type { Reach, Room } from '../rooms/room.ts'
import { sendHeads } from './heads.ts'
import { type Since, Subscription, type SubscriptionOptions } from './subscription.ts'

/** Maximum number of subscriptions of a connection. */
export const MAX_SUBSCRIPTIONS = 128
/**
 * Maximum number of rooms that a user may join, per second and in a burst. The limit exists because each join is reported to
 * all subscribers of the room.
 */
const ARRIVALS_PER_SECOND = 5
const ARRIVAL_BURST = 2 * MAX_SUBSCRIPTIONS

type FrameOf<Type extends ChatFrame['type']> = ChatFrame & { type: Type }

export interface SubscriptionManagerOptions extends PresenceNotificationsOptions {
  /** Returns the range of a room's log in the database, or `undefined` if the room doesn't exist. */
  readonly reach: (roomId: number) => Promise<Reach | undefined>
  readonly standingIn: StandingIn
  readonly onResumed?: SubscriptionOptions['onResumed']
}

/** Begins and ends subscriptions. A method that handles a frame throws a ChatError if it rejects the frame. */
export interface SubscriptionManager {
  /**
   * Subscribes a connection to a loaded room, or replaces the connection's subscription to the room. The reply repeats `ref`. If
   * the room is reading entries that are known to exist, first waits for them, because the reply contains the newest `seq`.
   */
  add(connection: Connection, room: Room, since: Since, ref?: string): void | Promise<void>
  /**
   * Handles a `subscribe` frame. The `after` of the frame may be greater than the newest `seq` that this process knows, because
   * another process may have appended entries. In this case, first queries the newest `seq` in the database and reads the
   * missing entries.
   */
  subscribe(connection: Connection, room: Room, frame: FrameOf<'subscribe'>): Promise<void>
  unsubscribe(connection: Connection, frame: FrameOf<'unsubscribe'>): void
  /**
   * Ends a subscription because the user may no longer read the room, and notifies the client. The default reason,
   * `not_allowed`, is that the host application denies the access.
   */
  expel(connection: Connection, room: string, reason?: RemovalReason | 'not_allowed'): void
  /**
   * Ends the subscriptions of banned users to a public room. Called when this process did not read some entries of the room’s log,
   * because these entries may include bans.
   */
  recheckBans(connections: Iterable<Connection>, room: Room): Promise<void>
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
  readonly events: PresenceNotifications['events']
  /** Sends each connection a `heads` frame with the newest `seq` of each of its rooms. */
  sendHeads(connections: Iterable<Connection>): Promise<void>
  /** Publishes the users of this process again. Called after a reset of the bus. */
  refresh(): void
  close(): void
}

export const createSubscriptionManager = ({
  reach,
  standingIn,
  onResumed = () => {},
  ...options
}: SubscriptionManagerOptions): SubscriptionManager => {
  const { rooms, clock } = options
  const presence = createPresenceNotifications(options)
  const arrivals = createUserBuckets({ clock, perSecond: ARRIVALS_PER_SECOND, burst: ARRIVAL_BURST })

  /** Throws `rate_limited` if the user joins rooms too quickly. Further connections of the user to the same room don't count. */
  const admit = (roomId: number, userId: number): void => {
    const retryAfterMs = presence.has(roomId, userId) ? 0 : arrivals.take(userId)
    if (retryAfterMs > 0)
      throw new ChatError('rate_limited', 'You are joining rooms too quickly. Try again in a moment.', { retryAfterMs })
  }

  const addNow = (connection: Connection, room: Room, since: Since, ref?: string): void => {
    const { subscriptions, principal } = connection
    if (connection.isEnded) return
    // If the room was unloaded after `findRoom` checked the access, this process may have missed an entry that removed the
    // user, and would deliver no further entries to this object. So the client must retry.
    if (rooms.byId(room.id) !== room) throw notReady()
    // In a public room, the user was banned after `findRoom` had checked the access. The client must retry, and then receives
    // `banned`. In any other room, the client must retry if entries are still missing, because one of them may have added the
    // user again.
    if (room.hasRemoved(principal.userId))
      throw !room.isForMembers || room.tail < room.known ? notReady() : noSuchRoom()
    const before = subscriptions.get(room.name)
    if (!before && subscriptions.size >= MAX_SUBSCRIPTIONS) throw tooManyRooms()
    if (!before) admit(room.id, principal.userId)
    // Delivers the entries that the room holds back, so that the `seq` in `subscribed` includes them. The earlier subscription
    // must still send these entries, so it ends only afterwards.
    room.deliver()
    before?.end()
    const subscription = new Subscription(connection, room, since, {
      ref,
      onResumed,
      onRemoved: reason => expel(connection, room.name, reason)
    })
    subscriptions.set(room.name, subscription)
    if (before) return subscription.takeOver(before)
    presence.join(room.id, principal)
    subscription.replace(presence.frameOf(room))
  }

  const catchUp = async (room: Room): Promise<void> => {
    const known = await reach(room.id)
    if (known) await room.reaches(known)
  }

  /**
   * Admits a user to a public room again if the ban has ended without an entry in the log. Throws `banned` if the user is still
   * banned.
   */
  const readmit = async (room: Room, userId: number): Promise<void> => {
    const bannedAt = room.removedAt(userId)
    if (room.isForMembers || bannedAt === undefined) return
    const { ban } = await standingIn(userId, room.name)
    if (ban !== undefined) throw restricted('banned', ban)
    room.readmit(userId, bannedAt)
  }

  const add: SubscriptionManager['add'] = (connection, room, since, ref) => {
    // Another process may have added the user again with an entry that this process has not read yet.
    if (room.hasRemoved(connection.principal.userId))
      return catchUp(room)
        .then(() => readmit(room, connection.principal.userId))
        .then(() => addNow(connection, room, since, ref))
    if (room.tail >= room.known) return addNow(connection, room, since, ref)
    return room.caughtUp().then(() => addNow(connection, room, since, ref))
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

  const expel = (connection: Connection, room: string, reason: RemovalReason | 'not_allowed'): void => {
    if (!endSubscription(connection, room)) return
    // After a ban, a client without `chat.v1` receives an error and stays connected, because such a client does not know the
    // `unsubscribed` frame.
    if (reason === 'banned' && !connection.hasChatV1) connection.refuse(refusalOf('banned'), { room })
    else connection.send({ type: 'unsubscribed', room, reason })
  }

  return {
    add,
    async subscribe(connection, room, { after, epoch, ref }) {
      // Another process may have appended entries that this process has not read yet, so the end of the log is read from the
      // database.
      if (after !== undefined && after > room.known) await catchUp(room)
      await add(connection, room, { after, epoch }, ref)
    },
    unsubscribe(connection, { room, ref }) {
      endSubscription(connection, room)
      connection.send({ type: 'unsubscribed', room, ...(ref === undefined ? {} : { ref }) })
    },
    expel: (connection, room, reason = 'not_allowed') => expel(connection, room, reason),
    async recheckBans(connections, room) {
      const subscribed = [...connections].filter(({ subscriptions }) => subscriptions.has(room.name))
      await Promise.all(
        subscribed.map(async connection => {
          const { ban } = await standingIn(connection.principal.userId, room.name)
          if (ban !== undefined) expel(connection, room.name, 'banned')
        })
      )
    },
    isTypingTooOften({ subscriptions, principal }, name) {
      if (!subscriptions.has(name)) throw notSubscribed()
      const room = rooms.get(name)
      return room !== undefined && !presence.mayType(principal.userId, room)
    },
    typing({ subscriptions, principal }, room, { room: name = GENERAL }) {
      // The subscription may have ended while `authorize` ran.
      if (!subscriptions.has(name)) throw notSubscribed()
      presence.typing(room, principal)
    },
    left(connection) {
      for (const name of connection.subscriptions.keys()) leave(connection, name)
    },
    presence: ({ id, name }) => presence.of(id, name),
    renamed: (userId, username) => presence.renamed(userId, username),
    deleted: userId => presence.deleted(userId),
    events: presence.events,
    sendHeads: connections => sendHeads(rooms, connections),
    refresh: () => presence.refresh(),
    close() {
      arrivals.close()
      presence.close()
    }
  }
}

const notReady = (): ChatError =>
  new ChatError('unavailable', 'The room is being loaded again. Subscribe to it again in a moment.', {
    retryAfterMs: 1000
  })

const notSubscribed = (): ChatError =>
  new ChatError('not_allowed', 'You are not subscribed to this room. Subscribe to it before you send typing frames.')

export const tooManyRooms = (): ChatError =>
  new ChatError(
    'too_many_rooms',
    `A connection may subscribe to at most ${MAX_SUBSCRIPTIONS} rooms. Unsubscribe from another room first.`
  )
