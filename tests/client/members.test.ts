/** Tests how the SDK handles entries about the members and the title of a room, and the removal of its own user. */
import { expect, test } from 'vitest'
import type { Room } from '../../client/src/index.ts'
import { fakeService, messageFrame, settled, subscribedFrame } from '../support/fake-service.ts'

const entry = (seq: number, more: object) => ({
  id: seq,
  room: 'general',
  seq,
  user_id: 2,
  username: 'bob',
  timestamp: '2026-01-31T12:00:00.000+00:00',
  ...more
})
const removal = (seq: number) => entry(seq, { type: 'membership', subject: 1, event: 'removed' })
const UNSUBSCRIBED = { type: 'unsubscribed', room: 'general', reason: 'removed' }

const eventsOf = (room: Room): [string, number | string][] => {
  const events: [string, number | string][] = []
  room.on('message', ({ seq }) => events.push(['message', seq]))
  room.on('membership', ({ seq }) => events.push(['membership', seq]))
  room.on('room', ({ seq }) => events.push(['room', seq]))
  room.on('removed', ({ code }) => events.push(['removed', code]))
  return events
}

const start = async () => {
  const service = fakeService()
  const room = service.client.room('general')
  const frames: string[] = []
  service.client.on('frame', ({ type }) => frames.push(type))
  const first = await service.socket(1)
  first.greet()
  const [subscribe = {}] = first.take('subscribe')
  first.receive(subscribedFrame(0, subscribe))
  return { ...service, room, first, frames, events: eventsOf(room) }
}

test('emits entries about members and the title once and in order, and not as messages', async () => {
  const { room, first, frames, events } = await start()
  const added = entry(1, { type: 'membership', subject: 3, event: 'added', role: 'member' })
  const titled = entry(3, { type: 'room', title: 'Plans', topic: 'Next week' })
  expect('title' in room.state).toBe(false)
  first.receive(added, added, messageFrame(2), titled)
  expect(events).toEqual([
    ['membership', 1],
    ['message', 2],
    ['room', 3]
  ])
  expect(room.state.messages.map(({ seq }) => seq)).toEqual([2])
  expect(room.state).toMatchObject({ title: 'Plans', topic: 'Next week' })
  first.receive(entry(4, { type: 'room', topic: null }))
  expect(room.state).toMatchObject({ title: 'Plans', topic: null })
  expect(frames).toEqual([])
})

test('forgets the title when a part of the log is skipped', async () => {
  const { room, first } = await start()
  first.receive(entry(1, { type: 'room', title: 'Plans' }))
  first.receive({ type: 'resync', room: 'general', epoch: 'e2', seq: 9, oldest: 1, reason: 'epoch' })
  expect('title' in room.state).toBe(false)
})

test('ends the room when its user is removed, and does not subscribe again', async () => {
  const { client, timers, room, first, events, socket } = await start()
  const loop = room.messages()
  first.receive({ ...entry(1, { type: 'message' }), content: 'secret' })
  first.receive(entry(2, { type: 'room', title: 'Secret', topic: 'Secret' }))
  expect(room.state.messages).toHaveLength(1)
  first.receive(removal(3), UNSUBSCRIBED)
  expect(room.state).toMatchObject({ messages: [], hasOlder: false })
  expect(room.state).not.toHaveProperty('title')
  expect(room.state).not.toHaveProperty('topic')
  expect(events).toEqual([
    ['message', 1],
    ['room', 2],
    ['membership', 3],
    ['removed', 'removed']
  ])
  expect(room.state).toMatchObject({ status: 'left', error: { code: 'removed' } })
  expect(await loop.next()).toMatchObject({ value: { seq: 1 } })
  expect(await loop.next()).toMatchObject({ done: true })
  expect(client.rooms).toEqual([])
  first.receive({ type: 'heads', rooms: { general: 9 } })
  await timers.advance(5000)
  first.end(1006)
  await timers.advance(1000)
  const second = await socket(2)
  second.greet()
  expect([...first.take('subscribe'), ...second.take('subscribe')]).toEqual([])
  expect(room.state.status).toBe('left')
})

test('reports the unsent messages of a room from which its user was removed', async () => {
  const { room, first } = await start()
  const outgoing: string[] = []
  room.on('outgoing', ({ content, error }) => outgoing.push(`${content} ${error?.code}`))
  const sent = [room.send('one'), room.send('two')]
  first.receive(removal(1), UNSUBSCRIBED)
  outgoing.length = 0
  for (const { nonce } of sent) {
    expect(first.take('message')).toMatchObject([{ nonce }])
    first.receive({ type: 'error', code: 'room_not_found', detail: 'There is no such room.', nonce })
  }
  expect(outgoing).toEqual(['one room_not_found', 'two room_not_found'])
  expect(room.state.outgoing).toMatchObject([
    { content: 'one', status: 'failed' },
    { content: 'two', status: 'failed' }
  ])
})

test('subscribes after the last entry when its user was added again', async () => {
  const { client, room, first } = await start()
  first.receive(messageFrame(1), removal(2), UNSUBSCRIBED)
  const next = client.room('general')
  expect(next).not.toBe(room)
  const [subscribe = {}] = first.take('subscribe')
  expect(subscribe).toMatchObject({ after: 2 })
  const events = eventsOf(next)
  const added = entry(3, { type: 'membership', subject: 1, event: 'added', role: 'member' })
  first.receive(subscribedFrame(4, subscribe), added, messageFrame(4))
  await settled()
  expect(events).toEqual([
    ['membership', 3],
    ['message', 4]
  ])
  // `next` has replaced `room` as the client's object for this room. Leaving `room` must not affect `next`.
  room.leave()
  expect(client.rooms).toEqual([next])
  expect(client.room('general')).toBe(next)
  expect(first.take('unsubscribe')).toEqual([])
})

test('forgets the texts and the title when the room is refused, until the service accepts the subscription again', async () => {
  const { timers, room, first, socket } = await start()
  const titled = entry(2, { type: 'room', title: 'Secret', topic: 'Secret' })
  first.receive({ ...entry(1, { type: 'message' }), content: 'secret' }, titled)
  first.end(1006)
  await timers.advance(1000)
  const second = await socket(2)
  second.greet()
  const { ref, ...rest } = second.take('subscribe')[0] ?? {}
  second.receive({ type: 'error', code: 'room_not_found', detail: 'No such room.', room: 'general', ref })
  expect(rest).toMatchObject({ after: 2 })
  expect(room.state).toMatchObject({ status: 'refused', messages: [], hasOlder: false })
  expect(room.state).not.toHaveProperty('title')
  expect(room.state).not.toHaveProperty('topic')
  second.end(1006)
  await timers.advance(1000)
  const third = await socket(3)
  third.greet()
  const [subscribe = {}] = third.take('subscribe')
  expect(subscribe).toMatchObject({ after: 2 })
  third.receive(subscribedFrame(3, subscribe), messageFrame(3))
  expect(room.state.messages.map(({ seq }) => seq)).toEqual([3])
  expect(room.state).toMatchObject({ status: 'live', hasOlder: true })
})

test('forgets the texts when the host application takes the permission to read away', async () => {
  const { room, first } = await start()
  first.receive({ ...entry(1, { type: 'message' }), content: 'secret' })
  first.receive({ type: 'unsubscribed', room: 'general', reason: 'not_allowed' })
  expect(room.state).toMatchObject({ status: 'refused', messages: [], hasOlder: false })
})

test('keeps the texts when the subscription is refused for another reason', async () => {
  const { timers, room, first, socket } = await start()
  first.receive({ ...entry(1, { type: 'message' }), content: 'not secret' })
  first.end(1006)
  await timers.advance(1000)
  const second = await socket(2)
  second.greet()
  const { ref } = second.take('subscribe')[0] ?? {}
  second.receive({ type: 'error', code: 'too_many_rooms', detail: 'Too many rooms.', room: 'general', ref })
  expect(room.state).toMatchObject({ status: 'refused', messages: [{ content: 'not secret' }] })
})

test('forgets the title, and the messages that a loop has not read, when another user logs in', async () => {
  let token = 'ada'
  const { client, socket, timers } = fakeService({ token: () => token })
  const room = client.room('general')
  const loop = room.messages()
  const first = await socket(1)
  first.greet()
  const titled = entry(2, { type: 'room', title: 'Secret', topic: 'Secret' })
  first.receive(subscribedFrame(0, first.take('subscribe')[0] ?? {}), messageFrame(1), titled)
  expect(room.state).toMatchObject({ title: 'Secret' })
  token = 'bob'
  first.end(1006)
  await timers.advance(1000)
  const second = await socket(2)
  second.greet({ user_id: 2, username: 'bob' })
  expect(room.state).toMatchObject({ messages: [] })
  expect(room.state).not.toHaveProperty('title')
  expect(room.state).not.toHaveProperty('topic')
  second.receive(subscribedFrame(2, second.take('subscribe')[0] ?? {}), messageFrame(3))
  expect(await loop.next()).toMatchObject({ value: { seq: 3 } })
})
