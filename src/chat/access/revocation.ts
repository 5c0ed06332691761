/**
 * Revokes the access of connected users, on all processes. The bus may lose an event, so a revocation is re-broadcast for a
 * while. When a process has reconnected to the bus, it calls `authorize` again for all its users.
 */
import { randomUUID } from 'node:crypto'
import pLimit from 'p-limit'
import type { Bus } from '../../bus/bus.ts'
import type { BusEvent, BusEventHandlers } from '../../bus/events.ts'
import type { Clock } from '../../lib/clock.ts'
import { CLOSE } from '../../protocol/close-codes.ts'
import type { Connection } from '../connections/connection.ts'
import type { ConnectionRegistry } from '../connections/registry.ts'
import type { LiveInbox } from '../inbox/live.ts'
import type { SubscriptionManager } from '../subscriptions/manager.ts'
import { type Access, type Principal, publicUserOf } from './authorize.ts'

export interface RevocationOptions {
  readonly registry: ConnectionRegistry
  readonly bus: Bus
  readonly clock: Clock
  readonly access: Access
  readonly subscriptionManager: SubscriptionManager
  /** Used to check the rooms of the inbox again. */
  readonly liveInbox: Pick<LiveInbox, 'refresh'>
}

export interface Revocation {
  /**
   * Calls `authorize` again for a user and a room, on every process that the user is connected to. If `authorize` denies
   * access, fails or times out, ends the user's subscriptions to the room. `userId` is the `id` that the user has as a
   * `PublicUser`.
   */
  recheck(userId: string, room: string): void
  /**
   * Calls `authorize` again for each user of this process and each room that the user is subscribed to. Retries if `authorize`
   * fails.
   */
  recheckAll(): void
  /**
   * Closes the connections of a user with code 4401, on every process. A connection whose authentication began after this call
   * stays open. `userId` is the `id` that the user has as a `PublicUser`.
   */
  disconnect(userId: string): void
  /** Handles events of other processes. */
  readonly events: Pick<BusEventHandlers, 'recheck' | 'disconnect'>
  /**
   * Returns whether the user was disconnected after the authentication of this principal began. If so, no connection may be
   * opened for the principal.
   */
  isRevoked(principal: Principal): boolean
  close(): void
}

/** Interval in milliseconds at which a revocation is re-broadcast, and how many times it is re-broadcast. */
const REPEAT_MS = 3000
const REPEATS = 10
/**
 * Interval in milliseconds at which old ids of received revocations are forgotten. Each id is remembered for one to two
 * intervals.
 */
const FORGET_MS = 20_000
/** Maximum number of concurrent calls of `authorize` in `recheckAll`. */
const AT_ONCE = 16
/** The number of connections that `recheckAll` checks at a time. */
const RECHECKED_AT_ONCE = 100

type RevocationEvent = BusEvent<'recheck' | 'disconnect'>

interface Broadcast {
  readonly event: RevocationEvent
  /** The monotonic time in milliseconds at which the revocation began. */
  readonly startedAt: number
  /** The number of remaining re-broadcasts. */
  left: number
}

export const createRevocation = (options: RevocationOptions): Revocation => {
  const { registry, bus, clock, access, subscriptionManager, liveInbox } = options
  const broadcasts = new Set<Broadcast>()
  // The ids of recently received revocations. A re-broadcast of one of them is ignored.
  let received = new Set<string>()
  let receivedBefore = new Set<string>()
  // The monotonic time in milliseconds at which each user was last disconnected, keyed by the `id` that the user has as a
  // `PublicUser`. The map keeps an entry for twice as long as a revocation is re-broadcast.
  const disconnected = new Map<string, number>()
  let isIncomplete = false
  let isRechecking = false

  const connectionsOf = (externalId: string): Connection[] =>
    [...registry.all()].filter(({ principal }) => publicUserOf(principal).id === externalId)

  /**
   * Checks all subscriptions of the connections, or only their subscriptions to the room `only`. The check of a connection is a
   * task in the queue of that connection, so it runs after a subscription that is in progress.
   */
  const recheckHere = (connections: Iterable<Connection>, may: typeof access.may, only?: string): void => {
    const work = async (connection: Connection): Promise<void> => {
      const { subscriptions, principal } = connection
      for (const name of only === undefined ? [...subscriptions.keys()] : [only]) {
        if (subscriptions.has(name) && !(await may(principal, name, 'read')))
          subscriptionManager.expel(connection, name)
      }
    }
    for (const connection of connections) {
      liveInbox.refresh(connection.principal.userId)
      connection.perform({ work: () => work(connection), marks: {} })
    }
  }

  /**
   * Returns a function that checks each pair of a user and a room only once and caches the result. At most `AT_ONCE` checks run
   * at the same time.
   */
  const checkOnce = (): ((principal: Principal, room: string) => Promise<boolean>) => {
    const limit = pLimit(AT_ONCE)
    const results = new Map<string, Promise<boolean>>()
    const keyOf = (principal: Principal, room: string): string => `${room} ${publicUserOf(principal).id}`
    const check = async (principal: Principal, room: string): Promise<boolean> => {
      const result = await access.ask(principal, room, 'read')
      // If `authorize` fails, the user stays subscribed until a later check, because the host's database may be unreachable
      // only for a moment.
      if (result === undefined) isIncomplete = true
      return result ?? true
    }
    const once = (principal: Principal, room: string): Promise<boolean> => {
      const key = keyOf(principal, room)
      const result = results.get(key) ?? limit(() => check(principal, room))
      results.set(key, result)
      return result
    }
    return once
  }

  /**
   * Checks the access of all connections. Runs again after at most `REPEAT_MS` if `authorize` fails, or if this function is
   * called while it is running.
   */
  const recheckAll = async (): Promise<void> => {
    if (isRechecking) {
      isIncomplete = true
      return
    }
    isRechecking = true
    isIncomplete = false
    const once = checkOnce()
    const all = [...registry.all()]
    for (let at = 0; at < all.length; at += RECHECKED_AT_ONCE) {
      const some = all.slice(at, at + RECHECKED_AT_ONCE)
      await Promise.all(
        some.flatMap(({ principal, subscriptions }) => [...subscriptions.keys()].map(room => once(principal, room)))
      )
      recheckHere(some, (principal, room) => once(principal as Principal, room))
    }
    isRechecking = false
  }

  const isRevoked = (principal: Principal): boolean =>
    (principal.askedAt ?? 0) <= (disconnected.get(publicUserOf(principal).id) ?? Number.NEGATIVE_INFINITY)

  const act = (event: RevocationEvent, until: number): void => {
    const id = event.person
    if (event.kind === 'recheck') return recheckHere(connectionsOf(id), access.may, event.room)
    disconnected.set(id, Math.max(until, disconnected.get(id) ?? 0))
    for (const connection of connectionsOf(id))
      if (isRevoked(connection.principal)) connection.close(CLOSE.tokenExpired)
  }

  const broadcast = (event: RevocationEvent): void => {
    const startedAt = clock.monotonic()
    const added = { event, startedAt, left: REPEATS }
    act(event, startedAt)
    publish(added)
    broadcasts.add(added)
  }

  /** Publishes a revocation with its age instead of its time, because the clocks of processes differ. */
  const publish = ({ event, startedAt }: Broadcast): void => {
    bus.publish({ ...event, age_ms: Math.round(clock.monotonic() - startedAt) })
  }

  const receive = (event: RevocationEvent): void => {
    if (received.has(event.word) || receivedBefore.has(event.word)) return
    received.add(event.word)
    // The age of the event gives the time of the revocation on this process's clock. A user who authenticated after that time
    // stays connected.
    act(event, clock.monotonic() - (event.age_ms ?? 0))
  }

  const stops = [
    clock.every(REPEAT_MS, () => {
      for (const one of broadcasts) {
        publish(one)
        if (--one.left === 0) broadcasts.delete(one)
      }
      if (isIncomplete) void recheckAll()
      const old = clock.monotonic() - 2 * REPEATS * REPEAT_MS
      for (const [user, at] of disconnected) if (at < old) disconnected.delete(user)
    }),
    clock.every(FORGET_MS, () => {
      receivedBefore = received
      received = new Set()
    })
  ]

  return {
    recheck: (person, room) => broadcast({ kind: 'recheck', person, room, word: randomUUID() }),
    recheckAll() {
      if (access.isDelegated) void recheckAll()
    },
    disconnect: person => broadcast({ kind: 'disconnect', person, word: randomUUID() }),
    isRevoked,
    events: { recheck: receive, disconnect: receive },
    close() {
      for (const stop of stops) stop()
    }
  }
}
