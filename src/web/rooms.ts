/** The list of rooms with what is unread in each: read over HTTP now and then, and live for the rooms that were opened. */
import type { ChatClient, Room, WebStorage } from '../client/index.ts'
import { listen } from './hooks.ts'

/** A room in the list. */
export interface RoomEntry {
  readonly name: string
  readonly title: string
  readonly unread: number
}

export interface Rooms {
  /** By name; another array after each change. */
  readonly list: readonly RoomEntry[]
  /** Follows a room, as the one that is looked at. */
  open(name: string): Room
  /** Makes a room and answers its name. Throws a ChatApiError. */
  create(name: string, title: string): Promise<void>
  subscribe(changed: () => void): () => void
  /** Stops asking. */
  stop(): void
}

const REFRESH_MS = 20_000
/** So many opened rooms stay followed; then the one opened longest ago is left. */
const FOLLOWED = 20
const PAGE = 100
const SEEN = 'seen'

/** `storage` keeps how far each room was read. */
export const createRooms = (client: ChatClient, storage: WebStorage): Rooms => {
  const heads = new Map<string, { title: string; seq: number }>()
  const followed = new Map<string, Room>()
  const seen = readSeen(storage)
  const listeners = new Set<() => void>()
  let list: readonly RoomEntry[] = []
  let current = ''

  const changed = (): void => {
    const head = heads.get(current)
    if (head && document.visibilityState === 'visible') seen.set(current, head.seq)
    for (const [name, { seq }] of heads) if (!seen.has(name)) seen.set(name, seq)
    storage.setItem(SEEN, JSON.stringify([...seen]))
    list = [...heads]
      .map(([name, { title, seq }]) => ({ name, title, unread: Math.max(0, seq - (seen.get(name) ?? seq)) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const listener of listeners) listener()
  }

  const raise = (name: string, seq: number, title?: string | null): void => {
    const known = heads.get(name)
    heads.set(name, { title: title ?? known?.title ?? name, seq: Math.max(seq, known?.seq ?? 0) })
  }

  const refresh = async (): Promise<void> => {
    if (client.state.status !== 'online' || document.visibilityState !== 'visible') return
    let after: string | undefined
    do {
      const page = await client.api.rooms({ limit: PAGE, ...(after === undefined ? {} : { after }) })
      for (const { room, seq, title } of page.rooms) raise(room, seq, title)
      after = page.has_more ? page.next : undefined
    } while (after !== undefined)
    changed()
  }

  // A list that could not be read is read again soon; the banner tells what is wrong with the connection.
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

  const follow = (name: string): Room => {
    const room = followed.get(name) ?? client.room(name)
    if (!followed.has(name)) {
      room.on('message', ({ seq }) => {
        raise(name, seq)
        changed()
      })
    }
    // The newest last.
    followed.delete(name)
    followed.set(name, room)
    const [oldest] = followed.keys()
    if (followed.size > FOLLOWED && oldest !== undefined) {
      followed.get(oldest)?.leave()
      followed.delete(oldest)
    }
    return room
  }

  return {
    get list() {
      return list
    },
    open(name) {
      current = name
      const room = follow(name)
      changed()
      return room
    },
    async create(name, title) {
      const room = await client.api.createRoom(name, title)
      raise(room.room, room.seq, room.title)
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

/** How far each room was read in this browser; room names and numbers only. */
const readSeen = (storage: WebStorage): Map<string, number> => {
  try {
    return new Map(JSON.parse(storage.getItem(SEEN) ?? '[]'))
  } catch {
    return new Map()
  }
}
