/**
 * Sends the changes of rooms to the inboxes that show them. When a room has grown, all these inboxes receive the same frame.
 * A user receives the personal fields, such as the number of mentions, only if these fields or the user's marks have changed.
 */
import { createHmac, randomBytes } from 'node:crypto'
import type { InboxRepository, InboxRoom, InboxRow } from '../../db/database.ts'
import type { LastMessage } from '../../protocol/http/inbox.ts'
import type { Encoded } from '../connections/encoded.ts'
import type { LogReader } from '../log/reader.ts'
import { marksOf } from './digest.ts'
import { personalOf } from './items.ts'
import { frameOf, type InboxState, type User } from './state.ts'

/** Maximum numbers of rooms and of users per query. */
const [ROOMS_PER_QUERY, USERS_PER_QUERY] = [200, 500]

/**
 * A change of a room. If the room has grown, all users who have the room in their inbox receive the change. Otherwise, only the
 * users in `marked` receive it. The users in `marked` receive their personal fields even if the fields equal those that were sent
 * last. The reason is that a client shows its own change of a mark at once, and another device may have reversed the change.
 */
interface Change {
  readonly isGrown: boolean
  readonly marked: ReadonlySet<User>
}

export interface RoomChanges {
  /** Records that the read marks of some users in a room have changed. */
  mark(roomId: number, users: readonly User[]): void
  /** Sends the recorded changes. If the promise rejects, the next call sends the rest. */
  send(): Promise<void>
}

export const createRoomChanges = (
  repository: InboxRepository,
  reader: Pick<LogReader, 'limited' | 'newest'>,
  { watched, dirty, stale, send }: InboxState
): RoomChanges => {
  /** The users whose read marks have changed, by room. */
  const marked = new Map<number, Set<User>>()

  /**
   * Sends the changes of some rooms. Reads the texts before the members, so that a removed user receives no text that is newer
   * than the removal.
   */
  const sendRooms = async (changes: ReadonlyMap<number, Change>): Promise<void> => {
    const roomIds = [...changes.keys()]
    const isGrown = (roomId: number): boolean => changes.get(roomId)?.isGrown === true
    const usersOf = (roomId: number): readonly User[] =>
      isGrown(roomId) ? [...(watched.get(roomId)?.users ?? [])] : [...(changes.get(roomId)?.marked ?? [])]
    const found = await reader.limited(() => repository.rooms(roomIds))
    const places = found.flatMap(({ roomId, messageSeq }) =>
      messageSeq === null || !isGrown(roomId) ? [] : [{ roomId, seq: messageSeq }]
    )
    const newest = await reader.newest(places)
    const interested = [...new Set(roomIds.flatMap(usersOf))]
    const rows: InboxRow[] = []
    for (let at = 0; at < interested.length; at += USERS_PER_QUERY) {
      const some = interested.slice(at, at + USERS_PER_QUERY).map(({ userId }) => userId)
      rows.push(...(await reader.limited(() => repository.ofMembers(roomIds, some))))
    }
    const members = new Map(rows.map(row => [`${row.roomId} ${row.userId}`, row]))
    const byId = new Map(found.map(room => [room.roomId, room]))
    for (const roomId of roomIds) {
      const room = byId.get(roomId)
      const frame = room && isGrown(roomId) ? sharedFrame(room, newest.get(roomId)) : undefined
      for (const user of usersOf(roomId)) {
        const row = room && members.get(`${roomId} ${user.userId}`)
        sendRoom(user, roomId, row, frame, changes.get(roomId)?.marked.has(user) === true)
      }
    }
  }

  /** Returns the frame that all users of the room receive, or undefined if nothing in the frame has changed. */
  const sharedFrame = (room: InboxRoom, last: LastMessage | undefined): Encoded | undefined => {
    const known = watched.get(room.roomId)
    if (!known) return undefined
    known.lastSeq = Math.max(known.lastSeq, room.lastSeq)
    const { title } = room
    const shown = digestOf([room.messages, title, last])
    if (known.shown === shown) return undefined
    known.shown = shown
    const titleField = title === known.title ? {} : { title }
    known.title = title
    return frameOf({ rooms: [{ room: room.room, ...titleField, messages: room.messages, ...(last ? { last } : {}) }] })
  }

  const sendRoom = (
    user: User,
    roomId: number,
    row: InboxRow | undefined,
    frame: Encoded | undefined,
    isMarked: boolean
  ): void => {
    const known = user.rooms.get(roomId)
    if (!known) return
    if (row) {
      const [before, now] = [marksOf([known.mark]), marksOf([row])]
      user.marks = {
        readSeqs: user.marks.readSeqs + now.readSeqs - before.readSeqs,
        unreadRooms: user.marks.unreadRooms + now.unreadRooms - before.unreadRooms
      }
      const { readSeq, isUnread } = row
      known.mark = { roomId, readSeq, isUnread }
    }
    // Either the client shows a room that the user has left or hidden, or the client lacks a room that it should show.
    if (!row || row.isHidden === known.isSent) {
      if (row && !row.isHidden) user.wanted.add(roomId)
      stale.add(user)
      return
    }
    if (!known.isSent) return
    if (frame) send(user, frame)
    const personal = JSON.stringify(personalOf(row))
    if (known.personal === personal && !isMarked) return
    known.personal = personal
    send(user, frameOf({ rooms: [{ room: row.room, ...personalOf(row) }] }))
  }

  /** Removes and returns the recorded changes of a room. */
  const changeOf = (roomId: number): Change => {
    const isGrown = dirty.delete(roomId)
    const ofRoom = marked.get(roomId) ?? new Set<User>()
    marked.delete(roomId)
    return { isGrown, marked: ofRoom }
  }

  const mark = (roomId: number, some: Iterable<User>): void => {
    const ofRoom = marked.get(roomId) ?? new Set()
    for (const user of some) ofRoom.add(user)
    marked.set(roomId, ofRoom)
  }

  const sendAll = async (): Promise<void> => {
    const all = [...new Set([...dirty, ...marked.keys()])]
    for (let at = 0; at < all.length; at += ROOMS_PER_QUERY) {
      const changes = new Map(all.slice(at, at + ROOMS_PER_QUERY).map(roomId => [roomId, changeOf(roomId)]))
      try {
        await sendRooms(changes)
      } catch (error) {
        for (const [roomId, change] of changes) {
          if (change.isGrown) dirty.add(roomId)
          mark(roomId, change.marked)
        }
        throw error
      }
    }
  }

  return { mark, send: sendAll }
}

const digestKey = randomBytes(32)

/**
 * Returns a digest that identifies a state that was sent. The digest is keyed, so that a short text cannot be guessed from it.
 */
const digestOf = (state: unknown): string =>
  createHmac('sha256', digestKey).update(JSON.stringify(state)).digest('base64')
