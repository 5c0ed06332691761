/** Tests how the page counts the unread messages of each room, and when it renders the list of rooms again. */
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import type { ChatClient } from '../../client/src/index.ts'
import { createRooms } from '../../src/web/rooms.ts'

const page = Object.assign(new EventTarget(), { visibilityState: 'visible' })
beforeEach(() => {
  page.visibilityState = 'visible'
  vi.stubGlobal('document', page)
  vi.stubGlobal('window', new EventTarget())
  return () => vi.unstubAllGlobals()
})

/** Creates the list of the rooms general and tea, which both have 10 entries, and opens both. The current room is general. */
const start = async () => {
  const listeners = new Map<string, (entry: { seq: number }) => void>()
  const client = {
    state: { status: 'online' },
    on: () => () => {},
    room: (name: string) => ({
      name,
      on: (event: string, listener: (entry: { seq: number }) => void) =>
        void listeners.set(`${name} ${event}`, listener),
      leave() {}
    }),
    api: { rooms: async () => ({ rooms: ['general', 'tea'].map(room => ({ room, seq: 10, title: room })) }) }
  } as unknown as ChatClient
  const stored = new Map<string, string>()
  const storage = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key)
  }
  const rooms = createRooms(client, { browser: storage, tab: storage })
  onTestFinished(rooms.stop)
  page.dispatchEvent(new Event('visibilitychange'))
  await vi.waitUntil(() => rooms.list.length === 2)
  rooms.open('tea')
  rooms.open('general')
  return {
    rooms,
    unread: () => Object.fromEntries(rooms.list.map(({ name, unread }) => [name, unread])),
    receive: (event: 'message' | 'update' | 'erasure', room: string, ...seqs: number[]) => {
      for (const seq of seqs) listeners.get(`${room} ${event}`)?.({ seq })
    }
  }
}

test('counts messages in other rooms as unread, but not changes and erasures', async () => {
  const { receive, unread, rooms } = await start()
  receive('message', 'tea', 11)
  receive('update', 'tea', 12, 13)
  receive('erasure', 'tea', 14)
  receive('message', 'tea', 15)
  expect(unread()).toEqual({ general: 0, tea: 2 })
  rooms.open('tea')
  expect(unread()).toEqual({ general: 0, tea: 0 })
  rooms.open('general')
  receive('update', 'tea', 16)
  receive('message', 'tea', 17)
  expect(unread()).toEqual({ general: 0, tea: 1 })
})

test('counts what the current room receives while the page is hidden', async () => {
  const { receive, unread } = await start()
  page.visibilityState = 'hidden'
  receive('update', 'general', 11)
  receive('message', 'general', 12)
  expect(unread()).toEqual({ general: 1, tea: 0 })
  page.visibilityState = 'visible'
  page.dispatchEvent(new Event('visibilitychange'))
  expect(unread()).toEqual({ general: 0, tea: 0 })
})

test('does not report entries that leave the list as it is', async () => {
  const { receive, rooms } = await start()
  const { list } = rooms
  let reports = 0
  rooms.subscribe(() => reports++)
  receive('message', 'general', 11)
  receive('update', 'general', 12)
  receive('update', 'tea', 11)
  expect([reports, rooms.list === list]).toEqual([0, true])
  receive('message', 'tea', 12)
  expect([reports, rooms.list === list]).toEqual([1, false])
})
