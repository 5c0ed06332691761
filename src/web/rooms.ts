/**
 * Maintains the list of rooms with their unread counts. Polls the list over HTTP. Each message that arrives on the connection
 * also updates its room.
 */
import type { ChatApi, ChatClient, NewRoom, Room, RoomState } from '../../client/src/index.ts'
import { createDirectNames } from './direct-names.ts'
import { draftKey } from './drafts.ts'
import { listen } from './hooks.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { createReadPositions } from './read-positions.ts'
import { compareRooms, headOf, isGone, type RoomEntry, type RoomHead, untitledOf } from './room-entry.ts'
import type { UserStorage } from './user-storage.ts'

export interface Rooms {
  /** The rooms, sorted by title. Each change creates a new array. */
  readonly list: readonly RoomEntry[]
  /** Increases when the current room has to be opened again, because the user may read it again. */
  readonly generation: number
  /** Subscribes to a room and makes it the current room. */
  open(name: string): Room
  /** Creates a room. Resolves with its name. Rejects with a ChatApiError. */
  create(room: NewRoom): Promise<string>
  /** Opens the direct room with other users. Resolves with its name. Rejects with a ChatApiError. */
  openDirect(users: readonly number[]): Promise<string>
  /** Updates a room after a change. */
  update(shown: RoomShown): void
  /** Removes a room that the user has left. */
  forget(name: string): void
  subscribe(changed: () => void): () => void
  /** Stops polling. */
  stop(): void
}

type RoomShown = Awaited<ReturnType<ChatApi['showRoom']>>

const REFRESH_MS = 20_000
/** Maximum number of subscriptions. Above the maximum, the client leaves the room that was opened longest ago. */
const MAX_SUBSCRIBED = 20
const PAGE = 100

/** Creates the list. The browser's storage has the read position of each room, and the tab's storage has the drafts. */
export const createRooms = (client: ChatClient, { browser, tab }: Pick<UserStorage, 'browser' | 'tab'>): Rooms => {
  const heads = new Map<string, RoomHead>()
  const subscribed = new Map<string, Room>()
  const positions = createReadPositions(browser)
  // Rooms of the first list in a browser that the user has not used before do not count as unread.
  let isListKnown = positions.isRestored
  const names = createDirectNames(client)
  const listeners = new Set<() => void>()
  // When each room was last changed by something other than the list, as a count of these changes. A list that was requested
  // before is out of date.
  const changedAt = new Map<string, number>()
  let changes = 0
  let list: readonly RoomEntry[] = []
  let current = ''
  let generation = 0

  const notify = (): void => {
    for (const listener of listeners) listener()
  }

  const changed = (): void => {
    const head = heads.get(current)
    if (head && document.visibilityState === 'visible') positions.read(current, head.seq)
    for (const [name, { seq, visibility }] of heads) {
      // Somebody has opened a new direct room with this user, so all its messages are unread.
      const isNew = isListKnown && visibility === 'direct'
      positions.begin(name, isNew ? 0 : seq)
    }
    positions.save()
    const next = [...heads]
      .map(([name, { seq, ...head }]) => ({ name, ...head, unread: positions.unread(name, seq) }))
      .sort(compareRooms)
    // Keeps the array if nothing changed, so that entries of the current room do not render the list of rooms again.
    if (JSON.stringify(next) === JSON.stringify(list)) return
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
    const known = heads.get(name) ?? { title: name, seq: 0, visibility: 'public', topic: null, role: undefined }
    heads.set(name, { ...known, ...head, seq: Math.max(known.seq, head.seq ?? 0) })
  }

  const markChanged = (name: string): void => void changedAt.set(name, ++changes)
  const hasChangedSince = (name: string, since: number): boolean => (changedAt.get(name) ?? 0) > since

  const show = (shown: RoomShown): void => updateHead(shown.room, headOf(shown, names.of(shown.room)))

  /** Removes the unsent texts of a room that the user may no longer read. */
  const forgetTexts = (name: string, { outgoing = [], changes = [] }: Partial<RoomState> = {}): void => {
    tab.removeItem(draftKey(name))
    for (const { nonce } of [...outgoing, ...changes]) subscribed.get(name)?.discard(nonce)
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
        if (shown.visibility === 'direct') direct.push(shown)
      }
      after = page.has_more ? page.next : undefined
    } while (after !== undefined)
    for (const name of missing) {
      if (hasChangedSince(name, startedAt)) continue
      heads.delete(name)
      forgetTexts(name)
    }
    changed()
    isListKnown = true
    await names.load(direct.map(({ room }) => room))
    for (const shown of direct)
      if (heads.has(shown.room)) updateHead(shown.room, { title: headOf(shown, names.of(shown.room)).title })
    changed()
  }

  // Errors are ignored, because the timer repeats a failed request, and the banner shows problems of the connection.
  const tryRefresh = oneAtATime(refresh)
  const timer = setInterval(tryRefresh, REFRESH_MS)
  const stops = [
    () => clearInterval(timer),
    client.on('state', tryRefresh),
    listen(window, 'focus', tryRefresh),
    listen(document, 'visibilitychange', () => {
      changed()
      tryRefresh()
    })
  ]

  const drop = (name: string): void => {
    subscribed.get(name)?.leave()
    subscribed.delete(name)
  }

  /** Drops the subscription of a listed room if the service had ended or refused it, so that `open` subscribes again. */
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
        updateHead(name, { seq })
        changed()
      })
      room.on('membership', ({ seq, subject, role, event }) => {
        countChange(name, seq)
        if (subject !== client.identity?.user_id) return
        markChanged(name)
        updateHead(name, { role: event === 'left' || event === 'removed' ? undefined : role })
        changed()
      })
      room.on('room', ({ seq, title, topic }) => {
        countChange(name, seq)
        markChanged(name)
        updateHead(name, {
          ...(title === undefined ? {} : { title: title ?? untitledOf(name, heads.get(name)?.visibility) }),
          ...(topic === undefined ? {} : { topic })
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
    get generation() {
      return generation
    },
    open(name) {
      current = name
      const room = subscribeTo(name)
      changed()
      return room
    },
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
