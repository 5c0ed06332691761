/**
 * Maintains the list of rooms with their unread counts. The counts of the user's rooms come from the inbox of the service. The
 * page counts the unread messages of the other public rooms itself, and of all rooms if the service has no inbox.
 */
import type { ChatApi, ChatClient, Inbox, InboxItem, NewRoom, Room, RoomState } from '../../client/src/index.ts'
import { createDirectNames } from './direct-names.ts'
import { draftKey } from './drafts.ts'
import { listen } from './hooks.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { createReadPositions } from './read-positions.ts'
import {
  compareRooms,
  directTitleOf,
  headOf,
  headOfItem,
  isGone,
  type RoomEntry,
  type RoomHead,
  settingsOf,
  UNKNOWN_HEAD,
  untitledOf
} from './room-entry.ts'
import type { UserStorage } from './user-storage.ts'

export interface Rooms {
  /** The rooms, latest message first. Each change creates a new array. */
  readonly list: readonly RoomEntry[]
  /** Whether the unread counts are known. */
  readonly isReady: boolean
  /** Whether the service stores which rooms are unread and hidden. */
  readonly hasInbox: boolean
  /** Increases when the user regains the right to read the current room. The page must then open the room again. */
  readonly generation: number
  isCurrent(name: string): boolean
  /** Subscribes to a room and makes it the current room. */
  open(name: string): Room
  /** Marks a room as read up to its newest message `seq`, which the user sees. */
  read(name: string, seq: number): void
  /** Marks all messages of a room as read. Rejects with a ChatApiError. */
  markRead(name: string): Promise<void>
  /**
   * Marks a room as unread. If it is the current room, it stays unread until the user opens it again. Rejects with a
   * ChatApiError.
   */
  markUnread(name: string): Promise<void>
  /** Hides a direct room until its next message. Rejects with a ChatApiError. */
  hide(name: string): Promise<void>
  /** Creates a room. Resolves with its name. Rejects with a ChatApiError. */
  create(room: NewRoom): Promise<string>
  /** Opens the direct room with other users. Resolves with its name. Rejects with a ChatApiError. */
  openDirect(users: readonly number[]): Promise<string>
  /** Updates a room after a change. */
  update(shown: RoomShown): void
  /** Removes a room that the user has left or deleted. */
  forget(name: string): void
  subscribe(changed: () => void): () => void
  /** Stops updating the list. */
  stop(): void
}

type RoomShown = Awaited<ReturnType<ChatApi['showRoom']>>

/** Interval in milliseconds at which the list is loaded from a service without an inbox. */
const REFRESH_MS = 20_000
/** Maximum number of subscriptions. Above the maximum, the client leaves the room that was opened longest ago. */
const MAX_SUBSCRIBED = 20
const PAGE = 100
const HELD_KEY = 'held'

/**
 * Creates the list. The browser's storage contains the read position of each room, and the tab's storage contains the drafts.
 */
export const createRooms = (
  client: ChatClient,
  { browser, tab }: Pick<UserStorage, 'browser' | 'tab'>,
  inbox: Inbox
): Rooms => {
  const heads = new Map<string, RoomHead>()
  const subscribed = new Map<string, Room>()
  /** The rooms of the inbox at its last change, by name. */
  let items = new Map<string, InboxItem>()
  /** The `seq` of the newest message that the user has seen, by room. */
  const seen = new Map<string, number>()
  const positions = createReadPositions(browser)
  // In a browser that the user has not used before, the rooms of the first list do not count as unread.
  let isListKnown = positions.isRestored
  const names = createDirectNames(client)
  const listeners = new Set<() => void>()
  // `changes` counts the changes of rooms, except changes from a loaded list. `changedAt` maps a room to this count at its last
  // change. If a list was requested before that change, its data about the room is out of date.
  const changedAt = new Map<string, number>()
  let changes = 0
  let list: readonly RoomEntry[] = []
  let current = ''
  /**
   * The current room, if the user has marked it as unread since it was opened. Stored, so that a reload does not mark it as read.
   */
  let held = tab.getItem(HELD_KEY)
  let generation = 0
  let isReady = false

  const hold = (name: string): void => {
    held = name
    tab.setItem(HELD_KEY, name)
  }

  const hasInbox = (): boolean => inbox.state.status === 'live' || inbox.state.status === 'stale'

  const notify = (): void => {
    for (const listener of listeners) listener()
  }

  const entryOf = (name: string, { seq, ...head }: RoomHead): RoomEntry => {
    const item = items.get(name)
    const counted = item ? item.unread : isReady ? positions.unread(name, seq) : 0
    // Uses the messages that the user has seen, because the inbox may not contain the latest read position yet.
    const isSeen = item?.last !== undefined && (seen.get(name) ?? 0) >= item.last.seq
    return {
      name,
      ...head,
      unread: isSeen ? 0 : counted,
      mentions: isSeen ? 0 : (item?.mentions ?? 0),
      isMarked: item?.marked_unread ?? false,
      at: item?.last?.timestamp ?? ''
    }
  }

  /** Returns whether the list leaves out a room: a direct room that the user has hidden. */
  const isHidden = (name: string, { visibility }: RoomHead): boolean =>
    visibility === 'direct' && hasInbox() && !items.has(name) && name !== current

  const changed = (): void => {
    for (const [name, { seq, visibility }] of heads) {
      // All messages are unread in a direct room that first appears after the first list was loaded, because another user has
      // just opened it. `begin` does not change an existing position.
      const isNew = isListKnown && visibility === 'direct'
      positions.begin(name, isNew ? 0 : seq)
    }
    positions.save()
    const wasReady = isReady
    isReady = inbox.state.status !== 'loading'
    const next = [...heads]
      .filter(([name, head]) => !isHidden(name, head))
      .map(([name, head]) => entryOf(name, head))
      .sort(compareRooms)
    // Keeps the array if nothing changed, so that the list of rooms is not rendered again for each entry of the current room.
    if (wasReady === isReady && JSON.stringify(next) === JSON.stringify(list)) return
    list = next
    notify()
  }

  /** Counts an entry of a subscribed room that is not a message. */
  const countChange = (name: string, seq: number): void => {
    positions.countChange(name, seq)
    updateHead(name, { seq })
    changed()
  }

  const updateHead = (name: string, head: Partial<RoomHead>): void => {
    const known = heads.get(name) ?? { ...UNKNOWN_HEAD, title: name }
    heads.set(name, { ...known, ...head, seq: Math.max(known.seq, head.seq ?? 0) })
  }

  const markChanged = (name: string): void => void changedAt.set(name, ++changes)
  const hasChangedSince = (name: string, since: number): boolean => (changedAt.get(name) ?? 0) > since

  const show = (shown: RoomShown): void => updateHead(shown.room, headOf(shown, names.of(shown.room)))

  /** Removes the unsent texts and the draft of a room that the user may no longer read. */
  const forgetTexts = (name: string, { outgoing = [], changes = [] }: Partial<RoomState> = {}): void => {
    tab.removeItem(draftKey(name))
    for (const { nonce } of [...outgoing, ...changes]) subscribed.get(name)?.discard(nonce)
  }

  /**
   * Removes a room in which the user's membership has ended. A public room stays in the list, because the user can still read it.
   */
  const removeMembership = (name: string): void => {
    markChanged(name)
    const { visibility } = heads.get(name) ?? {}
    if (visibility === 'public') return updateHead(name, { role: undefined })
    heads.delete(name)
    // Keeps the texts of a direct room. A direct room also leaves the inbox when the user hides it, but the user can still read
    // it.
    if (visibility === 'private') forgetTexts(name, subscribed.get(name)?.state)
  }

  const readInbox = (): void => {
    const next = new Map(inbox.state.rooms.map(item => [item.room, item]))
    let isIncomplete = false
    for (const [name, item] of next) {
      const known = items.get(name)
      if (known && known.title === item.title && known.role === item.role) continue
      // Loads the list for a new room, because the inbox does not contain the room's topic and settings.
      if (!heads.has(name)) isIncomplete = true
      markChanged(name)
      updateHead(name, headOfItem(item))
      if (!known) reopen(name)
    }
    // Removes memberships only if the inbox is complete. After a reconnection, it first contains only the first rooms.
    if (!inbox.state.hasMore) for (const name of items.keys()) if (!next.has(name)) removeMembership(name)
    items = next
    changed()
    if (isIncomplete) tryRefresh()
    // Ignores errors, because the next change of the inbox tries again.
    if (inbox.state.hasMore && inbox.state.status === 'live') void inbox.more().catch(() => {})
  }

  const refresh = async (): Promise<void> => {
    if (client.state.status !== 'online' || document.visibilityState !== 'visible') return
    const startedAt = changes
    const missing = new Set(heads.keys())
    let after: string | undefined
    const direct: RoomShown[] = []
    do {
      const since = changes
      const page = await client.api.rooms({ limit: PAGE, ...(after === undefined ? {} : { after }) })
      for (const shown of page.rooms) {
        missing.delete(shown.room)
        if (hasChangedSince(shown.room, since)) continue
        show(shown)
        reopen(shown.room)
        if (shown.visibility === 'direct' && !items.has(shown.room)) direct.push(shown)
      }
      after = page.has_more ? page.next : undefined
    } while (after !== undefined)
    for (const name of missing) {
      if (items.has(name) || hasChangedSince(name, startedAt)) continue
      heads.delete(name)
      forgetTexts(name)
    }
    for (const [name, item] of items) if (item.people) updateHead(name, { title: directTitleOf(item.people) })
    changed()
    isListKnown = true
    // `direct` contains the direct rooms that are not in the inbox. If the service has an inbox, the page shows none of these
    // rooms except the current one.
    const shown = hasInbox() ? direct.filter(({ room }) => room === current) : direct
    await names.load(shown.map(({ room }) => room))
    for (const one of shown)
      if (heads.has(one.room)) updateHead(one.room, { title: headOf(one, names.of(one.room)).title })
    changed()
  }

  // Errors are ignored, because the next refresh repeats a failed request, and the banner shows problems of the connection.
  const tryRefresh = oneAtATime(refresh)
  const timer = setInterval(() => {
    if (!hasInbox()) tryRefresh()
  }, REFRESH_MS)
  const stops = [
    () => clearInterval(timer),
    inbox.close,
    inbox.on('change', readInbox),
    client.on('state', tryRefresh),
    listen(window, 'focus', tryRefresh),
    listen(document, 'visibilitychange', tryRefresh)
  ]

  const drop = (name: string): void => {
    subscribed.get(name)?.leave()
    subscribed.delete(name)
  }

  /** Drops the subscription of a room if the service has ended or refused the subscription, so that `open` subscribes again. */
  const reopen = (name: string): void => {
    const room = subscribed.get(name)
    if (!room || !isGone(room.state)) return
    drop(name)
    if (name !== current) return
    generation++
    notify()
  }

  const subscribeTo = (name: string): Room => {
    const room = subscribed.get(name) ?? client.room(name)
    if (!subscribed.has(name)) {
      room.on('message', ({ seq }) => {
        if (held === name) hold('')
        updateHead(name, { seq })
        changed()
      })
      room.on('membership', ({ seq, subject, role, event }) => {
        countChange(name, seq)
        if (subject !== client.identity?.user_id) return
        markChanged(name)
        if (['left', 'removed', 'banned'].includes(event)) updateHead(name, { role: undefined })
        else if (role) updateHead(name, { role })
        changed()
      })
      room.on('room', entry => {
        const { seq, title, topic } = entry
        countChange(name, seq)
        markChanged(name)
        updateHead(name, {
          ...(title === undefined ? {} : { title: title ?? untitledOf(name, heads.get(name)?.visibility) }),
          ...(topic === undefined ? {} : { topic }),
          ...settingsOf(entry)
        })
        changed()
      })
      room.on('change', state => {
        if (!isGone(state)) return
        forgetTexts(name, state)
        if (!heads.delete(name)) return
        markChanged(name)
        changed()
      })
      room.on('update', ({ seq }) => countChange(name, seq))
      room.on('erasure', ({ seq }) => countChange(name, seq))
    }
    // Moves the room to the end of the map. The first room of the map is therefore the one that was opened longest ago.
    subscribed.delete(name)
    subscribed.set(name, room)
    const [oldest] = subscribed.keys()
    if (subscribed.size > MAX_SUBSCRIBED && oldest !== undefined) drop(oldest)
    return room
  }

  /** Adds a room that this user has opened. Returns its name. */
  const add = (shown: RoomShown): string => {
    markChanged(shown.room)
    show(shown)
    positions.read(shown.room, shown.seq)
    changed()
    return shown.room
  }

  return {
    get list() {
      return list
    },
    get isReady() {
      return isReady
    },
    get hasInbox() {
      return hasInbox()
    },
    get generation() {
      return generation
    },
    isCurrent: name => name === current,
    open(name) {
      if (name !== (current || held)) hold('')
      current = name
      const room = subscribeTo(name)
      changed()
      // Loads the list again if it does not contain the room, for example a room that was created after the list was loaded.
      if (!heads.has(name)) tryRefresh()
      return room
    },
    read(name, seq) {
      if (held === name) return
      seen.set(name, Math.max(seen.get(name) ?? 0, seq))
      positions.read(name, Math.max(heads.get(name)?.seq ?? 0, seq))
      // Only members have a read position at the service.
      if (heads.get(name)?.role !== undefined) subscribed.get(name)?.markRead()
      changed()
    },
    async markRead(name) {
      positions.read(name, heads.get(name)?.seq ?? 0)
      changed()
      if (items.has(name)) await inbox.markRead(name)
    },
    async markUnread(name) {
      if (name === current) hold(name)
      await inbox.markUnread(name)
    },
    hide: inbox.hide,
    create: async room => add(await client.api.createRoom(room)),
    async openDirect(users) {
      const shown = await client.api.openDirect(users)
      await names.load([shown.room])
      return add(shown)
    },
    update(shown) {
      markChanged(shown.room)
      show(shown)
      changed()
    },
    forget(name) {
      forgetTexts(name, subscribed.get(name)?.state)
      drop(name)
      heads.delete(name)
      markChanged(name)
      changed()
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    stop() {
      for (const stop of stops) stop()
    }
  }
}
