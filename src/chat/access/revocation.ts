/**
 * Taking rights back from people who are connected, here and on the other processes. The bus may lose the word: what was said
 * once is said again for a while, and a process that was cut off from it asks about everybody again.
 */
import { randomUUID } from 'node:crypto'
import pLimit from 'p-limit'
import type { Bus } from '../../bus/bus.ts'
import type { BusEvent, BusEventHandlers } from '../../bus/events.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import { CLOSE } from '../../protocol/close-codes.ts'
import type { Connection } from '../connections/connection.ts'
import type { ConnectionRegistry } from '../connections/registry.ts'
import type { SubscriptionManager } from '../subscriptions/manager.ts'
import { type Access, type Principal, publicUserOf } from './authorize.ts'

export interface RevocationOptions {
  readonly registry: ConnectionRegistry
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  readonly access: Access
  readonly subscriptionManager: SubscriptionManager
  /** Which of these users there still are. */
  readonly existing: (userIds: readonly number[]) => Promise<ReadonlySet<number>>
}

export interface Revocation {
  /** Asks again whether a person, by the id that the host knows, may read a room; who may not, stops following it. On every process. */
  recheck(personId: string, room: string): void
  /** Asks again about every person here and every room that they follow; who can't be asked about is asked about later. */
  recheckAll(): void
  /** Closes all of a person's connections with 4401. On every process. */
  disconnect(personId: string): void
  /** Handles events of other processes. */
  readonly events: Pick<BusEventHandlers, 'recheck' | 'disconnect'>
  /** Whether a person was disconnected after it began to be asked who they are: their connection was then under way. */
  isRevoked(principal: Principal): boolean
  close(): void
}

/** How often, and how many times, other processes are told what they may have missed. */
const REPEAT_MS = 3000
const REPEATS = 10
/** How often it is asked who of the connected people is no user any more. */
const USERS_MS = 20_000
/** How many of the host's answers are waited for at once, when everybody is asked about. */
const AT_ONCE = 16
/** Of how many connections the rooms are asked about at once. */
const RECHECKED_AT_ONCE = 100

type RevocationEvent = BusEvent<'recheck' | 'disconnect'>

interface Word {
  readonly event: RevocationEvent
  /** Monotonic time. */
  readonly saidAt: number
  left: number
}

/** Makes it. */
export const createRevocation = (options: RevocationOptions): Revocation => {
  const { registry, bus, clock, log, access, subscriptionManager, existing } = options
  const repeated = new Set<Word>()
  // The words that were heard lately, so that one which is repeated is acted on once.
  let heard = new Set<string>()
  let heardBefore = new Set<string>()
  // When each person was disconnected last, in monotonic time; kept as long as revocations are re-broadcast.
  const disconnected = new Map<string, number>()
  let isIncomplete = false
  let isRechecking = false

  const connectionsOf = (personId: string): Connection[] =>
    [...registry.all()].filter(({ principal }) => publicUserOf(principal).id === personId)

  /** In its turn, and of what is followed by then, so that a subscription that is just being asked about is not missed. */
  const recheckHere = (connections: Iterable<Connection>, may: typeof access.may, only?: string): void => {
    const work = async (connection: Connection): Promise<void> => {
      const { subscriptions, principal } = connection
      for (const name of only === undefined ? [...subscriptions.keys()] : [only]) {
        if (subscriptions.has(name) && !(await may(principal, name, 'read')))
          subscriptionManager.expel(connection, name)
      }
    }
    for (const connection of connections) connection.perform({ work: () => work(connection), marks: {} })
  }

  /** Returns a function that asks once for each person and room, a few at a time, and from then on returns the result. */
  const askOnce = (): ((principal: Principal, room: string) => Promise<boolean>) => {
    const limit = pLimit(AT_ONCE)
    const answers = new Map<string, Promise<boolean>>()
    const keyOf = (principal: Principal, room: string): string => `${room} ${publicUserOf(principal).id}`
    const ask = async (principal: Principal, room: string): Promise<boolean> => {
      const answer = await access.ask(principal, room, 'read')
      // Cut off from its own database, say: that is no reason to send everybody away.
      if (answer === undefined) isIncomplete = true
      return answer ?? true
    }
    const once = (principal: Principal, room: string): Promise<boolean> => {
      const key = keyOf(principal, room)
      const answer = answers.get(key) ?? limit(() => ask(principal, room))
      answers.set(key, answer)
      return answer
    }
    return once
  }

  /** One pass at a time; what fails in it, or is asked for meanwhile, is for the next. */
  const recheckAll = async (): Promise<void> => {
    if (isRechecking) {
      isIncomplete = true
      return
    }
    isRechecking = true
    isIncomplete = false
    const once = askOnce()
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

  const endThoseGone = async (): Promise<void> => {
    const asked = new Set([...registry.all()].map(({ principal }) => principal.userId))
    if (asked.size === 0) return
    const there = await existing([...asked])
    for (const connection of [...registry.all()]) {
      const { userId } = connection.principal
      // Who came while it was asked was not asked about.
      if (asked.has(userId) && !there.has(userId)) connection.close(CLOSE.tokenExpired)
    }
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

  const say = (event: RevocationEvent): void => {
    const saidAt = clock.monotonic()
    const word = { event, saidAt, left: REPEATS }
    act(word.event, saidAt)
    tell(word)
    repeated.add(word)
  }

  /** The age of a revocation means the same to every process, whatever its clocks show. */
  const tell = ({ event, saidAt }: Word): void => {
    bus.publish({ ...event, age_ms: Math.round(clock.monotonic() - saidAt) })
  }

  const hear = (event: RevocationEvent): void => {
    if (heard.has(event.word) || heardBefore.has(event.word)) return
    heard.add(event.word)
    // A user who connected again after it stays connected.
    act(event, clock.monotonic() - (event.age_ms ?? 0))
  }

  const warn = (err: unknown): void => log.warn({ err }, 'it could not be asked who is still a user')
  const stops = [
    clock.every(REPEAT_MS, () => {
      for (const word of repeated) {
        tell(word)
        if (--word.left === 0) repeated.delete(word)
      }
      if (isIncomplete) void recheckAll()
      const old = clock.monotonic() - 2 * REPEATS * REPEAT_MS
      for (const [person, at] of disconnected) if (at < old) disconnected.delete(person)
    }),
    clock.every(USERS_MS, () => {
      endThoseGone().catch(warn)
      heardBefore = heard
      heard = new Set()
    })
  ]

  return {
    recheck: (person, room) => say({ kind: 'recheck', person, room, word: randomUUID() }),
    recheckAll() {
      if (access.isDelegated) void recheckAll()
    },
    disconnect: person => say({ kind: 'disconnect', person, word: randomUUID() }),
    isRevoked,
    events: { recheck: hear, disconnect: hear },
    close() {
      for (const stop of stops) stop()
    }
  }
}
