/**
 * Tracks which users are in a room, across all processes. Each process publishes the complete list of its users in a room when the
 * list changes, and again every few seconds. So if an event is lost, the next one corrects the list. The users of a process are
 * removed when it stops publishing. Presence never delays messages.
 */
import type { Bus } from '../../bus/bus.ts'
import type { BusEvent, BusEventHandlers } from '../../bus/events.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Presence } from '../../protocol/http/rooms.ts'
import type { Principal } from '../access/authorize.ts'

/** Maximum number of users of a room that are listed. For a larger room, only the number of users is shown. */
export const MAX_NAMED = 100
/** A user who returns within this time, in milliseconds, does not count as having left, for example when a page is reloaded. */
export const GRACE_MS = 5000
/** A process publishes its users again at this interval, in milliseconds. */
const REFRESH_MS = 8000
/** The users of a process that has published nothing for this long, in milliseconds, are removed. */
const SILENT_MS = 24_000
/** Maximum number of rooms whose users are published again per tick. */
const REFRESHED_AT_ONCE = 1000
/** Minimum time between two notifications about the users of a room, to its subscribers and to other processes, in milliseconds. */
const CHANGE_MS = 1000
/**
 * In a room with more users than this, the time between notifications grows in proportion to their number, because each
 * notification is sent to every subscriber.
 */
const SLOW_ABOVE = 1000
/**
 * How long a deleted user is ignored in the lists of other processes, in milliseconds. By then, every process has removed the user.
 */
const DELETED_MS = 60_000

/** A user in a room. */
type Present = Pick<Principal, 'userId' | 'username'>

export interface PresenceOptions {
  readonly bus: Bus
  readonly clock: Clock
  /** Called when a user joined or left a room that lists its users. */
  readonly onNotice: (roomId: number, event: 'joined' | 'left', person: Present) => void
  /** Called when the users of a room have changed, at most once per second per room. */
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
  /** Stops the timer, and notifies other processes that this process has no users any more. */
  close(): void
}

interface Seen {
  person: Present
  /** The ids of the processes that this user is connected to. */
  readonly holders: Set<string>
  /** When the user is removed, in monotonic time. Infinity while the user is connected to a process. */
  leavesAt: number
}

interface Place {
  readonly people: Map<number, Seen>
  /** The number of connections to this process, by user id. */
  readonly here: Map<number, number>
  /** The number of users, by process id, of other processes that have too many to list. */
  readonly crowds: Map<string, number>
  publishedAt: number
  /** True if the users in the room have changed, so that `onChange` is due. */
  isChanged: boolean
  /** True if the users of this process have changed, so that they must be published. */
  isOurs: boolean
  /** True while a user may have to be removed. Only then does a tick check all users of the room. */
  isLeaving: boolean
}

/** Creates the tracker. It runs on a timer until `close` is called. */
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

  /** Publishes the users of the next rooms, a bounded number per tick. */
  const refreshSome = (): void => {
    for (const roomId of unrefreshed.splice(0, REFRESHED_AT_ONCE)) {
      const place = places.get(roomId)
      if (place && place.here.size > 0) bus.publish(snapshot(roomId, place))
    }
  }

  /** Removes users who have left and did not return in time. */
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
