/**
 * Keeps the inboxes of connected clients up to date. When a room has grown, its numbers and its newest message are read once per
 * second, and one frame is encoded for everybody who has the room in an inbox. Nothing is read for rooms that nobody here has in
 * an inbox. All reads run one after another, so that a client never receives an older state after a newer one.
 *
 * Whether somebody is still a member is read after the text and before the frame is sent. A user who was removed therefore
 * receives no text that was written after the removal, even if all notifications about it were lost.
 */
import { createHmac, randomBytes } from 'node:crypto'
import type { Bus } from '../../bus/bus.ts'
import type { BusEventHandlers } from '../../bus/events.ts'
import type { InboxRepository, InboxRoom, InboxRow } from '../../db/database.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import { ChatError } from '../../protocol/errors.ts'
import { type InboxPage, type InboxUpdate, type LastMessage, MAX_INBOX_ROOMS } from '../../protocol/http/inbox.ts'
import type { Principal } from '../access/authorize.ts'
import type { Connection } from '../connections/connection.ts'
import { type Encoded, encode } from '../connections/encoded.ts'
import { createUserBuckets } from '../connections/user-buckets.ts'
import type { LogReader } from '../log/reader.ts'
import { NO_ROOMS } from './digest.ts'
import type { Inbox } from './inbox.ts'
import { personalOf, totalOf } from './items.ts'

/** Minimum time in milliseconds between two frames about the same room. */
const SHARED_MS = 1000
/** Interval in milliseconds at which the heads of rooms are read, because a notification may have been lost. */
const POLL_MS = 5000
/** Interval in milliseconds at which the memberships of users are compared, because a notification may have been lost. */
const MEMBERS_MS = 30_000
/** Maximum number of rooms, and of users, of one query. */
const [ROOMS_PER_QUERY, USERS_PER_QUERY] = [200, 500]
/** Maximum number of inboxes that are read as a whole at the same time. */
const OPENED_AT_ONCE = 8
/** How often a user may open an inbox, per second and in a burst. */
const [OPENS_PER_SECOND, OPEN_BURST] = [0.5, 30]
/** Maximum number of rooms whose growth is remembered while inboxes are read. */
const MAX_GROWN = 10_000

export interface LiveInboxOptions {
  readonly repository: InboxRepository
  readonly inbox: Inbox
  readonly reader: Pick<LogReader, 'limited' | 'newest'>
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
}

export interface LiveInbox {
  /** Sends the inbox of the connection’s user, and then its changes. Throws `rate_limited` if the user opens inboxes too often. */
  open(connection: Connection, ref?: string): void
  /** Called when a connection has ended. */
  left(connection: Connection): void
  /** Called when the log of a room has grown. */
  grown(roomId: number, seq: number): void
  /** Called when read marks in a room were changed, by any process. */
  marked(roomId: number, userIds: readonly number[]): void
  /** Called when this process changed in which rooms users are members, or which of them they see. Notifies other processes. */
  membersChanged(userIds: readonly number[]): void
  /** Reads the rooms of a user again. */
  refresh(userId: number): void
  /** Handles events of other processes. */
  readonly events: Pick<BusEventHandlers, 'members'>
  close(): void
}

/** A room in the inbox of a user. */
interface Known {
  readonly room: string
  /** False if the client does not know the room yet: it is hidden, or was not in the first frame. */
  isSent: boolean
  /** The personal fields that were sent last, as JSON. */
  personal: string
}

interface User {
  readonly userId: number
  readonly connections: Set<Connection>
  readonly rooms: Map<number, Known>
  /** The rooms that have to be sent as a whole. */
  readonly wanted: Set<number>
  /** Identifies the set of the user’s memberships. */
  digest: string
}

interface Watched {
  readonly users: Set<User>
  lastSeq: number
  /** What was sent last, without the text. Texts are not kept, because they may be erased. */
  shown: string
  title: string | null
}

/** A change of a room. Everybody receives it if the room has grown, and otherwise only the users whose marks have changed. */
interface Change {
  readonly isGrown: boolean
  readonly users: readonly User[]
}

interface Opening {
  readonly connection: Connection
  readonly ref: string | undefined
}

export const createLiveInbox = (options: LiveInboxOptions): LiveInbox => {
  const { repository, inbox, reader, bus, clock, log } = options
  const users = new Map<number, User>()
  const watched = new Map<number, Watched>()
  const opens = createUserBuckets({ clock, perSecond: OPENS_PER_SECOND, burst: OPEN_BURST })
  let openings: Opening[] = []
  /** The inboxes that could not be read. The next tick reads them again. */
  let failedOpenings: Opening[] = []
  const dirty = new Set<number>()
  /** The users whose personal fields may have changed, by room. */
  const marked = new Map<number, Set<User>>()
  const stale = new Set<User>()
  /** The connections that could not take a frame. They receive their inbox again as a whole. */
  const behind = new Set<Connection>()
  /** The growth of rooms while inboxes are read, because the rows may be older. */
  const grownMeanwhile = new Map<number, number>()
  let isReading = false
  let running: Promise<void> | undefined
  let isClosed = false

  const send = (user: User, frame: Encoded): void => {
    for (const connection of user.connections) if (!connection.outgoing.hint(frame)) behind.add(connection)
  }

  const frameOf = (fields: object): Encoded => encode(JSON.stringify({ type: 'inbox', ...fields }))

  const watch = (user: User, { roomId, room, lastSeq, title }: InboxRow, isSent: boolean, personal: string): void => {
    user.rooms.set(roomId, { room, isSent, personal })
    const known = watched.get(roomId) ?? { users: new Set(), lastSeq, shown: '', title }
    known.users.add(user)
    watched.set(roomId, known)
    // The rows may be older than what was sent, or than what is known to exist.
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

  /** Reads the rooms of a user, and sends what has changed to all connections of the user. Returns the rows that are shown. */
  const update = async (user: User, principal: Principal): Promise<InboxRow[]> => {
    const { rows, digest } = await inbox.allOf(principal)
    const shown = rows.filter(({ isHidden }) => !isHidden)
    const isNew = user.digest === ''
    const fresh = shown.filter(({ roomId }) => {
      const known = user.rooms.get(roomId)
      return !isNew && (!known || (!known.isSent && user.wanted.has(roomId)))
    })
    const items = await inbox.itemsOf(user.userId, fresh)
    user.digest = digest
    user.wanted.clear()

    const byId = new Map(rows.map(row => [row.roomId, row]))
    const removed: string[] = []
    for (const [roomId, known] of user.rooms) {
      const row = byId.get(roomId)
      if (known.isSent && (!row || row.isHidden)) removed.push(known.room)
      if (row?.isHidden) known.isSent = false
      if (!row) unwatch(user, roomId)
    }
    const updates: InboxUpdate[] = [...items]
    const sent = new Set(fresh.map(({ roomId }) => roomId))
    for (const row of rows) {
      const personal = JSON.stringify(personalOf(row))
      const known = user.rooms.get(row.roomId)
      if (known?.isSent && known.personal !== personal) updates.push({ room: row.room, ...personalOf(row) })
      watch(user, row, known?.isSent === true || sent.has(row.roomId), personal)
    }
    if (removed.length + updates.length > 0) {
      const changes = {
        ...(updates.length > 0 ? { rooms: updates } : {}),
        ...(removed.length > 0 ? { removed } : {}),
        total: totalOf(shown)
      }
      send(user, frameOf(changes))
    }
    return shown
  }

  /** Sends the whole inbox to a connection. */
  const openNow = async (opening: Opening): Promise<void> => {
    const { connection } = opening
    if (connection.isEnded) return
    const { userId } = connection.principal
    const user = users.get(userId) ?? newUser(userId)
    users.set(userId, user)
    try {
      // The other connections receive the changes first. They and this connection then have the same state.
      const rows = await update(user, connection.principal)
      const page = await inbox.pageOf(userId, rows, MAX_INBOX_ROOMS)
      if (connection.isEnded) return
      user.connections.add(connection)
      for (const { roomId } of rows.slice(0, MAX_INBOX_ROOMS)) {
        const known = user.rooms.get(roomId)
        if (known) known.isSent = true
      }
      behind.delete(connection)
      sendFirst(opening, page)
    } finally {
      if (user.connections.size === 0) forget(user)
    }
  }

  const sendFirst = ({ connection, ref }: Opening, page: InboxPage): void => {
    const mark = ref === undefined ? {} : { ref }
    connection.reply(frameOf({ first: true, ...page, ...mark }))
  }

  const newUser = (userId: number): User => ({
    userId,
    connections: new Set(),
    rooms: new Map(),
    wanted: new Set(),
    digest: ''
  })

  /** Runs the tasks for several users. A user has only one task at a time. */
  const runForUsers = async <T>(all: readonly T[], userOf: (one: T) => number, work: (one: T) => Promise<unknown>) => {
    const byUser = new Map<number, T[]>()
    for (const one of all) byUser.set(userOf(one), [...(byUser.get(userOf(one)) ?? []), one])
    const lists = [...byUser.values()]
    await Promise.all(
      Array.from({ length: OPENED_AT_ONCE }, async () => {
        for (let list = lists.shift(); list; list = lists.shift()) for (const one of list) await work(one)
      })
    )
  }

  /** Sends the changes of some rooms: the same frame to everybody, and personal fields to those for whom they have changed. */
  const sendRooms = async (changes: ReadonlyMap<number, Change>): Promise<void> => {
    const roomIds = [...changes.keys()]
    const isGrown = (roomId: number): boolean => changes.get(roomId)?.isGrown === true
    const usersOf = (roomId: number): readonly User[] =>
      isGrown(roomId) ? [...(watched.get(roomId)?.users ?? [])] : (changes.get(roomId)?.users ?? [])
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
        sendRoom(user, roomId, row, frame)
      }
    }
  }

  /** Returns the frame for everybody, or undefined if nothing in it has changed. */
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

  const sendRoom = (user: User, roomId: number, row: InboxRow | undefined, frame: Encoded | undefined): void => {
    const known = user.rooms.get(roomId)
    if (!known) return
    // The user is not a member anymore, or has hidden the room. Or the client does not know the room yet.
    if (!row || row.isHidden === known.isSent) {
      if (row && !row.isHidden) user.wanted.add(roomId)
      stale.add(user)
      return
    }
    if (!known.isSent) return
    if (frame) send(user, frame)
    const personal = JSON.stringify(personalOf(row))
    if (known.personal === personal) return
    known.personal = personal
    send(user, frameOf({ rooms: [{ room: row.room, ...personalOf(row) }] }))
  }

  /** Takes what is known to have changed in a room. */
  const changeOf = (roomId: number): Change => {
    const isGrown = dirty.delete(roomId)
    const ofRoom = marked.get(roomId) ?? []
    marked.delete(roomId)
    return { isGrown, users: [...ofRoom] }
  }

  const mark = (roomId: number, some: readonly User[]): void => {
    const ofRoom = marked.get(roomId) ?? new Set()
    for (const user of some) ofRoom.add(user)
    marked.set(roomId, ofRoom)
  }

  const sendChanges = async (): Promise<void> => {
    const all = [...new Set([...dirty, ...marked.keys()])]
    for (let at = 0; at < all.length; at += ROOMS_PER_QUERY) {
      const changes = new Map(all.slice(at, at + ROOMS_PER_QUERY).map(roomId => [roomId, changeOf(roomId)]))
      try {
        await sendRooms(changes)
      } catch (error) {
        for (const [roomId, { isGrown, users: ofRoom }] of changes) {
          if (isGrown) dirty.add(roomId)
          else mark(roomId, ofRoom)
        }
        throw error
      }
    }
  }

  const refreshNow = async (user: User): Promise<void> => {
    const principal = [...user.connections].at(-1)?.principal
    if (principal) await update(user, principal).catch(error => failed(error, () => stale.add(user)))
  }

  /** Performs everything that is due. */
  const work = async (areRoomsDue: boolean): Promise<void> => {
    isReading = true
    try {
      const opened = openings
      openings = []
      await runForUsers(
        opened,
        ({ connection }) => connection.principal.userId,
        opening => openNow(opening).catch(error => failed(error, () => failedOpenings.push(opening)))
      )
      if (!areRoomsDue) return
      await sendChanges()
      const refreshed = [...stale]
      stale.clear()
      await runForUsers(refreshed, ({ userId }) => userId, refreshNow)
      for (const connection of behind) if (connection.outgoing.mayCatchUp) openings.push({ connection, ref: undefined })
    } finally {
      isReading = false
      grownMeanwhile.clear()
    }
  }

  const failed = (err: unknown, retry: () => void): void => {
    log.warn({ err }, 'failed to read an inbox; retrying')
    if (!isClosed) retry()
  }

  const run = (areRoomsDue: boolean): void => {
    if (running || isClosed) return
    running = work(areRoomsDue)
      .catch(err => log.warn({ err }, 'failed to read rooms of inboxes; retrying'))
      .finally(() => {
        running = undefined
        if (openings.length > 0) run(false)
      })
  }

  const grown = (roomId: number, seq: number): void => {
    if (watched.has(roomId)) dirty.add(roomId)
    if (!isReading) return
    if (grownMeanwhile.size < MAX_GROWN) grownMeanwhile.set(roomId, Math.max(seq, grownMeanwhile.get(roomId) ?? 0))
  }

  const poll = async (): Promise<void> => {
    const ids = [...watched.keys()]
    for (let at = 0; at < ids.length; at += 1000) {
      const heads = await reader.limited(() => repository.heads(ids.slice(at, at + 1000)))
      for (const { roomId, lastSeq } of heads)
        if (lastSeq > (watched.get(roomId)?.lastSeq ?? lastSeq)) dirty.add(roomId)
    }
  }

  const compareMembers = async (): Promise<void> => {
    const ids = [...users.keys()]
    for (let at = 0; at < ids.length; at += USERS_PER_QUERY) {
      const some = ids.slice(at, at + USERS_PER_QUERY)
      const digests = new Map(
        (await reader.limited(() => repository.digests(some))).map(({ userId, digest }) => [userId, digest])
      )
      for (const userId of some) {
        const user = users.get(userId)
        if (user && user.digest !== '' && user.digest !== (digests.get(userId) ?? NO_ROOMS)) stale.add(user)
      }
    }
  }

  const refresh = (userId: number): void => {
    const user = users.get(userId)
    if (user) stale.add(user)
  }

  const warn = (err: unknown): void => log.warn({ err }, 'failed to compare inboxes with the database; retrying')
  const stops = [
    clock.every(SHARED_MS, () => {
      openings.push(...failedOpenings)
      failedOpenings = []
      run(true)
    }),
    clock.every(POLL_MS, () => void poll().catch(warn)),
    clock.every(MEMBERS_MS, () => void compareMembers().catch(warn))
  ]

  return {
    open(connection, ref) {
      const retryAfterMs = opens.take(connection.principal.userId)
      if (retryAfterMs > 0)
        throw new ChatError('rate_limited', 'You open the inbox too often. Wait a moment.', { retryAfterMs })
      if (openings.some(opening => opening.connection === connection)) return
      openings.push({ connection, ref })
      run(false)
    },
    left(connection) {
      behind.delete(connection)
      const user = users.get(connection.principal.userId)
      if (!user?.connections.delete(connection)) return
      if (user.connections.size === 0) forget(user)
    },
    grown,
    marked(roomId, userIds) {
      const room = watched.get(roomId)
      if (!room) return
      const here = userIds.map(userId => users.get(userId)).filter(user => user !== undefined && room.users.has(user))
      if (here.length > 0) mark(roomId, here as User[])
    },
    membersChanged(userIds) {
      for (const userId of userIds) refresh(userId)
      bus.publish({ kind: 'members', users: [...userIds] })
    },
    refresh,
    events: {
      members({ users: userIds }) {
        for (const userId of userIds) refresh(userId)
      }
    },
    close() {
      isClosed = true
      for (const stop of stops) stop()
      opens.close()
    }
  }
}

const digestKey = randomBytes(32)

/** Identifies a state that was sent. The key makes sure that no text can be found from it. */
const digestOf = (state: unknown): string =>
  createHmac('sha256', digestKey).update(JSON.stringify(state)).digest('base64')
