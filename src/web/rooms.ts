/**
 * Maintains the list of rooms with their unread counts. Polls the list over HTTP. Each message that arrives on the connection
 * also updates its room.
 */
import type { ChatClient, Room, WebStorage } from '../../client/src/index.ts'
import { listen } from './hooks.ts'

export interface RoomEntry {
  readonly name: string
  readonly title: string
  readonly unread: number
}

export interface Rooms {
  /** The rooms, sorted by name. Each change creates a new array. */
  readonly list: readonly RoomEntry[]
  /** Subscribes to a room and makes it the current room. */
  open(name: string): Room
  /** Creates a room. Rejects with a ChatApiError. */
  create(name: string, title: string): Promise<void>
  subscribe(changed: () => void): () => void
  /** Stops polling. */
  stop(): void
}

const REFRESH_MS = 20_000
/** Maximum number of subscriptions. Above the maximum, the client leaves the room that was opened longest ago. */
const MAX_SUBSCRIBED = 20
const PAGE = 100
const READ_KEY = 'seen'

/** Creates the list. `storage` holds the read position of each room. */
export const createRooms = (client: ChatClient, storage: WebStorage): Rooms => {
  const heads = new Map<string, { title: string; seq: number }>()
  const subscribed = new Map<string, Room>()
  const readPositions = loadReadPositions(storage)
  // The number of entries after the read position that are not messages, such as edits. They do not count as unread.
  const changes = new Map<string, number>()
  const listeners = new Set<() => void>()
  let list: readonly RoomEntry[] = []
  let current = ''

  const changed = (): void => {
    const head = heads.get(current)
    if (head && document.visibilityState === 'visible') {
      readPositions.set(current, head.seq)
      changes.delete(current)
    }
    for (const [name, { seq }] of heads) if (!readPositions.has(name)) readPositions.set(name, seq)
    storage.setItem(READ_KEY, JSON.stringify([...readPositions]))
    const next = [...heads]
      .map(([name, { title, seq }]) => ({ name, title, unread: unreadOf(name, seq) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
    // Keeps the array if nothing changed, so that entries of the current room do not render the list of rooms again.
    if (JSON.stringify(next) === JSON.stringify(list)) return
    list = next
    for (const listener of listeners) listener()
  }

  const unreadOf = (name: string, head: number): number =>
    Math.max(0, head - (readPositions.get(name) ?? head) - (changes.get(name) ?? 0))

  /** Counts an entry of a subscribed room that is not a message. */
  const countChange = (name: string, seq: number): void => {
    if (seq > (readPositions.get(name) ?? Number.POSITIVE_INFINITY)) changes.set(name, (changes.get(name) ?? 0) + 1)
    updateHead(name, seq)
    changed()
  }

  const updateHead = (name: string, seq: number, title?: string | null): void => {
    const known = heads.get(name)
    heads.set(name, { title: title ?? known?.title ?? name, seq: Math.max(seq, known?.seq ?? 0) })
  }

  const refresh = async (): Promise<void> => {
    if (client.state.status !== 'online' || document.visibilityState !== 'visible') return
    let after: string | undefined
    do {
      const page = await client.api.rooms({ limit: PAGE, ...(after === undefined ? {} : { after }) })
      for (const { room, seq, title } of page.rooms) updateHead(room, seq, title)
      after = page.has_more ? page.next : undefined
    } while (after !== undefined)
    changed()
  }

  // Ignores errors, because the timer repeats a failed request, and the banner shows problems of the connection.
  const tryRefresh = (): void => void refresh().catch(() => {})
  const timer = setInterval(tryRefresh, REFRESH_MS)
  const stops = [
    () => clearInterval(timer),
    client.on('state', tryRefresh),
    listen(document, 'visibilitychange', () => {
      changed()
      tryRefresh()
    })
  ]

  const subscribeTo = (name: string): Room => {
    const room = subscribed.get(name) ?? client.room(name)
    if (!subscribed.has(name)) {
      room.on('message', ({ seq }) => {
        updateHead(name, seq)
        changed()
      })
      room.on('update', ({ seq }) => countChange(name, seq))
      room.on('erasure', ({ seq }) => countChange(name, seq))
    }
    // Moves the room to the end of the map. The first room of the map is therefore the one that was opened longest ago.
    subscribed.delete(name)
    subscribed.set(name, room)
    const [oldest] = subscribed.keys()
    if (subscribed.size > MAX_SUBSCRIBED && oldest !== undefined) {
      subscribed.get(oldest)?.leave()
      subscribed.delete(oldest)
    }
    return room
  }

  return {
    get list() {
      return list
    },
    open(name) {
      current = name
      const room = subscribeTo(name)
      changed()
      return room
    },
    async create(name, title) {
      const room = await client.api.createRoom(name, title)
      updateHead(room.room, room.seq, room.title)
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

/** Loads the read position of each room. The stored value contains only room names and numbers, no messages. */
const loadReadPositions = (storage: WebStorage): Map<string, number> => {
  try {
    return new Map(JSON.parse(storage.getItem(READ_KEY) ?? '[]'))
  } catch {
    return new Map()
  }
}
