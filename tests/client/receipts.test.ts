/** Tests how the SDK sends the read marks of its user, and shows the read marks of others. */
import { expect, test } from 'vitest'
import { fakeService, messageFrame, type Sent, settled, subscribedFrame } from '../support/fake-service.ts'

const readFrame = (reads: [number, number][], more: object = {}) => ({
  type: 'read',
  room: 'general',
  reads: reads.map(([user_id, read_seq]) => ({ user_id, read_seq })),
  ...more
})

const start = async () => {
  const service = fakeService()
  const room = service.client.room('general')
  const errors: string[] = []
  service.client.on('error', ({ message }) => errors.push(message))
  const join = async (count: number, seq: number) => {
    const socket = await service.socket(count)
    socket.greet()
    const [subscribe = {} as Sent] = socket.take('subscribe')
    socket.receive(subscribedFrame(seq, subscribe))
    return socket
  }
  const reconnect = async (count: number, seq: number) => {
    service.sockets[count - 2]?.end(1006)
    await service.timers.advance(1000)
    return join(count, seq)
  }
  return { ...service, room, errors, first: await join(1, 9), reconnect }
}

test('sends the newest mark at once, and then at most one frame a second with the last mark', async () => {
  const { room, first, timers } = await start()
  room.markRead()
  expect(first.take('read')).toMatchObject([{ room: 'general', up_to: 9, epoch: 'e1' }])
  first.receive(messageFrame(10), messageFrame(11), messageFrame(12))
  room.markRead(10)
  room.markRead(12)
  room.markRead(11)
  expect(first.take('read')).toEqual([])
  await timers.advance(1000)
  expect(first.take('read')).toMatchObject([{ up_to: 12 }])
  room.markRead(12)
  await timers.advance(5000)
  expect(first.take('read')).toEqual([])
  expect(room.state.reads).toEqual({ 1: 12 })
})

test('marks nothing above the newest received entry, so that later messages are unread and can be marked', async () => {
  const { room, client, first, timers } = await start()
  const marked: unknown[] = []
  client.on('read', ({ upTo }) => marked.push(upTo))
  room.markRead(20)
  expect(first.take('read')).toMatchObject([{ up_to: 9 }])
  first.receive(messageFrame(10))
  room.markRead()
  await timers.advance(1000)
  expect(first.take('read')).toMatchObject([{ up_to: 10 }])
  expect(marked).toEqual([9, 10])
})

test('shows the marks of others, which never move back, whatever the order of the frames', async () => {
  const { room, first } = await start()
  first.receive(readFrame([[2, 5]]), readFrame([[3, 7]]), readFrame([[2, 3]]))
  expect(room.state.reads).toEqual({ 2: 5, 3: 7 })
  room.markRead(4)
  first.receive(readFrame([[1, 8]]))
  expect(room.state.reads).toEqual({ 1: 8, 2: 5, 3: 7 })
})

test('does not advance the log by a frame about read marks', async () => {
  const { room, first } = await start()
  first.receive(readFrame([[2, 5]]))
  expect(first.take('subscribe')).toEqual([])
  expect(room.state.status).toBe('live')
})

test('sends a mark again after a lost connection, until the service has confirmed it', async () => {
  const { room, first, reconnect, timers } = await start()
  room.markRead(5)
  first.take('read')
  const second = await reconnect(2, 9)
  expect(second.take('read')).toMatchObject([{ up_to: 5 }])
  second.receive(readFrame([[1, 6]]))
  const third = await reconnect(3, 9)
  await timers.advance(2000)
  expect(third.take('read').filter(({ up_to }) => up_to > 0)).toEqual([])
})

test('sends a mark that was marked without a connection', async () => {
  const { client, room, first, timers, socket } = await start()
  first.end(1006)
  room.markRead(7)
  await timers.advance(1000)
  const second = await socket(2)
  expect(client.state.status).toBe('connecting')
  second.greet()
  expect(second.take('read')).toMatchObject([{ up_to: 7 }])
})

test('marks a room as unread once, and as read again with the same mark', async () => {
  const { room, first, reconnect, timers } = await start()
  room.markRead(5)
  first.receive(readFrame([[1, 5]]))
  await timers.advance(1000)
  first.take('read')
  room.markUnread()
  expect(first.take('read')).toMatchObject([{ unread: true }])
  const second = await reconnect(2, 9)
  await timers.advance(2000)
  // Does not mark the room as unread again, because another device may have read the room in the meantime.
  expect(second.take('read').filter(({ unread }) => unread)).toEqual([])
  room.markRead(5)
  expect(second.take('read')).toMatchObject([{ up_to: 5 }])
})

test('stops sending to a service without read marks, and reports no error', async () => {
  const { room, first, errors, timers } = await start()
  room.markRead(5)
  const [{ ref } = {} as Sent] = first.take('read')
  first.receive({ type: 'error', code: 'unknown_frame', detail: 'Unknown.', room: 'general', ref })
  room.markRead(6)
  room.markUnread()
  await timers.advance(5000)
  expect(first.take('read')).toEqual([])
  expect(errors).toEqual([])
})

test('asks each connection for the marks of others, without a mark of its own', async () => {
  const { room, first, reconnect, http } = await start()
  http(() => ({ body: { members: [] } }))
  await room.loadReads()
  expect(first.take('read')).toEqual([{ type: 'read', room: 'general', ref: 'read' }])
  const second = await reconnect(2, 9)
  expect(second.take('read')).toEqual([{ type: 'read', room: 'general', ref: 'read' }])
})

test('does not send an old mark again that the service has not confirmed, because it was the same before', async () => {
  const { room, first, reconnect, timers } = await start()
  room.markRead(5)
  first.take('read')
  for (let count = 0; count < 7; count++) {
    first.receive({ type: 'pong' })
    await timers.advance(9000)
  }
  const second = await reconnect(2, 9)
  expect(second.take('read')).toEqual([{ type: 'read', room: 'general', ref: 'read' }])
})

test('sends the last mark before the client is closed or the room is left', async () => {
  const { client, room, first } = await start()
  room.markRead(5)
  room.markRead(6)
  first.take('read')
  client.close()
  expect(first.take('read')).toMatchObject([{ up_to: 6 }])
})

test('loads the marks of members, and keeps the newer ones', async () => {
  const { room, first, http, calls } = await start()
  http(() => ({
    body: {
      room: 'general',
      has_more: false,
      members: [{ user_id: 1, read_seq: 3 }, { user_id: 2, read_seq: 4 }, { user_id: 3, read_seq: 9 }, { user_id: 4 }]
    }
  }))
  first.receive(readFrame([[2, 6]]))
  await room.loadReads()
  expect(room.state.reads).toEqual({ 1: 3, 2: 6, 3: 9 })
  expect(calls.at(-1)?.path).toContain('/members?limit=100')
})

test('forgets marks when the log was replaced, and when the user has changed', async () => {
  const { room, first } = await start()
  first.receive(readFrame([[2, 5]]))
  room.markRead(4)
  first.receive({ type: 'resync', room: 'general', epoch: 'e2', seq: 2, oldest: 1, reason: 'epoch' })
  expect(room.state.reads).toEqual({})
  first.receive(readFrame([[2, 1]]))
  expect(room.state.reads).toEqual({ 2: 1 })
  await settled()
})
