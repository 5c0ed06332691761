/**
 * Keeps a list of the user's rooms with their numbers of unread messages. The service sends the same frame to everybody when a
 * room has a new message, so the number of unread messages is computed here: the number of messages minus those that this user
 * has read.
 */
import { createEmitter } from './emitter.ts'
import { TEMPORARY_ERRORS } from './errors.ts'
import { isItem, markedRead, merged, totalOf, type Update, withAllRead, withUnread } from './inbox-items.ts'
import type { Inbox, InboxEvents, InboxItem, InboxOptions, InboxState, InboxTotal } from './inbox-types.ts'
import { systemTimers } from './platform.ts'
import type { InboxPage } from './protocol.ts'
import type { Refusal } from './room-types.ts'
import type { ChatClient } from './types.ts'

/** The `ref` of the frame that opens the inbox. client.ts emits an error with this `ref` as the event `frame`. */
const REF = 'inbox'
/** Timeout for the first frame of the inbox, and minimum time between two requests on a connection, in milliseconds. */
const RESPONSE_MS = 10_000
/** Maximum number of rooms of the first frame and of a page. */
const PAGE = 200

interface InboxFrame {
  readonly first?: boolean
  readonly rooms?: readonly Update[]
  readonly removed?: readonly string[]
  readonly total?: InboxTotal
  readonly has_more?: boolean
  readonly next?: string
}

/** The place of a room in the list: the time of its newest message, and the order of rooms with equal times. */
interface Place {
  readonly time: string
  readonly rank: number
}

const latestFirst = (one: Place, other: Place): number =>
  one.time === other.time ? other.rank - one.rank : one.time < other.time ? 1 : -1

/** Opens the inbox of a client, and opens it again after each reconnection. */
export const createInbox = (client: ChatClient, { timers = systemTimers }: InboxOptions = {}): Inbox => {
  const events = createEmitter<InboxEvents>()
  const items = new Map<string, InboxItem>()
  const places = new Map<string, Place>()
  let status: InboxState['status'] = 'loading'
  let error: Refusal | undefined
  // Maps a room to the `seq` up to which this client has marked the room as read since the inbox was opened.
  const marks = new Map<string, number>()
  // The totals of the rooms that are not in `items`.
  let others: InboxTotal = { unread_rooms: 0, mentions: 0 }
  let hasMore = false
  let top = 0
  let next: string | undefined
  let owner = client.identity?.user_id
  let snapshot: InboxState | undefined
  let isNotified = true
  let isClosed = false
  let isRequested = false
  let cancel: (() => void) | undefined

  const state = (): InboxState => {
    if (snapshot) return snapshot
    const rooms = Object.freeze([...items.values()].sort((one, other) => latestFirst(placeOf(one), placeOf(other))))
    const { unread_rooms, mentions } = totalOf(rooms)
    snapshot = Object.freeze({
      status,
      ...(error ? { error } : {}),
      rooms,
      total: Object.freeze({
        unread_rooms: unread_rooms + others.unread_rooms,
        mentions: mentions + others.mentions
      }),
      hasMore
    })
    return snapshot
  }

  const changed = (): void => {
    snapshot = undefined
    if (!isNotified || isClosed) return
    isNotified = false
    queueMicrotask(() => {
      isNotified = true
      if (!isClosed) events.emit('change', state())
    })
  }

  const setStatus = (to: InboxState['status'], why?: Refusal): void => {
    status = to
    error = why
    changed()
  }

  const wait = (ms: number): void => {
    cancel?.()
    cancel = timers.after(ms, () => {
      cancel = undefined
      if (isRequested) open()
    })
  }

  /** Requests the first frame of the inbox, at most once per `RESPONSE_MS`. */
  const open = (): void => {
    isRequested = true
    if (!cancel && client.send({ type: 'inbox', ref: REF })) wait(RESPONSE_MS)
  }

  /**
   * Sets `others` so that the totals equal those of the service. If all rooms are in `items`, uses the totals of the items,
   * because they are newer.
   */
  const setTotal = (total: InboxTotal): void => {
    const known = hasMore ? totalOf(items.values()) : total
    others = {
      unread_rooms: Math.max(0, total.unread_rooms - known.unread_rooms),
      mentions: Math.max(0, total.mentions - known.mentions)
    }
  }

  const placeOf = ({ room }: InboxItem): Place => places.get(room) ?? { time: '', rank: 0 }

  const newestTime = (): string =>
    [...items.values()]
      .map(item => placeOf(item).time)
      .sort()
      .at(-1) ?? ''

  /** Adds items in the order in which the service lists them. Places them after the known rooms with the same time. */
  const append = (added: readonly InboxItem[]): void => {
    let time = ''
    const lowest = Math.min(0, ...[...items.values()].map(item => placeOf(item).rank))
    for (const [at, item] of [...added.entries()].reverse()) {
      // A room without messages has no time. It gets the time of the next room, so that it stays before that room.
      time = item.last?.timestamp ?? time
      places.set(item.room, { time, rank: lowest - at - 1 })
      items.set(item.room, withUnread(item))
    }
  }

  /** Adds or replaces an item. A new room without messages is placed at the top. */
  const set = (item: InboxItem): void => {
    const time = item.last?.timestamp ?? places.get(item.room)?.time ?? newestTime()
    places.set(item.room, { time, rank: ++top })
    items.set(item.room, withUnread(item))
  }

  const first = ({ rooms = [], total, ...frame }: InboxFrame): void => {
    isRequested = false
    items.clear()
    marks.clear()
    append(rooms.filter(isItem))
    hasMore = frame.has_more ?? rooms.length >= PAGE
    next = frame.next
    if (total) setTotal(total)
    setStatus('live')
  }

  const update = (given: Update): void => {
    if (isItem(given)) return set(given)
    const { room, last } = given
    const item = items.get(room)
    if (!item) return open()
    const next = merged(item, given)
    // Ignores a frame that the service sent before it received the read mark of this client.
    if (next.read_messages < item.read_messages && next.messages >= item.messages) return
    if (last && last.timestamp > placeOf(item).time) places.set(room, { time: last.timestamp, rank: ++top })
    // This user's own message moves the user's read mark. The service sends the new mark later, so the room becomes read here.
    const isRead = last && (last.user_id === owner || last.seq <= (marks.get(room) ?? 0))
    items.set(room, isRead ? withAllRead(next) : withUnread(next))
  }

  const handle = (frame: InboxFrame): void => {
    if (frame.first) return first(frame)
    for (const room of frame.removed ?? []) items.delete(room)
    // Each new item is placed above the known rooms with the same time. The service sends the item that belongs at the top
    // first, so the items are added in reverse order.
    for (const given of [...(frame.rooms ?? [])].reverse()) update(given)
    if (frame.total) setTotal(frame.total)
    changed()
  }

  const refused = ({ code, detail, retry_after_ms }: { readonly [field: string]: unknown }): void => {
    if (TEMPORARY_ERRORS.includes(String(code))) return wait(Number(retry_after_ms ?? RESPONSE_MS))
    isRequested = false
    items.clear()
    setStatus('unsupported', { code: String(code), detail: String(detail) })
  }

  /** Replaces an item before the request is sent. If the request fails, restores the item, unless it has changed since then. */
  const optimistic = async (room: string, change: (item: InboxItem) => InboxItem, request: () => Promise<unknown>) => {
    const before = items.get(room)
    const shown = before && change(before)
    if (shown) items.set(room, shown)
    changed()
    try {
      await request()
    } catch (error) {
      if (before && items.get(room) === shown) items.set(room, before)
      changed()
      throw error
    }
  }

  const stops = [
    client.on('frame', frame => {
      if (frame.type === 'inbox') handle(frame as InboxFrame)
      else if (frame.type === 'error' && frame.ref === REF) refused(frame)
    }),
    client.on('identity', ({ user_id }) => {
      if (user_id !== owner) items.clear()
      owner = user_id
      cancel?.()
      cancel = undefined
      open()
      changed()
    }),
    client.on('state', ({ status: connection }) => {
      if (connection !== 'online' && status === 'live') setStatus('stale')
    }),
    client.on('read', ({ room, upTo }) => {
      const item = items.get(room)
      if (!item) return
      if (upTo === undefined) items.set(room, Object.freeze({ ...item, marked_unread: true }))
      else {
        marks.set(room, upTo)
        if (upTo >= (item.last?.seq ?? 0)) items.set(room, markedRead(item))
      }
      changed()
    })
  ]
  open()

  const merge = (page: InboxPage): number => {
    const added = page.rooms.filter(({ room }) => !items.has(room))
    append(added)
    next = page.next
    hasMore = page.has_more
    setTotal(page.total)
    changed()
    return added.length
  }

  return {
    get state() {
      return state()
    },
    async more() {
      // If the first frame had no `next`, the first request returns the rooms of this frame again. Loads further pages until
      // one has a new room.
      while (hasMore) {
        const page = await client.api.inbox({ limit: PAGE, ...(next === undefined ? {} : { after: next }) })
        if (merge(page) > 0) break
      }
      return hasMore
    },
    markRead(room) {
      const last = items.get(room)?.last?.seq
      return optimistic(room, markedRead, () => client.api.markRead(room, last === undefined ? {} : { up_to: last }))
    },
    markUnread: room =>
      optimistic(
        room,
        item => Object.freeze({ ...item, marked_unread: true }),
        () => client.api.markRead(room, { unread: true })
      ),
    async hide(room) {
      await client.api.hideRoom(room)
      items.delete(room)
      changed()
    },
    close() {
      isClosed = true
      cancel?.()
      for (const stop of stops) stop()
    },
    on: events.on
  }
}
