/** Tests what the page shows of members: rights, notes between messages, and rooms that the user gains or loses. */
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import type { ChatClient, Message, Room, RoomState } from '../../client/src/index.ts'
import { groupMessages } from '../../src/web/message-groups.ts'
import { MAX_NOTES, type Note, noteOf, subjectsOfOthers, withNotes, withoutName } from '../../src/web/notes.ts'
import { oneAtATime } from '../../src/web/one-at-a-time.ts'
import { rightsOf } from '../../src/web/room/rights.ts'
import { createRooms } from '../../src/web/rooms.ts'
import { fakeInbox } from '../support/fake-inbox.ts'

const page = Object.assign(new EventTarget(), { visibilityState: 'visible' })
const view = new EventTarget()
beforeEach(() => {
  vi.stubGlobal('document', page)
  vi.stubGlobal('window', view)
  return () => vi.unstubAllGlobals()
})

test('lets members add people only to private rooms, and nobody change a direct room', () => {
  expect(rightsOf('private', 'member', false)).toMatchObject({ add: true, change: false, leave: true, join: false })
  expect(rightsOf('public', 'member', false)).toMatchObject({ add: false, change: false, leave: true, join: false })
  expect(rightsOf('public', undefined, false)).toMatchObject({ add: false, leave: false, join: true })
  const direct = rightsOf('direct', 'member', true)
  expect(direct).toMatchObject({ add: false, change: false, leave: false, join: false })
  expect([direct.remove('member'), direct.roles('member', false)]).toEqual([false, []])
})

test('lets moderators remove lower roles, owners give roles except to other owners, and administrators everything in public rooms', () => {
  expect(rightsOf('private', 'member', true, 'moderators').add).toBe(false)
  expect(rightsOf('private', 'moderator', false, 'moderators')).toMatchObject({ add: true, moderate: true })
  expect([rightsOf('private', 'member', true).moderate, rightsOf('public', undefined, true).moderate]).toEqual([
    false,
    true
  ])
  const moderator = rightsOf('private', 'moderator', true)
  expect([moderator.remove('member'), moderator.remove('moderator')]).toEqual([true, false])
  expect(moderator.roles('member', false)).toEqual([])
  const owner = rightsOf('private', 'owner', false)
  expect([owner.remove('moderator'), owner.remove('owner')]).toEqual([true, false])
  expect(owner.roles('member', false)).toEqual(['moderator', 'owner'])
  expect([owner.roles('owner', false), owner.roles('owner', true)]).toEqual([[], ['member', 'moderator']])
  const admin = rightsOf('public', undefined, true)
  expect(admin).toMatchObject({ add: true, change: true, join: true })
  expect([admin.remove('owner'), admin.roles('owner', false)]).toEqual([true, ['member', 'moderator']])
})

const timestamp = '2026-01-31T12:00:00.000+00:00'
const noteAt = (seq: number): Note => {
  const entry = { type: 'membership', seq, user_id: 1, username: 'ada', subject: 2, event: 'added', timestamp }
  return noteOf(entry) as Note
}
const messageAt = (seq: number): Message => ({
  id: seq,
  room: 'tea',
  seq,
  user_id: 1,
  username: 'ada',
  content: `text ${seq}`,
  created_at: timestamp
})

test('shows notes between the messages in the order of the log, and begins a new group after a note', () => {
  const surroundings = { changes: [], deleting: new Set<number>(), names: new Map() }
  const [day] = groupMessages(
    [messageAt(2), messageAt(3), messageAt(5)],
    [],
    { id: 2, username: 'bob' },
    {
      ...surroundings,
      notes: [noteAt(1), noteAt(4), noteAt(6)]
    }
  )
  const shown = day?.groups.map(({ note, lines }) => note?.seq ?? lines.map(({ message }) => message?.seq))
  expect(shown).toEqual([1, [2, 3], 4, [5], 6])
})

test('keeps each note once, and removes the name of a deleted user from earlier notes', () => {
  const notes = withNotes([noteAt(4)], [noteAt(6), noteAt(4), noteAt(1)])
  expect(notes.map(({ seq }) => seq)).toEqual([1, 4, 6])
  const erased = withoutName(notes, { userId: 1, username: 'deleted', seq: 5 })
  expect(erased.map(({ username }) => username)).toEqual(['deleted', 'deleted', 'ada'])
})

test('keeps the newest notes if there are too many', () => {
  const notes = withNotes(
    Array.from({ length: MAX_NOTES }, (_, at) => noteAt(at + 1)),
    [noteAt(MAX_NOTES + 1), noteAt(MAX_NOTES + 2)]
  )
  expect([notes.length, notes.at(0)?.seq, notes.at(-1)?.seq]).toEqual([MAX_NOTES, 3, MAX_NOTES + 2])
})

test('needs the names only of those whose membership somebody else changed', () => {
  const note = (userId: number, subject: number, event: string): Note => {
    const entry = { type: 'membership', seq: 1, user_id: userId, username: 'x', subject, event, timestamp }
    return noteOf(entry) as Note
  }
  const title = noteOf({ type: 'room', seq: 2, user_id: 1, username: 'x', title: 'Tea', timestamp }) as Note
  const notes = [note(2, 2, 'joined'), note(3, 3, 'left'), note(3, 4, 'added'), note(3, 1, 'removed'), title]
  expect(subjectsOfOthers([...notes, note(5, 5, 'role_changed')], 1)).toEqual([4])
})

test('runs one request at a time, and one more for calls during a run, also after an error', async () => {
  const ends: (() => void)[] = []
  let runs = 0
  const load = oneAtATime(async () => {
    runs++
    await new Promise<void>(resolve => ends.push(resolve))
    if (runs === 1) throw new Error('The request failed.')
  })
  const end = async () => {
    ends.shift()?.()
    await new Promise(setImmediate)
  }
  for (let call = 0; call < 3; call++) load()
  expect(runs).toBe(1)
  await end()
  expect(runs).toBe(2)
  await end()
  expect(runs).toBe(2)
  load()
  expect(runs).toBe(3)
})

/**
 * Creates the list of rooms with a fake service. A test changes the rooms of the service with `listed`. After `hold`, the
 * service responds only when the test calls `respond`.
 */
const start = () => {
  const requests: { respond: () => void }[] = []
  let isHeld = false
  const drafts = new Map<string, string>()
  const discarded: string[] = []
  const listed = [{ room: 'general', seq: 10, title: 'General', visibility: 'public', topic: null }]
  type Listener = (value: unknown) => void
  const opened: {
    name: string
    state: Partial<RoomState>
    isLeft: boolean
    changed: () => void
    emit: (event: string, value: object) => void
  }[] = []
  const client = {
    state: { status: 'online' },
    identity: { user_id: 1, username: 'ada' },
    on: () => () => {},
    room(name: string) {
      const listeners = new Map<string, Listener>()
      const room = {
        name,
        state: { status: 'live' } as Partial<RoomState>,
        isLeft: false,
        changed: () => listeners.get('change')?.(room.state),
        emit: (event: string, value: object) => listeners.get(event)?.(value)
      }
      opened.push(room)
      return Object.assign(room, {
        on: (event: string, listener: Listener) => void listeners.set(event, listener),
        discard: (nonce: string) => void discarded.push(nonce),
        leave() {
          room.isLeft = true
        }
      }) as unknown as Room
    },
    api: {
      async rooms() {
        const rooms = structuredClone(listed)
        await new Promise<void>(respond => (isHeld ? requests.push({ respond }) : respond()))
        return { rooms }
      },
      members: async () => ({ members: [1, 2, 3].map(id => ({ user_id: id, username: `user ${id}` })) })
    }
  } as unknown as ChatClient
  const browser = { getItem: () => null, setItem() {}, removeItem() {} }
  const tab = { ...browser, removeItem: (key: string) => void drafts.delete(key) }
  const rooms = createRooms(client, { browser, tab }, fakeInbox())
  onTestFinished(rooms.stop)
  const refresh = () => view.dispatchEvent(new Event('focus'))
  const hold = (): void => {
    isHeld = true
  }
  return { rooms, listed, opened, refresh, requests, hold, drafts, discarded }
}

test('shows a new direct room with the names of the other people, and its messages as unread', async () => {
  const { rooms, listed, refresh } = start()
  refresh()
  await vi.waitUntil(() => rooms.list.length === 1)
  listed.push({ room: 'd.1', seq: 2, title: null as unknown as string, visibility: 'direct', topic: null })
  refresh()
  await vi.waitUntil(() => rooms.list.some(({ title }) => title === 'user 2, user 3'))
  expect(rooms.list.map(({ unread }) => unread)).toEqual([0, 2])
})

test('removes a room that the user may no longer read, and subscribes again when the room is listed again', async () => {
  const { rooms, listed, opened, refresh } = start()
  const tea = { room: 'p.tea', seq: 3, title: 'Tea', visibility: 'private', topic: null }
  listed.push(tea)
  refresh()
  await vi.waitUntil(() => rooms.list.length === 2)
  rooms.open('p.tea')
  const [room] = opened
  listed.pop()
  Object.assign(room as object, { state: { status: 'left', error: { code: 'removed', detail: 'You were removed.' } } })
  room?.changed()
  expect(rooms.list.map(({ name }) => name)).toEqual(['general'])
  expect(rooms.open('p.tea')).toBe(room)
  listed.push(tea)
  refresh()
  await vi.waitUntil(() => rooms.generation === 1)
  expect([room?.isLeft, rooms.open('p.tea') === (room as unknown)]).toEqual([true, false])
})

test('removes rooms that are no longer listed', async () => {
  const { rooms, listed, refresh } = start()
  listed.push({ room: 'p.tea', seq: 3, title: 'Tea', visibility: 'private', topic: null })
  refresh()
  await vi.waitUntil(() => rooms.list.length === 2)
  listed.pop()
  refresh()
  await vi.waitUntil(() => rooms.list.length === 1)
  expect(rooms.list.map(({ name }) => name)).toEqual(['general'])
})

const TEA = { room: 'p.tea', seq: 3, title: 'Tea', visibility: 'private', topic: null, role: 'member' }
const GONE = { status: 'left', error: { code: 'removed', detail: 'You were removed.' } } as const

/**
 * Creates the list with the private room Tea, and opens Tea. Then requests the list again. The response arrives only when the
 * test calls `arrive`.
 */
const startLate = async () => {
  const started = start()
  started.listed.push(TEA)
  started.refresh()
  await vi.waitUntil(() => started.rooms.list.length === 2)
  started.rooms.open('p.tea')
  const [tea] = started.opened
  if (!tea) throw new Error('The room was not opened.')
  started.hold()
  started.refresh()
  const arrive = async () => {
    started.requests.shift()?.respond()
    await new Promise(setImmediate)
  }
  const entry = () => started.rooms.list.find(({ name }) => name === 'p.tea')
  return { ...started, tea, arrive, entry }
}

test('loads one list at a time, and one more for requests during a load', async () => {
  const { refresh, requests, arrive } = await startLate()
  refresh()
  refresh()
  expect(requests).toHaveLength(1)
  await arrive()
  expect(requests).toHaveLength(1)
  await arrive()
  expect(requests).toHaveLength(0)
})

test('a list that was requested before a change does not undo the change', async () => {
  const { rooms, tea, arrive, entry } = await startLate()
  tea.emit('room', { seq: 4, title: 'Green tea' })
  tea.emit('membership', { seq: 5, subject: 1, event: 'role_changed', role: 'owner' })
  await arrive()
  expect(entry()).toMatchObject({ title: 'Green tea', role: 'owner' })
  rooms.update({ ...TEA, title: 'Black tea', role: 'owner' } as never)
  expect(entry()).toMatchObject({ title: 'Black tea' })
})

test('a list that was requested before a removal does not show the room again', async () => {
  const { tea, arrive, entry } = await startLate()
  tea.state = GONE as never
  tea.changed()
  expect(entry()).toBeUndefined()
  await arrive()
  expect(entry()).toBeUndefined()
})

test('a list that was requested before the room was left does not show the room again', async () => {
  const { rooms, arrive, entry } = await startLate()
  rooms.forget('p.tea')
  await arrive()
  expect(entry()).toBeUndefined()
})

test('removes the draft and the unsent messages of a room with the room', async () => {
  const { drafts, discarded, tea } = await startLate()
  drafts.set('draft:p.tea', 'secret').set('draft:general', 'public')
  tea.state = { ...GONE, outgoing: [{ nonce: 'message' }], changes: [{ nonce: 'edit' }] } as never
  tea.changed()
  expect([...drafts.keys()]).toEqual(['draft:general'])
  expect(discarded).toEqual(['message', 'edit'])
})

test('removes the draft of a room that is no longer listed', async () => {
  const { listed, drafts, refresh, arrive } = await startLate()
  drafts.set('draft:p.tea', 'secret')
  await arrive()
  expect([...drafts.keys()]).toEqual(['draft:p.tea'])
  listed.pop()
  refresh()
  await arrive()
  expect([...drafts.keys()]).toEqual([])
})
