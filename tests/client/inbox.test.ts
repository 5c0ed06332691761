/** Tests how the SDK counts unread messages, sorts the rooms of the inbox, and keeps the inbox over lost connections. */
import { expect, test } from 'vitest'
import { createInbox } from '../../client/src/index.ts'
import { fakeService, messageFrame, type Sent, settled, subscribedFrame } from '../support/fake-service.ts'

const at = (minute: number): string => `2026-01-31T12:${String(minute).padStart(2, '0')}:00.000+00:00`

/** Creates an item of the inbox with two unread messages. The newest message was sent at 12:00 plus `minute`. */
const item = (room: string, minute: number, more: object = {}) => ({
  room,
  visibility: 'public',
  role: 'member',
  seq: 5,
  messages: 5,
  read_messages: 3,
  unread: 2,
  mentions: 0,
  marked_unread: false,
  last: { seq: 5, user_id: 2, username: 'bob', timestamp: at(minute), excerpt: 'hi' },
  ...more
})

const firstFrame = (
  rooms: object[],
  total: object = { unread_rooms: rooms.length, mentions: 0 },
  more: object = {}
) => ({
  type: 'inbox',
  first: true,
  rooms,
  total,
  ...more
})

const message = (room: string, messages: number, minute: number, user_id = 2) => ({
  room,
  messages,
  last: { seq: messages, user_id, username: 'bob', timestamp: at(minute), excerpt: 'new' }
})

const start = async () => {
  const service = fakeService()
  const inbox = createInbox(service.client, { timers: service.timers })
  const errors: string[] = []
  service.client.on('error', ({ message }) => errors.push(message))
  const first = await service.socket(1)
  first.greet()
  const shown = () => inbox.state.rooms.map(({ room, unread, mentions }) => `${room} ${unread} ${mentions}`)
  return { ...service, inbox, errors, first, shown }
}

test('opens the inbox with the connection, and lists the rooms with the latest message first', async () => {
  const { inbox, first, shown } = await start()
  expect(first.take('inbox')).toHaveLength(1)
  expect(inbox.state).toMatchObject({ status: 'loading', rooms: [] })
  first.receive(
    firstFrame([item('b', 2), item('empty', 0, { last: undefined, messages: 0, read_messages: 0 }), item('a', 1)])
  )
  expect(inbox.state.status).toBe('live')
  // The service sorts a room without messages by the time at which the user has joined it.
  expect(shown()).toEqual(['b 2 0', 'empty 0 0', 'a 2 0'])
  expect(inbox.state.total).toEqual({ unread_rooms: 2, mentions: 0 })
})

test('opens the inbox of a client that is already connected', async () => {
  const service = fakeService()
  const first = await service.socket(1)
  first.greet()
  createInbox(service.client, { timers: service.timers })
  expect(first.take('inbox')).toHaveLength(1)
})

test('subtracts the messages that the user has read, and moves a room up only for a new message', async () => {
  const { inbox, first, shown } = await start()
  first.receive(firstFrame([item('b', 2), item('a', 1)]))
  first.receive({ type: 'inbox', rooms: [message('a', 6, 3)] })
  expect(shown()).toEqual(['a 3 0', 'b 2 0'])
  // An edit of the newest message changes the excerpt only.
  first.receive({
    type: 'inbox',
    rooms: [{ ...message('b', 5, 2), last: { ...item('b', 2).last, excerpt: 'edited' } }]
  })
  expect(shown()).toEqual(['a 3 0', 'b 2 0'])
  expect(inbox.state.rooms[1]?.last?.excerpt).toBe('edited')
  first.receive({ type: 'inbox', rooms: [{ room: 'a', read_messages: 6, mentions: 0, marked_unread: false }] })
  first.receive({ type: 'inbox', rooms: [{ room: 'b', read_messages: 3, mentions: 1, marked_unread: false }] })
  expect(shown()).toEqual(['a 0 0', 'b 2 1'])
  expect(inbox.state.total).toEqual({ unread_rooms: 1, mentions: 1 })
})

test('counts the user’s own message as read before the service reports the read mark', async () => {
  const { first, shown } = await start()
  first.receive(firstFrame([item('a', 1)]))
  first.receive({ type: 'inbox', rooms: [message('a', 6, 2, 1)] })
  expect(shown()).toEqual(['a 0 0'])
})

test('adds and removes rooms', async () => {
  const { first, shown } = await start()
  first.receive(firstFrame([item('a', 1)]))
  first.receive({ type: 'inbox', rooms: [item('new', 9)] })
  expect(shown()).toEqual(['new 2 0', 'a 2 0'])
  first.receive({ type: 'inbox', removed: ['a'] })
  expect(shown()).toEqual(['new 2 0'])
})

test('marks a room as read at once when a shown room was read, and ignores a late report of the service', async () => {
  const { client, inbox, first, shown } = await start()
  const room = client.room('a')
  const [subscribe = {} as Sent] = first.take('subscribe')
  first.receive(
    subscribedFrame(5, subscribe, { room: 'a' }),
    firstFrame([item('a', 1, { mentions: 1, marked_unread: true })])
  )
  room.markRead(4)
  expect(shown()).toEqual(['a 2 1'])
  room.markRead(5)
  expect(shown()).toEqual(['a 0 0'])
  first.receive({ type: 'inbox', rooms: [{ room: 'a', read_messages: 4, mentions: 1, marked_unread: true }] })
  expect(shown()).toEqual(['a 0 0'])
  expect(inbox.state.rooms[0]?.marked_unread).toBe(false)
  room.markUnread()
  expect(inbox.state.rooms[0]?.marked_unread).toBe(true)
  expect(inbox.state.total.unread_rooms).toBe(1)
})

test('counts a message as read that was read before the inbox knew it', async () => {
  const { client, first, shown } = await start()
  const room = client.room('a')
  const [subscribe = {} as Sent] = first.take('subscribe')
  first.receive(subscribedFrame(5, subscribe, { room: 'a' }), firstFrame([item('a', 1)]))
  first.receive(messageFrame(6, { room: 'a' }))
  room.markRead(6)
  first.receive({ type: 'inbox', rooms: [message('a', 6, 2)] })
  expect(shown()).toEqual(['a 0 0'])
  first.receive({ type: 'inbox', rooms: [message('a', 7, 3)] })
  expect(shown()).toEqual(['a 1 0'])
})

test('removes the title of a room', async () => {
  const { inbox, first } = await start()
  first.receive(firstFrame([item('a', 1, { title: 'Plans' })]))
  first.receive({ type: 'inbox', rooms: [{ room: 'a', messages: 5, title: null }] })
  expect(inbox.state.rooms[0]).not.toHaveProperty('title')
})

test('shows the former counts when the service refuses to mark a room as read', async () => {
  const { inbox, first, shown, http, calls } = await start()
  first.receive(firstFrame([item('a', 1)]))
  http(() => ({ status: 403, body: { code: 'not_allowed', detail: 'No.' } }))
  const marking = inbox.markRead('a')
  expect(shown()).toEqual(['a 0 0'])
  await expect(marking).rejects.toMatchObject({ code: 'not_allowed' })
  expect(shown()).toEqual(['a 2 0'])
  http(() => ({ body: { room: 'a', read_seq: 5, marked_unread: false } }))
  await inbox.markRead('a')
  expect(shown()).toEqual(['a 0 0'])
  expect(calls.at(-1)).toMatchObject({ method: 'PUT', path: '/api/chat/rooms/a/read' })
  await inbox.markUnread('a')
  expect(inbox.state.total.unread_rooms).toBe(1)
})

test('hides a direct room until its next message', async () => {
  const { inbox, first, shown, http, calls } = await start()
  first.receive(firstFrame([item('d.1', 1, { visibility: 'direct' })]))
  http(() => ({ status: 204 }))
  await inbox.hide('d.1')
  expect(shown()).toEqual([])
  expect(calls.at(-1)).toMatchObject({ method: 'PUT', path: '/api/chat/rooms/d.1/hidden' })
  first.receive({ type: 'inbox', rooms: [item('d.1', 2, { visibility: 'direct' })] })
  expect(shown()).toEqual(['d.1 2 0'])
})

test('is stale while disconnected, and has the state of the service after the reconnection', async () => {
  const { inbox, first, shown, timers, socket } = await start()
  first.receive(firstFrame([item('a', 1), item('gone', 2)]))
  first.end(1006)
  expect(inbox.state).toMatchObject({ status: 'stale' })
  expect(inbox.state.rooms).toHaveLength(2)
  await timers.advance(1000)
  const second = await socket(2)
  second.greet()
  expect(second.take('inbox')).toHaveLength(1)
  second.receive(firstFrame([item('a', 3, { messages: 9 })]))
  expect(inbox.state.status).toBe('live')
  expect(shown()).toEqual(['a 6 0'])
})

test('requests the inbox again if no response arrives, and if a room is unknown, but not too often', async () => {
  const { first, timers } = await start()
  first.take('inbox')
  await timers.advance(10_000)
  expect(first.take('inbox')).toHaveLength(1)
  first.receive(firstFrame([item('a', 1)]))
  first.receive({ type: 'inbox', rooms: [message('unknown', 6, 3)] })
  first.receive({ type: 'inbox', rooms: [message('unknown', 7, 3)] })
  expect(first.take('inbox')).toHaveLength(0)
  await timers.advance(10_000)
  expect(first.take('inbox')).toHaveLength(1)
  first.receive(firstFrame([item('a', 1)]))
  await timers.advance(60_000)
  expect(first.take('inbox')).toHaveLength(0)
})

test('is unsupported with a service without an inbox, and reports no error', async () => {
  const { inbox, first, errors, timers } = await start()
  const [{ ref } = {} as Sent] = first.take('inbox')
  first.receive({ type: 'error', code: 'unknown_frame', detail: 'The type of the frame is unknown.', ref })
  expect(inbox.state).toMatchObject({ status: 'unsupported', error: { code: 'unknown_frame' }, rooms: [] })
  await timers.advance(60_000)
  expect(first.take('inbox')).toEqual([])
  expect(errors).toEqual([])
})

test('loads more rooms, and keeps the totals of the service', async () => {
  const { inbox, first, shown, http, calls } = await start()
  first.receive(firstFrame([item('a', 3)], { unread_rooms: 2, mentions: 1 }, { has_more: true }))
  expect(inbox.state).toMatchObject({ hasMore: true, total: { unread_rooms: 2, mentions: 1 } })
  const total = { unread_rooms: 2, mentions: 1 }
  http(path => ({
    body: path.includes('after=c1')
      ? { rooms: [item('b', 2, { mentions: 1 })], total, has_more: false }
      : { rooms: [item('a', 3)], total, has_more: true, next: 'c1' }
  }))
  expect(await inbox.more()).toBe(false)
  expect(calls.filter(({ path }) => path.includes('/inbox'))).toHaveLength(2)
  expect(shown()).toEqual(['a 2 0', 'b 2 1'])
  expect(inbox.state).toMatchObject({ hasMore: false, total })
  first.receive({ type: 'inbox', rooms: [{ room: 'b', read_messages: 5, mentions: 0, marked_unread: false }] })
  expect(inbox.state.total).toEqual({ unread_rooms: 1, mentions: 0 })
})

test('forgets the rooms of the former user', async () => {
  const { inbox, first, timers, socket } = await start()
  first.receive(firstFrame([item('a', 1)]))
  first.end(1006)
  await timers.advance(1000)
  const second = await socket(2)
  second.greet({ user_id: 7, username: 'eve' })
  expect(inbox.state.rooms).toEqual([])
})

test('emits one change for the changes of one moment, and none after it was closed', async () => {
  const { inbox, first } = await start()
  await settled()
  let changes = 0
  inbox.on('change', () => changes++)
  first.receive(firstFrame([item('a', 1)]), { type: 'inbox', rooms: [message('a', 6, 2)] })
  await settled()
  expect(changes).toBe(1)
  inbox.close()
  first.receive({ type: 'inbox', rooms: [message('a', 7, 3)] })
  await settled()
  expect(changes).toBe(1)
})

test('puts a new room without messages first, until another room has a new message', async () => {
  const { first, shown } = await start()
  first.receive(firstFrame([item('a', 1)]))
  first.receive({
    type: 'inbox',
    rooms: [item('new', 0, { last: undefined, messages: 0, read_messages: 0, unread: 0 })]
  })
  expect(shown()).toEqual(['new 0 0', 'a 2 0'])
  first.receive({ type: 'inbox', rooms: [message('a', 6, 2)] })
  expect(shown()).toEqual(['a 3 0', 'new 0 0'])
})

test('keeps the order in which the service lists several new rooms', async () => {
  const { first, shown } = await start()
  first.receive(firstFrame([item('a', 1)]))
  const empty = item('empty', 0, { last: undefined, messages: 0, read_messages: 0, unread: 0 })
  first.receive({ type: 'inbox', rooms: [item('new', 3), empty, item('old', 2)] })
  expect(shown()).toEqual(['new 2 0', 'empty 0 0', 'old 2 0', 'a 2 0'])
})
