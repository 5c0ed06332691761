/**
 * Tracks who is in a room, over all processes. Each process publishes its complete list of users of a room when it changes, and
 * again every few seconds. What a process published is dropped when it stops publishing. A lost notification delays a change, and
 * the next one corrects it. Presence never delays messages.
 */
import type { Bus } from '../../bus/bus.ts'
import type { BusEvent, BusEventHandlers } from '../../bus/events.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Presence } from '../../protocol/http/rooms.ts'
import type { Principal } from '../access/authorize.ts'

/** Limits the users of a room that are listed; a larger room shows only their number. */
export const MAX_NAMED = 100
/** Ignores absences up to this long, such as while a page is reloaded, in milliseconds. */
export const GRACE_MS = 5000
/** Sets how often a process publishes its users again, and after how long without a notification they are dropped. */
const REFRESH_MS = 8000
const SILENT_MS = 24_000
const REFRESHED_AT_ONCE = 1000
/** Limits how often changes of a room are published, to its subscribers and to other processes. */
const CHANGE_MS = 1000
/** Slows notifications down in rooms larger than this, in proportion, because each one goes to everybody in the room. */
const SLOW_ABOVE = 1000
/** Sets how long reports about a deleted user are ignored: until every process has processed the deletion. */
const DELETED_MS = 60_000

/** A user in a room. */
type Present = Pick<Principal, 'userId' | 'username'>

export interface PresenceOptions {
  readonly bus: Bus
  readonly clock: Clock
  /** Called when a user joined or left a room that lists its users. */
  readonly onNotice: (roomId: number, event: 'joined' | 'left', person: Present) => void
  /** Called when the users of a room have changed; at most once per second per room. */
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
  of(roomId: number, room: string): Presence
  /** Handles events of other processes. */
  readonly events: Pick<BusEventHandlers, 'present' | 'alive' | 'gone'>
  /** Applies a changed name. */
  renamed(userId: number, username: string): void
  /** Removes a deleted user everywhere, whatever other processes still publish. */
  deleted(userId: number): void
  /** Publishes this process's users again, after a reset of the bus. */
  refresh(): void
  /** Notifies other processes that this process has no users any more. */
  close(): void
}

interface Seen {
  person: Present
  /** Holds the ids of the processes that have this user. */
  readonly holders: Set<string>
  leavesAt: number
}

interface Place {
  readonly people: Map<number, Seen>
  /** Counts connections of this process, by user. */
  readonly here: Map<number, number>
  /** Counts the users of other processes that have too many to list. */
  readonly crowds: Map<string, number>
  publishedAt: number
  isChanged: boolean
  isOurs: boolean
  /** Is true while an absence is being ignored; only then all users are checked. */
  isLeaving: boolean
}

/** Creates the tracker, which runs on a timer until it is closed. */
export const createPresence = ({ bus, clock, onNotice, onChange }: PresenceOptions): PresenceView => {
  const places = new Map<number, Place>()
  const receivedAt = new Map<string, number>()
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
      publishedAt: Number.NEGATIVE_INFINITY,
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

  const onPresent: BusEventHandlers['present'] = ({ room: roomId, users = [], count = 0 }, from) => {
    receivedAt.set(from, clock.monotonic())
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
    receivedAt.delete(process)
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

  /** Publishes a bounded number of rooms per turn. */
  const refreshSome = (): void => {
    for (const roomId of unrefreshed.splice(0, REFRESHED_AT_ONCE)) {
      const place = places.get(roomId)
      if (place && place.here.size > 0) bus.publish(snapshot(roomId, place))
    }
  }

  /** Removes users whose absence has lasted too long. */
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

  const publishChanges = (roomId: number, place: Place, now: number): void => {
    if (!(place.isChanged || place.isOurs)) return
    if (now - place.publishedAt < CHANGE_MS * Math.max(1, countOf(place) / SLOW_ABOVE)) return
    place.publishedAt = now
    if (place.isOurs) bus.publish(snapshot(roomId, place))
    if (place.isChanged) onChange(roomId)
    place.isChanged = place.isOurs = false
  }

  const stopTicking = clock.every(250, () => {
    const now = clock.monotonic()
    for (const [process, at] of receivedAt) if (now - at > SILENT_MS) forget(process)
    for (const [userId, at] of deletedAt) if (now - at > DELETED_MS) deletedAt.delete(userId)
    for (const [roomId, place] of places) {
      sweep(roomId, place, now)
      publishChanges(roomId, place, now)
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
      present: onPresent,
      alive: (_, from) => void receivedAt.set(from, clock.monotonic()),
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
