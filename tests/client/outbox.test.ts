/** Tests the SDK's outbox: messages are sent in order, are resent if there is no response, and have a status. */
import { expect, test } from 'vitest'
import type { Outgoing } from '../../client/src/index.ts'
import { fakeService, LIMITS, messageFrame, type Sent, subscribedFrame } from '../support/fake-service.ts'

const ackFrame = ({ nonce, room }: Sent, seq: number) => ({
  type: 'ack',
  nonce,
  id: seq,
  room,
  seq,
  timestamp: '2026-01-31T12:00:00.000+00:00'
})

const refusal = ({ nonce, room }: Sent, code: string, more: object = {}) => ({
  type: 'error',
  code,
  detail: 'No.',
  room,
  nonce,
  ...more
})

/** Creates a client that is subscribed to `general`, which has `seq` entries. */
const joined = async (seq = 0, options = {}) => {
  const service = fakeService(options)
  const room = service.client.room('general')
  const socket = await service.socket(1)
  socket.greet()
  socket.receive(subscribedFrame(seq, socket.take('subscribe')[0] ?? {}))
  const statuses: string[] = []
  room.on('outgoing', ({ content, status }) => statuses.push(`${content} ${status}`))
  return { ...service, room, first: socket, statuses }
}

test('moves a message from pending to sent, and then to the messages', async () => {
  const { room, first, statuses } = await joined()
  const { nonce } = room.send('hello', { meta: { mood: 'good' } })
  expect(room.state.outgoing).toMatchObject([{ nonce, content: 'hello', status: 'pending' }])
  const [frame = {}] = first.take('message')
  expect(frame).toEqual({ type: 'message', room: 'general', content: 'hello', nonce, meta: { mood: 'good' } })
  first.receive(ackFrame(frame, 1))
  expect(room.state.outgoing).toMatchObject([{ nonce, status: 'sent', seq: 1 }])
  expect(await room.settled(nonce)).toMatchObject({ status: 'sent' })
  first.receive(messageFrame(1, { user_id: 1, username: 'ada', content: 'hello', nonce }))
  expect(room.state.outgoing).toEqual([])
  expect(room.state.messages).toMatchObject([{ seq: 1, content: 'hello', nonce }])
  expect(statuses).toEqual(['hello pending', 'hello sent'])
})

test('sends offline messages once and in order after a reconnection', async () => {
  const service = fakeService()
  const room = service.client.room('general')
  room.send('one')
  room.send('two')
  expect(room.state).toMatchObject({ status: 'joining', outgoing: [{ content: 'one' }, { content: 'two' }] })
  const socket = await service.socket(1)
  socket.greet()
  const [one = {}, more] = socket.take('message')
  expect([one.content, more]).toEqual(['one', undefined])
  socket.receive(ackFrame(one, 1))
  expect(socket.take('message')).toMatchObject([{ content: 'two' }])
})

test('repeats a message with the same nonce after its acknowledgement was lost', async () => {
  const { room, first, socket, timers } = await joined()
  const { nonce } = room.send('hello')
  first.end(1006)
  await timers.advance(250)
  const second = await socket(2)
  second.greet()
  const [again = {}] = second.take('message')
  expect(again).toMatchObject({ nonce, content: 'hello' })
  // The resumed subscription delivers the message before its acknowledgement arrives.
  second.receive(
    subscribedFrame(1, second.take('subscribe')[0] ?? {}),
    messageFrame(1, { user_id: 1, content: 'hello', nonce }),
    ackFrame(again, 1)
  )
  expect(room.state.outgoing).toEqual([])
  expect(room.state.messages).toHaveLength(1)
  expect(await room.settled(nonce)).toBeUndefined()
})

test('repeats a message on the same connection if there is no response', async () => {
  const { room, first, timers } = await joined(0, { timing: { pingInterval: 1e9 } })
  const { nonce } = room.send('hello')
  await timers.advance(30_000)
  expect(first.take('message').map(frame => frame.nonce)).toEqual([nonce, nonce, nonce, nonce])
})

test.for(['rate_limited', 'busy', 'unavailable'])(
  'pauses all rooms after %s, and keeps the order of the messages',
  async code => {
    const { room, client, first, timers } = await joined()
    room.send('one')
    room.send('two')
    const [one = {}] = first.take('message')
    first.receive(refusal(one, code, { retry_after_ms: 300 }))
    client.room('other').send('elsewhere')
    expect(first.take('message')).toEqual([])
    await timers.advance(299)
    expect(first.take('message')).toEqual([])
    await timers.advance(1)
    expect(first.take('message')).toMatchObject([{ content: 'one', nonce: one.nonce }, { content: 'elsewhere' }])
    expect(room.state.outgoing.map(({ status }) => status)).toEqual(['pending', 'pending'])
  }
)

test('marks a message as failed after a permanent refusal, and sends the next message', async () => {
  const { room, first } = await joined()
  const one = room.send('one')
  room.send('two')
  first.receive(refusal(first.take('message')[0] ?? {}, 'message_too_long'))
  expect(room.state.outgoing).toMatchObject([
    { content: 'one', status: 'failed', error: { code: 'message_too_long', detail: 'No.' } },
    { content: 'two', status: 'pending' }
  ])
  expect(first.take('message')).toMatchObject([{ content: 'two' }])
  room.retry(one.nonce)
  expect(room.state.outgoing.map(({ content }) => content)).toEqual(['two', 'one'])
})

test('keeps the nonce for a retry, unless the service refused the nonce', async () => {
  const { room, first } = await joined()
  const { nonce } = room.send('hello')
  for (const [code, isSame] of [
    ['no_links', true],
    ['nonce_reused', false]
  ] as const) {
    first.receive(refusal(first.take('message')[0] ?? {}, code))
    room.retry(room.state.outgoing[0]?.nonce ?? '')
    expect(room.state.outgoing[0]?.nonce === nonce).toBe(isSame)
  }
})

test('removes a discarded message', async () => {
  const { room, first } = await joined()
  const one = room.send('one')
  room.send('two')
  first.take('message')
  const fate = room.settled(one.nonce)
  room.discard(one.nonce)
  expect(await fate).toBeUndefined()
  expect(first.take('message')).toMatchObject([{ content: 'two' }])
})

test('marks a message that exceeds the frame limit as failed, without sending it', async () => {
  const { room, first } = await joined()
  room.send('é'.repeat(LIMITS.max_frame_bytes / 2))
  expect(first.take('message')).toEqual([])
  expect(room.state.outgoing).toMatchObject([{ status: 'failed', error: { code: 'payload_too_large' } }])
})

test('marks the largest message in flight as failed after close code 1009, and repeats the others', async () => {
  const { room, client, first, socket, timers } = await joined()
  room.send('small')
  client.room('other').send('a good deal larger')
  first.end(1009)
  expect(client.room('other').state.outgoing).toMatchObject([{ status: 'failed' }])
  await timers.advance(250)
  const second = await socket(2)
  second.greet()
  expect(second.take('message')).toMatchObject([{ content: 'small' }])
})

test('repeats messages that were in flight when the connection ended in another way than an earlier one', async () => {
  const { room, client, first, socket, timers } = await joined()
  first.end(1009)
  await timers.advance(250)
  const second = await socket(2)
  second.greet()
  room.send('in flight')
  second.receive({ type: 'error', code: 'wrong_user', detail: 'Another user’s.', ref: 'auth' })
  expect(client.state).toMatchObject({ status: 'offline', reason: 'unauthorized' })
  expect(room.state.outgoing).toMatchObject([{ status: 'pending' }])
})

test('does not send the unsent messages of another user', async () => {
  const { room, client, first, socket, timers } = await joined()
  room.send('from ada')
  first.end(1006)
  await timers.advance(250)
  const second = await socket(2)
  second.greet({ user_id: 2, username: 'bob' })
  expect(second.take('message')).toEqual([])
  expect(client.room('general').state.outgoing).toEqual([])
})

test('sends a message to a room that was left, and then removes it', async () => {
  const { room, client, first } = await joined()
  const { nonce } = room.send('last')
  const fate = room.settled(nonce)
  room.leave()
  first.receive(ackFrame(first.take('message')[0] ?? {}, 1))
  const sent: Outgoing | undefined = await fate
  expect(sent?.status).toBe('sent')
  expect(client.room('general').state.outgoing).toEqual([])
})

test('sends a message again when slow mode allows it, and changes and other rooms without a delay', async () => {
  const { client, room, first, timers } = await joined(0, { timing: { pingInterval: 1e9, answer: 1e9 } })
  const { nonce } = room.send('one')
  room.send('two')
  const [one = {}] = first.take('message')
  first.receive(refusal(one, 'slow_mode', { retry_after_ms: 60_000 }))
  const waitsUntil = timers.now() + 60_000
  expect(room.state.outgoing).toMatchObject([
    { nonce, status: 'pending', waitsUntil },
    { content: 'two', status: 'pending' }
  ])
  room.react(1, '👍')
  client.room('other').send('elsewhere')
  expect(first.take('message')).toMatchObject([{ room: 'other' }])
  const [reaction = {}] = first.take('react')
  first.receive(ackFrame(reaction, 1))
  await timers.advance(59_000)
  expect(first.take('message')).toEqual([])
  await timers.advance(1000)
  const [again = {}] = first.take('message')
  expect(again).toMatchObject({ nonce, content: 'one' })
  expect(again).not.toHaveProperty('waitsUntil')
  first.receive(ackFrame(again, 1))
  expect(first.take('message').at(-1)).toMatchObject({ content: 'two' })
})

test('sends the next message at once when the message that slow mode delays is discarded', async () => {
  const { room, first, timers } = await joined(0, { timing: { pingInterval: 1e9, answer: 1e9 } })
  const { nonce } = room.send('one')
  room.send('two')
  room.send('three')
  first.receive(refusal(first.take('message')[0] ?? {}, 'slow_mode', { retry_after_ms: 60_000 }))
  await timers.advance(20_000)
  room.discard(nonce)
  const [two = {}] = first.take('message')
  expect(two).toMatchObject({ content: 'two' })
  // Slow mode still applies to this message, which is now the first in the outbox. `waitsUntil` is therefore set on it.
  first.receive(refusal(two, 'slow_mode', { retry_after_ms: 40_000 }))
  const waitsUntil = timers.now() + 40_000
  expect(room.state.outgoing).toMatchObject([{ content: 'two', waitsUntil }, { content: 'three' }])
  await timers.advance(39_000)
  expect(first.take('message')).toEqual([])
  await timers.advance(1000)
  first.receive(ackFrame(first.take('message')[0] ?? {}, 1))
  expect(first.take('message')).toMatchObject([{ content: 'three' }])
})

test('asks again whether slow mode allows a message when an entry changes slow mode or the role of the user', async () => {
  const { room, first } = await joined()
  const { nonce } = room.send('one')
  const refuse = () =>
    first.receive(refusal(first.take('message')[0] ?? {}, 'slow_mode', { retry_after_ms: 3_600_000 }))
  refuse()
  const entry = { room: 'general', timestamp: '2026-01-31T12:00:00.000+00:00' }
  first.receive({ ...entry, type: 'room', seq: 1, title: 'Plans' })
  expect(first.take('message')).toEqual([])
  first.receive({ ...entry, type: 'room', seq: 2, slow_mode_seconds: 60 })
  refuse()
  first.receive({ ...entry, type: 'membership', event: 'role', seq: 3, subject: 99, role: 'moderator' })
  expect(first.take('message')).toEqual([])
  first.receive({ ...entry, type: 'membership', event: 'role', seq: 4, subject: 1, role: 'moderator' })
  refuse()
  first.receive({ ...entry, type: 'room', seq: 5, slow_mode_seconds: 0 })
  expect(first.take('message')).toMatchObject([{ nonce, content: 'one' }])
})

test('asks again after a reconnection whether slow mode allows a message', async () => {
  const { room, first, timers, socket } = await joined()
  const { nonce } = room.send('one')
  first.receive(refusal(first.take('message')[0] ?? {}, 'slow_mode', { retry_after_ms: 3_600_000 }))
  first.end(1006)
  await timers.advance(1000)
  const second = await socket(2)
  second.greet()
  expect(second.take('message')).toMatchObject([{ nonce }])
})

test('fails a message of a muted user with the end of the mute', async () => {
  const { room, first } = await joined()
  const { nonce } = room.send('one')
  first.receive(refusal(first.take('message')[0] ?? {}, 'muted', { until: '2026-02-01T00:00:00.000+00:00' }))
  expect(await room.settled(nonce)).toMatchObject({
    status: 'failed',
    error: { code: 'muted', until: '2026-02-01T00:00:00.000+00:00' }
  })
})
