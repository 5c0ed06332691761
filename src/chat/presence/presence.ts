/**
 * Who is in a room, over all processes, without ghosts: each process tells the others whom it has, whole, when that changes
 * and again every few seconds; what a process told is forgotten when it falls silent. A lost notification makes it late,
 * never wrong for long. Nothing here is on a message's way.
 */
import type { Bus } from '../../bus/bus.ts'
import type { BusEvent, BusEventHandlers } from '../../bus/events.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Presence } from '../../protocol/http/rooms.ts'
import type { Principal } from '../access/authorize.ts'

/** A room with more people than this shows how many, not who. */
export const MAX_NAMED = 100
/** Who is back within this was never away: a page was loaded again. In milliseconds. */
export const GRACE_MS = 5000
/** How often a process says again whom it has, and after how long a silent one has nobody. */
const REFRESH_MS = 8000
const SILENT_MS = 24_000
const REFRESHED_AT_ONCE = 1000
/** A room's changes are told at most this often, to its followers and to other processes. */
const CHANGE_MS = 1000
/** In a larger room than this, notifications are less frequent, in proportion: everybody there is notified. */
const PEOPLE_TOLD = 1000
/** How long a deleted user is not believed to be anywhere: until every process has learned of it. */
const DELETED_MS = 60_000

/** A user in a room. */
type Present = Pick<Principal, 'userId' | 'username'>

export interface PresenceOptions {
  readonly bus: Bus
  readonly clock: Clock
  /** Someone came or left, in a room small enough to say so. */
  readonly onNotice: (roomId: number, event: 'joined' | 'left', person: Present) => void
  /** Who is there has changed; at most once a second and room. */
  readonly onChange: (roomId: number) => void
}

/** Who is where. */
export interface PresenceView {
  /** One more of this process's connections is in a room. */
  join(roomId: number, person: Present): void
  /** One fewer. */
  leave(roomId: number, person: Present): void
  /** Whether one of this process's connections of a user is in a room. */
  has(roomId: number, userId: number): boolean
  of(roomId: number, room: string): Presence
  /** Handles events of other processes. */
  readonly events: Pick<BusEventHandlers, 'present' | 'alive' | 'gone'>
  /** A user has another name. */
  renamed(userId: number, username: string): void
  /** A user was deleted: nowhere present any more, whatever other processes still say. */
  deleted(userId: number): void
  /** Tells other processes again whom this one has: after a reset of the bus. */
  refresh(): void
  /** This process has nobody any more. */
  close(): void
}

interface Seen {
  person: Present
  /** The processes that have this person. */
  readonly holders: Set<string>
  leavesAt: number
}

interface Place {
  readonly people: Map<number, Seen>
  /** Connections of this process, by user. */
  readonly here: Map<number, number>
  /** How many other processes have that don't say who. */
  readonly crowds: Map<string, number>
  toldAt: number
  isChanged: boolean
  isOurs: boolean
  /** Whether somebody's grace runs: only then everybody there is looked at. */
  isLeaving: boolean
}

/** Makes the view; it ticks until it is closed. */
export const createPresence = ({ bus, clock, onNotice, onChange }: PresenceOptions): PresenceView => {
  const places = new Map<number, Place>()
  const heardAt = new Map<string, number>()
  const deletedAt = new Map<number, number>()
  const us = bus.processId
  let refreshedAt = clock.monotonic()
  let unrefreshed: number[] = []

  const placeOf = (roomId: number): Place => {
    const known = places.get(roomId)
    if (known) return known
    const place: Place = {
      people: new Map(),
      here: new Map(),
      crowds: new Map(),
      toldAt: Number.NEGATIVE_INFINITY,
      isChanged: false,
      isOurs: false,
      isLeaving: false
    }
    places.set(roomId, place)
    return place
  }

  const countOf = ({ people, crowds }: Place): number => [...crowds.values()].reduce((a, b) => a + b, people.size)

  const rename = (place: Place, seen: Seen, person: Present): void => {
    if (seen.person.username === person.username) return
    seen.person = person
    place.isChanged = true
  }

  const add = (roomId: number, person: Present, holder: string): void => {
    const place = placeOf(roomId)
    const seen = place.people.get(person.userId)
    if (seen) {
      seen.holders.add(holder)
      seen.leavesAt = Number.POSITIVE_INFINITY
      return rename(place, seen, person)
    }
    if (deletedAt.has(person.userId)) return
    place.people.set(person.userId, { person, holders: new Set([holder]), leavesAt: Number.POSITIVE_INFINITY })
    place.isChanged = true
    if (countOf(place) <= MAX_NAMED) onNotice(roomId, 'joined', person)
  }

  const remove = (place: Place, userId: number, holder: string): void => {
    const seen = place.people.get(userId)
    if (!seen?.holders.delete(holder) || seen.holders.size > 0) return
    seen.leavesAt = clock.monotonic() + GRACE_MS
    place.isLeaving = true
  }

  const snapshot = (roomId: number, { here, people }: Place): BusEvent<'present'> => {
    if (here.size > MAX_NAMED) return { kind: 'present', room: roomId, count: here.size }
    const users = [...here.keys()].map(userId => [userId, people.get(userId)?.person.username ?? ''] as const)
    return { kind: 'present', room: roomId, users }
  }

  const hearPresent: BusEventHandlers['present'] = ({ room: roomId, users = [], count = 0 }, from) => {
    heardAt.set(from, clock.monotonic())
    const place = placeOf(roomId)
    const before = place.crowds.get(from) ?? 0
    if (count > 0) place.crowds.set(from, count)
    else place.crowds.delete(from)
    if (before !== count) place.isChanged = true
    const named = new Set(users.map(([userId]) => userId))
    for (const [userId, { holders }] of place.people) {
      if (holders.has(from) && !named.has(userId)) remove(place, userId, from)
    }
    for (const [userId, username] of users) add(roomId, { userId, username }, from)
  }

  const forget = (process: string): void => {
    heardAt.delete(process)
    for (const place of places.values()) {
      if (place.crowds.delete(process)) place.isChanged = true
      for (const userId of place.people.keys()) remove(place, userId, process)
    }
  }

  const refresh = (): void => {
    refreshedAt = clock.monotonic()
    bus.publish({ kind: 'alive' })
    unrefreshed = [...places.keys()]
    refreshSome()
  }

  /** Notifies the others of a bounded number of rooms per turn. */
  const refreshSome = (): void => {
    for (const roomId of unrefreshed.splice(0, REFRESHED_AT_ONCE)) {
      const place = places.get(roomId)
      if (place && place.here.size > 0) bus.publish(snapshot(roomId, place))
    }
  }

  /** Those whose grace is over have left. */
  const sweep = (roomId: number, place: Place, now: number): void => {
    if (!place.isLeaving) return
    place.isLeaving = false
    for (const [userId, { person, leavesAt }] of place.people) {
      if (leavesAt < Number.POSITIVE_INFINITY && leavesAt > now) place.isLeaving = true
      if (leavesAt > now) continue
      const isNamed = countOf(place) <= MAX_NAMED
      place.people.delete(userId)
      place.isChanged = true
      if (isNamed) onNotice(roomId, 'left', person)
    }
  }

  const tellChanges = (roomId: number, place: Place, now: number): void => {
    if (!(place.isChanged || place.isOurs)) return
    if (now - place.toldAt < CHANGE_MS * Math.max(1, countOf(place) / PEOPLE_TOLD)) return
    place.toldAt = now
    if (place.isOurs) bus.publish(snapshot(roomId, place))
    if (place.isChanged) onChange(roomId)
    place.isChanged = place.isOurs = false
  }

  const stopTicking = clock.every(250, () => {
    const now = clock.monotonic()
    for (const [process, at] of heardAt) if (now - at > SILENT_MS) forget(process)
    for (const [userId, at] of deletedAt) if (now - at > DELETED_MS) deletedAt.delete(userId)
    for (const [roomId, place] of places) {
      sweep(roomId, place, now)
      tellChanges(roomId, place, now)
      if (place.people.size === 0 && place.crowds.size === 0) places.delete(roomId)
    }
    refreshSome()
    if (now - refreshedAt >= REFRESH_MS) refresh()
  })

  return {
    join(roomId, person) {
      const { here } = placeOf(roomId)
      const count = here.get(person.userId) ?? 0
      here.set(person.userId, count + 1)
      if (count > 0) return
      placeOf(roomId).isOurs = true
      add(roomId, person, us)
    },
    leave(roomId, person) {
      const place = placeOf(roomId)
      const count = place.here.get(person.userId) ?? 0
      if (count > 1) return void place.here.set(person.userId, count - 1)
      place.here.delete(person.userId)
      place.isOurs = true
      remove(place, person.userId, us)
    },
    has: (roomId, userId) => places.get(roomId)?.here.has(userId) ?? false,
    of(roomId, room) {
      const place = places.get(roomId)
      if (!place) return { room, count: 0, users: [] }
      const count = countOf(place)
      if (count > MAX_NAMED || place.crowds.size > 0) return { room, count }
      const users = [...place.people.values()].map(({ person }) => ({
        user_id: person.userId,
        username: person.username
      }))
      return { room, count, users: users.sort((a, b) => a.user_id - b.user_id) }
    },
    events: {
      present: hearPresent,
      alive: (_, from) => void heardAt.set(from, clock.monotonic()),
      gone: (_, from) => forget(from)
    },
    renamed(userId, username) {
      for (const place of places.values()) {
        const seen = place.people.get(userId)
        if (seen) rename(place, seen, { userId, username })
        if (place.here.has(userId)) place.isOurs = true
      }
    },
    deleted(userId) {
      const now = clock.monotonic()
      deletedAt.set(userId, now)
      for (const [roomId, place] of places) {
        const seen = place.people.get(userId)
        if (!seen) continue
        seen.leavesAt = now
        place.isLeaving = true
        sweep(roomId, place, now)
      }
    },
    refresh,
    close() {
      stopTicking()
      bus.publish({ kind: 'gone' })
    }
  }
}
