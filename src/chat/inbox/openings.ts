/**
 * Reads the inboxes of users as a whole. Sends the inbox to connections that open it, and only the changes to the user's other
 * connections.
 */
import type { InboxRow } from '../../db/database.ts'
import { type InboxPage, type InboxUpdate, MAX_INBOX_ROOMS } from '../../protocol/http/inbox.ts'
import type { Principal } from '../access/authorize.ts'
import type { Connection } from '../connections/connection.ts'
import type { Inbox } from './inbox.ts'
import { personalOf, totalOf } from './items.ts'
import { frameOf, type InboxState, type User } from './state.ts'

/** Maximum number of inboxes that are read as a whole at the same time. */
const OPENED_AT_ONCE = 8

/** A connection that opens the inbox. `ref` is the `ref` of the frame that opens it. */
export interface Opening {
  readonly connection: Connection
  readonly ref: string | undefined
}

export interface Openings {
  /** Sends the whole inbox to a connection. */
  open(opening: Opening): Promise<void>
  /** Sends the changes since the inbox of a user was last read. */
  refresh(user: User): Promise<void>
}

export const createOpenings = (inbox: Inbox, state: InboxState): Openings => {
  const { behind, watch, unwatch, forget, send } = state

  /** Reads the rooms of a user, and sends the changes to all connections of the user. Returns the rows that are shown. */
  const update = async (user: User, principal: Principal): Promise<InboxRow[]> => {
    const { rows, digest, marks } = await inbox.allOf(principal)
    const shown = rows.filter(({ isHidden }) => !isHidden)
    const isNew = user.digest === ''
    const fresh = shown.filter(({ roomId }) => {
      const known = user.rooms.get(roomId)
      return !isNew && (!known || user.wanted.has(roomId))
    })
    const items = await inbox.itemsOf(user.userId, fresh)
    user.digest = digest
    user.marks = marks
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

  const open = async (opening: Opening): Promise<void> => {
    const { connection } = opening
    if (connection.isEnded) return
    const { userId } = connection.principal
    const user = state.add(userId)
    try {
      // `update` replaces the state that all connections of a user share. So it also sends the changes to the connections that
      // already show the inbox.
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

  return {
    open,
    async refresh(user) {
      const principal = [...user.connections].at(-1)?.principal
      if (principal) await update(user, principal)
    }
  }
}

/** Runs tasks for several users concurrently. A user has only one running task at a time. */
export const runForUsers = async <T>(
  all: readonly T[],
  userOf: (one: T) => number,
  work: (one: T) => Promise<unknown>
) => {
  const byUser = new Map<number, T[]>()
  for (const one of all) byUser.set(userOf(one), [...(byUser.get(userOf(one)) ?? []), one])
  const lists = [...byUser.values()]
  await Promise.all(
    Array.from({ length: OPENED_AT_ONCE }, async () => {
      for (let list = lists.shift(); list; list = lists.shift()) for (const one of list) await work(one)
    })
  )
}
