/**
 * Stores the inboxes of connected clients in the memory of this process: which users show which rooms, and what was sent last.
 */
import type { InboxRow, Marks } from '../../db/database.ts'
import type { Connection } from '../connections/connection.ts'
import { type Encoded, encode } from '../connections/encoded.ts'

/** A room in the inbox of a user. */
interface Known {
  readonly room: string
  /** False if the client does not show the room, because the room is hidden or was not in the first frame. */
  isSent: boolean
  /** The personal fields that were sent last, as JSON. */
  personal: string
  /** The read mark and the unread mark, as they were last loaded from the database. */
  mark: Pick<InboxRow, 'roomId' | 'readSeq' | 'isUnread'>
}

export interface User {
  readonly userId: number
  readonly connections: Set<Connection>
  readonly rooms: Map<number, Known>
  /** The rooms that have to be sent as a whole. */
  readonly wanted: Set<number>
  /** The digest of the user’s memberships and roles (see digest.ts). Empty until the inbox has been read. */
  digest: string
  /** The sums of the user’s marks (see `Marks`), as they were last loaded from the database. */
  marks: Marks
  /** The difference from the sums in the database at the last comparison. Undefined if they were equal. */
  difference: string | undefined
}

export interface Watched {
  readonly users: Set<User>
  lastSeq: number
  /**
   * A digest of the state that was sent last. The state itself is not kept, because a text that is erased must not remain in
   * memory.
   */
  shown: string
  title: string | null
}

/** The inboxes, and the rooms, users and connections whose state has to be read or sent again. */
export interface InboxState {
  readonly users: ReadonlyMap<number, User>
  /** The rooms that are in at least one inbox of this process. */
  readonly watched: ReadonlyMap<number, Watched>
  /** The rooms that have grown since they were sent. */
  readonly dirty: Set<number>
  /** The users whose inboxes have to be read again. */
  readonly stale: Set<User>
  /**
   * The connections to which a frame could not be sent, because too many bytes were queued. They receive the whole inbox again
   * later.
   */
  readonly behind: Set<Connection>
  /**
   * The newest `seq` of each room that has grown while inboxes were being read, keyed by room id. An inbox row that was read at
   * that time may have an older `seq`.
   */
  readonly grownMeanwhile: Map<number, number>
  /** Returns a user. If the user has no inbox on this process, creates a user without rooms. */
  add(userId: number): User
  forget(user: User): void
  /** Adds the room of `row`, which was just read, to the inbox of a user. See `Known` for `isSent` and `personal`. */
  watch(user: User, row: InboxRow, isSent: boolean, personal: string): void
  unwatch(user: User, roomId: number): void
  /** Sends a frame to all connections of a user that show the inbox. */
  send(user: User, frame: Encoded): void
}

export const createInboxState = (): InboxState => {
  const users = new Map<number, User>()
  const watched = new Map<number, Watched>()
  const dirty = new Set<number>()
  const stale = new Set<User>()
  const behind = new Set<Connection>()
  const grownMeanwhile = new Map<number, number>()

  const watch = (user: User, row: InboxRow, isSent: boolean, personal: string): void => {
    const { roomId, room, lastSeq, title, readSeq, isUnread } = row
    user.rooms.set(roomId, { room, isSent, personal, mark: { roomId, readSeq, isUnread } })
    const known = watched.get(roomId) ?? { users: new Set(), lastSeq, shown: '', title }
    known.users.add(user)
    watched.set(roomId, known)
    // If the row is older than the state that was sent, or than an entry that is known to exist, the room must be read again.
    if (Math.max(known.lastSeq, grownMeanwhile.get(roomId) ?? 0) > lastSeq) {
      known.shown = ''
      dirty.add(roomId)
    }
  }

  const unwatch = (user: User, roomId: number): void => {
    user.rooms.delete(roomId)
    const room = watched.get(roomId)
    room?.users.delete(user)
    if (room?.users.size === 0) watched.delete(roomId)
  }

  const forget = (user: User): void => {
    for (const roomId of [...user.rooms.keys()]) unwatch(user, roomId)
    users.delete(user.userId)
    stale.delete(user)
  }

  const add = (userId: number): User => {
    const user = users.get(userId) ?? newUser(userId)
    users.set(userId, user)
    return user
  }

  const send = (user: User, frame: Encoded): void => {
    for (const connection of user.connections) if (!connection.outgoing.hint(frame)) behind.add(connection)
  }

  return { users, watched, dirty, stale, behind, grownMeanwhile, add, forget, watch, unwatch, send }
}

const newUser = (userId: number): User => ({
  userId,
  connections: new Set(),
  rooms: new Map(),
  wanted: new Set(),
  digest: '',
  marks: { readSeqs: 0, unreadRooms: 0 },
  difference: undefined
})

/** Encodes a frame of the inbox. */
export const frameOf = (fields: object): Encoded => encode(JSON.stringify({ type: 'inbox', ...fields }))
