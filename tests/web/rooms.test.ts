/** Tests how the page counts the unread messages of each room, and when it renders the list of rooms again. */
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import type { ChatClient } from '../../client/src/index.ts'
import { createRooms } from '../../src/web/rooms.ts'
import { type FakeInbox, fakeInbox } from '../support/fake-inbox.ts'

const page = Object.assign(new EventTarget(), { visibilityState: 'visible' })
beforeEach(() => {
  page.visibilityState = 'visible'
  vi.stubGlobal('document', page)
  vi.stubGlobal('window', new EventTarget())
  return () => vi.unstubAllGlobals()
})

/**
 * Creates a list of the rooms `general` and `tea`, with 10 entries each. Opens the rooms in `opened`. The last of them is then
 * the current room.
 */
const start = async (
  inbox: FakeInbox = fakeInbox(),
  { stored = new Map<string, string>(), opened = ['tea', 'general'] } = {}
) => {
  const marked: string[] = []
  const listed = ['general', 'tea']
  const listeners = new Map<string, (entry: { seq: number }) => void>()
  const client = {
    state: { status: 'online' },
    on: () => () => {},
    room: (name: string) => ({
      name,
      state: { status: 'live' },
      on: (event: string, listener: (entry: { seq: number }) => void) =>
        void listeners.set(`${name} ${event}`, listener),
      markRead: () => void marked.push(name),
      leave() {}
    }),
    api: {
      rooms: async () => ({ rooms: listed.map(room => ({ room, seq: 10, title: room, topic: `About ${room}` })) })
    }
  } as unknown as ChatClient
  const storage = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key)
  }
  const rooms = createRooms(client, { browser: storage, tab: storage }, inbox)
  onTestFinished(rooms.stop)
  page.dispatchEvent(new Event('visibilitychange'))
  await vi.waitUntil(() => rooms.list.length === 2)
  for (const name of opened) rooms.open(name)
  return {
    rooms,
    inbox,
    stored,
    marked,
    listed,
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
  rooms.read('tea', 15)
  expect(unread()).toEqual({ general: 0, tea: 0 })
  receive('update', 'tea', 16)
  receive('message', 'tea', 17)
  expect(unread()).toEqual({ general: 0, tea: 1 })
})

test('counts what the current room receives until the user sees it', async () => {
  const { receive, unread, rooms } = await start()
  receive('update', 'general', 11)
  receive('message', 'general', 12)
  expect(unread()).toEqual({ general: 1, tea: 0 })
  rooms.read('general', 12)
  expect(unread()).toEqual({ general: 0, tea: 0 })
})

test('does not report entries that leave the list as it is', async () => {
  const { receive, rooms } = await start()
  const { list } = rooms
  let reports = 0
  rooms.subscribe(() => reports++)
  receive('update', 'general', 11)
  receive('update', 'tea', 11)
  expect([reports, rooms.list === list]).toEqual([0, true])
  receive('message', 'tea', 12)
  expect([reports, rooms.list === list]).toEqual([1, false])
})

test('sorts the rooms of the inbox by their latest message, before rooms without one, and shows their counts', async () => {
  const { rooms, inbox } = await start(fakeInbox('loading'))
  expect([rooms.isReady, rooms.hasInbox]).toEqual([false, false])
  const last = (seq: number, minute: number) => ({
    seq,
    user_id: 2,
    username: 'bob',
    timestamp: `2026-01-31T12:0${minute}:00Z`
  })
  inbox.show(
    { room: 'tea', last: last(10, 1), unread: 3, mentions: 1 },
    { room: 'p.plans', title: 'Plans', visibility: 'private', last: last(4, 2), marked_unread: true },
    { room: 'd.1', visibility: 'direct', people: [{ user_id: 2, username: 'bob' }] }
  )
  const shown = rooms.list.map(({ title, unread, mentions, isMarked }) => [title, unread, mentions, isMarked])
  expect(shown).toEqual([
    ['Plans', 0, 0, true],
    ['tea', 3, 1, false],
    ['bob', 0, 0, false],
    ['general', 0, 0, false]
  ])
  expect([rooms.isReady, rooms.hasInbox]).toEqual([true, true])
})

test('loads the topic of a room that the inbox adds', async () => {
  const { rooms, inbox, listed } = await start(fakeInbox('loading'))
  listed.push('p.plans')
  inbox.show({ room: 'p.plans', visibility: 'private' })
  await vi.waitUntil(() => rooms.list.some(({ topic }) => topic === 'About p.plans'))
})

test('removes a private room that is no longer in the inbox, and keeps a public one without a role', async () => {
  const { rooms, inbox } = await start(fakeInbox('loading'))
  inbox.show({ room: 'tea' }, { room: 'p.plans', visibility: 'private' })
  inbox.show()
  expect(rooms.list.map(({ name, role }) => [name, role])).toEqual([
    ['general', undefined],
    ['tea', undefined]
  ])
})

test('shows nothing as unread that the user has seen, although the inbox learns of it later', async () => {
  const { rooms, inbox, marked, unread } = await start(fakeInbox('loading'))
  const last = { seq: 11, user_id: 2, username: 'bob', timestamp: '2026-01-31T12:00:00Z' }
  inbox.show({ room: 'general' })
  rooms.read('general', 11)
  inbox.show({ room: 'general', unread: 1, last })
  expect([unread(), marked]).toEqual([{ general: 0, tea: 0 }, ['general']])
  inbox.show({ room: 'general', unread: 2, last: { ...last, seq: 12 } })
  expect(unread()).toEqual({ general: 2, tea: 0 })
})

test('sends no read position for a room of which the user is no member', async () => {
  const { rooms, inbox, marked } = await start(fakeInbox('loading'))
  inbox.show({ room: 'tea' })
  rooms.read('general', 11)
  expect(marked).toEqual([])
})

test('keeps the current room unread after the user has marked it, until the next message', async () => {
  const { rooms, inbox, marked, receive } = await start(fakeInbox('loading'))
  inbox.show({ room: 'general' })
  await rooms.markUnread('general')
  rooms.read('general', 10)
  expect([inbox.calls, marked]).toEqual([['unread general'], []])
  receive('message', 'general', 11)
  rooms.read('general', 11)
  expect(marked).toEqual(['general'])
})

test('keeps the current room unread over a reload of the page, but not when the user opens it again', async () => {
  const before = await start(fakeInbox('loading'))
  before.inbox.show({ room: 'general' })
  await before.rooms.markUnread('general')
  before.rooms.stop()
  const { stored } = before
  const load = async (...opened: string[]) => {
    const { rooms, inbox, marked } = await start(fakeInbox('loading'), { stored, opened })
    inbox.show({ room: 'general', marked_unread: true }, { room: 'tea' })
    rooms.read('general', 10)
    return marked
  }
  expect(await load('general')).toEqual([])
  expect(await load('general')).toEqual([])
  expect(await load('tea', 'general')).toEqual(['general'])
  expect(await load('general')).toEqual(['general'])
})

test('polls the list of rooms only while the service has no inbox', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const counted = async (inbox: FakeInbox) => {
    let requests = 0
    const client = {
      state: { status: 'online' },
      on: () => () => {},
      api: { rooms: async () => ({ rooms: [], requests: requests++ }) }
    } as unknown as ChatClient
    const storage = { getItem: () => null, setItem() {}, removeItem() {} }
    const rooms = createRooms(client, { browser: storage, tab: storage }, inbox)
    await vi.advanceTimersByTimeAsync(60_000)
    rooms.stop()
    return requests
  }
  const live = fakeInbox()
  live.show()
  expect([await counted(live), await counted(fakeInbox())]).toEqual([0, 3])
})

test('loads the list again when the user opens a room that it does not contain, for example through a link', async () => {
  const { rooms, listed } = await start()
  listed.push('new')
  rooms.open('new')
  await vi.waitUntil(() => rooms.list.find(({ name }) => name === 'new')?.topic === 'About new')
})
