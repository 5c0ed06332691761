/** Tests the SDK's rooms: messages are complete, in order and without duplicates, or a `resync` reports the gap. */
import { expect, test } from 'vitest'
import type { ChatClientOptions, Message, Resync } from '../../client/src/index.ts'
import { fakeService, historyPage, messageFrame, type Sent, settled, subscribedFrame } from '../support/fake-service.ts'

const start = async (seq = 0, options: Partial<ChatClientOptions> = {}) => {
  const service = fakeService(options)
  const room = service.client.room('general')
  const seen: number[] = []
  const resyncs: Resync[] = []
  room.on('message', message => seen.push(message.seq))
  room.on('resync', resync => resyncs.push(resync))
  const first = await service.socket(1)
  first.greet()
  const [subscribe = {}] = first.take('subscribe')
  first.receive(subscribedFrame(seq, subscribe))
  const again = async (count = 2) => {
    await service.timers.advance(1000)
    const socket = await service.socket(count)
    socket.greet()
    return { socket, subscribe: socket.take('subscribe')[0] ?? {} }
  }
  return { ...service, room, first, seen, resyncs, again, subscribe }
}

const seqs = (messages: readonly Message[]): number[] => messages.map(({ seq }) => seq)
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at)

test('joins a room at its last entry, and resumes after the last received entry', async () => {
  const { room, first, seen, again, subscribe } = await start(4)
  expect(subscribe).toEqual({ type: 'subscribe', room: 'general', ref: expect.any(String) })
  first.receive(messageFrame(5), messageFrame(6))
  first.end(1006)
  expect(room.state.status).toBe('catching_up')
  const { socket, subscribe: resumed } = await again()
  expect(resumed).toMatchObject({ after: 6, epoch: 'e1' })
  socket.receive(subscribedFrame(8, resumed))
  expect(room.state.status).toBe('catching_up')
  socket.receive(messageFrame(7), messageFrame(8), messageFrame(8), messageFrame(9))
  expect(room.state.status).toBe('live')
  expect(seen).toEqual([5, 6, 7, 8, 9])
  expect(seqs(room.state.messages)).toEqual(seen)
})

test('subscribes again once for a gap, and delivers nothing until the gap is closed', async () => {
  const { first, seen } = await start(0)
  first.receive(messageFrame(1), messageFrame(3), messageFrame(4))
  const [asked = {}, more] = first.take('subscribe')
  expect([asked.after, more]).toEqual([1, undefined])
  expect(seen).toEqual([1])
  first.receive(subscribedFrame(4, asked), messageFrame(2), messageFrame(3), messageFrame(4))
  expect(seen).toEqual([1, 2, 3, 4])
})

test('detects a gap at the end of the log from a heads frame', async () => {
  const { first, seen, timers } = await start(0)
  first.receive(messageFrame(1), { type: 'heads', rooms: { general: 2, unknown: 7 } })
  await timers.advance(2999)
  expect(first.take('subscribe')).toEqual([])
  await timers.advance(1)
  const [asked = {}] = first.take('subscribe')
  expect(asked).toMatchObject({ after: 1 })
  first.receive(subscribedFrame(2, asked), messageFrame(2))
  expect(seen).toEqual([1, 2])
})

test('does not subscribe again if a heads frame is ahead of messages in flight', async () => {
  const { first, timers } = await start(0, { timing: { pingInterval: 1e9 } })
  first.receive({ type: 'heads', rooms: { general: 2 } })
  await timers.advance(2000)
  first.receive(messageFrame(1), messageFrame(2))
  await timers.advance(60_000)
  expect(first.take('subscribe')).toEqual([])
})

test('subscribes again when catching up makes no progress', async () => {
  const { first, again, seen, timers } = await start(0)
  first.end(1006)
  const { socket, subscribe } = await again()
  socket.receive(subscribedFrame(3, subscribe), messageFrame(1))
  await timers.advance(6000)
  expect(socket.take('subscribe')).toMatchObject([{ after: 1 }])
  expect(seen).toEqual([1])
})

test('ignores the response to an earlier subscribe frame', async () => {
  const { first, timers, resyncs } = await start(0, { timing: { pingInterval: 1e9 } })
  first.receive(messageFrame(2))
  const [early = {}] = first.take('subscribe')
  await timers.advance(10_000)
  const [late = {}] = first.take('subscribe')
  const resync = { epoch: 'e1', seq: 5000, oldest: 1, room: 'general', reason: 'expired', type: 'resync' }
  first.receive({ ...resync, ref: early.ref })
  expect(resyncs).toEqual([])
  first.receive({ ...resync, ref: late.ref })
  expect(resyncs).toHaveLength(1)
})

test('becomes live if every response of a slow service is late, because the wait doubles', async () => {
  const { first, again, timers, room } = await start(1, { timing: { pingInterval: 1e9 } })
  first.end(1006)
  const { socket, subscribe } = await again()
  const latency = 25_000
  const asked = [{ frame: subscribe, at: 0 }]
  for (let at = 0; at < 300_000 && room.state.status !== 'live'; at += 1000) {
    for (const frame of socket.take('subscribe')) asked.push({ frame, at })
    for (const one of asked) if (one.at + latency === at) socket.receive(subscribedFrame(1, one.frame))
    await timers.advance(1000)
  }
  expect(room.state.status).toBe('live')
  expect(asked.length).toBeLessThan(5)
})

test.for([
  ['the SDK', { type: 'poll', room: 'general', seq: 2, target: 1 }],
  ['the service', { type: 'unknown', kind: 'poll', room: 'general', seq: 2 }]
] as const)('advances past an entry of a kind that %s does not know', async ([, entry]) => {
  const { client, first, seen, room } = await start(0)
  const frames: Sent[] = []
  client.on('frame', frame => frames.push(frame))
  first.receive(messageFrame(1), entry, messageFrame(3))
  expect(seen).toEqual([1, 3])
  expect(seqs(room.state.messages)).toEqual([1, 3])
  expect(frames).toEqual([entry])
  expect(first.take('subscribe')).toEqual([])
})

test('advances past an entry that is not a message when it reads over HTTP', async () => {
  const { first, again, http, seen } = await start(0)
  first.end(1006)
  const page = historyPage(1, 3)
  const [one, two, three] = page.entries
  http(() => ({ body: { ...page, entries: [one, { ...two, type: 'pin' }, three] } }))
  const { socket, subscribe } = await again()
  socket.receive({ ...subscribedFrame(3, subscribe), type: 'resync', reason: 'too_far' })
  await settled()
  expect(seen).toEqual([1, 3])
  expect(socket.take('subscribe')).toMatchObject([{ after: 3 }])
})

test('reads missed entries over HTTP when the room is too far behind, and then continues on the connection', async () => {
  const { first, again, http, seen, resyncs, room } = await start(0, { keep: 5000 })
  first.receive(messageFrame(1))
  first.end(1006)
  http(path => {
    const after = Number(/after=(\d+)/.exec(path)?.[1])
    const to = Math.min(after + 1000, 2500)
    return { body: historyPage(after + 1, to, { has_more: to < 2500 }) }
  })
  const { socket, subscribe } = await again()
  socket.receive({ ...subscribedFrame(2400, subscribe), type: 'resync', reason: 'too_far' }, messageFrame(2401))
  expect(room.state.status).toBe('catching_up')
  await settled()
  expect(resyncs).toEqual([{ reason: 'too_far', isReplaced: false, after: 1, upTo: 2400 }])
  expect(seen).toEqual(range(1, 2500))
  const [resumed = {}] = socket.take('subscribe')
  expect(resumed).toMatchObject({ after: 2500 })
  socket.receive(subscribedFrame(2501, resumed), messageFrame(2501))
  expect(seqs(room.state.messages)).toEqual(range(1, 2501))
  expect(room.state.status).toBe('live')
})

test('continues to read missed entries after a failure, and after another disconnection', async () => {
  const { first, again, http, seen, timers } = await start(0)
  first.end(1006)
  let calls = 0
  http(path => {
    const after = Number(/after=(\d+)/.exec(path)?.[1])
    if (++calls === 2) return { status: 503, body: { code: 'unavailable', detail: 'Later.' } }
    return { body: historyPage(after + 1, after + 1000, { has_more: true }) }
  })
  const { socket, subscribe } = await again()
  socket.receive({ ...subscribedFrame(3000, subscribe), type: 'resync', reason: 'too_far' })
  await settled()
  expect(seen).toEqual(range(1, 1000))
  await timers.advance(3000)
  expect(socket.take('subscribe')).toMatchObject([{ after: 1000 }])
  socket.end(1006)
  expect((await again(3)).subscribe).toMatchObject({ after: 1000 })
})

test.for(['epoch', 'ahead', 'expired', 'too_far'] as const)(
  'replaces the messages by the newest page after a resync (%s)',
  async reason => {
    const { first, again, http, seen, resyncs, room } = await start(3, { backfill: 0 })
    http(() => ({ body: historyPage(1, 3) }))
    await room.older()
    first.receive(messageFrame(4))
    expect(seqs(room.state.messages)).toEqual([1, 2, 3, 4])
    first.end(1006)
    const isOther = reason === 'epoch'
    const reach = { epoch: isOther ? 'e2' : 'e1', seq: isOther ? 2 : 90, oldest: 1 }
    http(() => ({ body: historyPage(Math.max(1, reach.seq - 49), reach.seq, { epoch: reach.epoch }) }))
    const { socket, subscribe } = await again()
    socket.receive({ ...subscribedFrame(reach.seq, subscribe, reach), type: 'resync', reason })
    socket.receive(messageFrame(reach.seq + 1))
    await settled()
    expect(resyncs).toEqual([{ reason, isReplaced: true, after: 4, upTo: reach.seq }])
    expect(seqs(room.state.messages)).toEqual(range(Math.max(1, reach.seq - 49), reach.seq + 1))
    expect(seen).toEqual([4, reach.seq + 1])
    socket.end(1006)
    expect((await again(3)).subscribe).toMatchObject({ after: reach.seq + 1, epoch: reach.epoch })
  }
)

test('loads history page by page without gaps or duplicates while messages arrive', async () => {
  const { first, http, room, calls } = await start(120)
  const pages: ((value: { body: unknown }) => void)[] = []
  http(
    () =>
      new Promise(resolve => {
        pages.push(resolve)
      })
  )
  const loading = room.older()
  expect(room.older()).toBe(loading)
  await settled()
  first.receive(messageFrame(121))
  expect(room.state).toMatchObject({ hasOlder: true, isLoadingOlder: true })
  pages[0]?.({ body: historyPage(71, 120) })
  expect(await loading).toBe(true)
  expect(seqs(room.state.messages)).toEqual(range(71, 121))
  http(() => ({ body: historyPage(1, 70) }))
  expect(await room.older(70)).toBe(false)
  expect(calls.map(({ path }) => path)).toEqual([
    '/api/chat/rooms/general/messages?limit=50&before=121',
    '/api/chat/rooms/general/messages?limit=70&before=71'
  ])
  expect(seqs(room.state.messages)).toEqual(range(1, 121))
  expect(await room.older()).toBe(false)
  expect(calls).toHaveLength(2)
})

test('keeps the newest messages, plus as many as were loaded', async () => {
  const { first, http, room } = await start(10, { keep: 3 })
  for (const seq of range(11, 15)) first.receive(messageFrame(seq))
  expect(seqs(room.state.messages)).toEqual([13, 14, 15])
  http(() => ({ body: historyPage(8, 12) }))
  expect(await room.older(5)).toBe(true)
  expect(seqs(room.state.messages)).toEqual(range(8, 15))
  first.receive(messageFrame(16))
  expect(seqs(room.state.messages)).toEqual(range(9, 16))
})

test('delivers every message to a loop once, and ends the loop', async () => {
  const { first, room, client } = await start(0)
  const [left, closed] = [room.messages(), room.messages()]
  first.receive(messageFrame(1), messageFrame(1), messageFrame(2))
  const taken: number[] = []
  for await (const message of left) {
    taken.push(message.seq)
    if (taken.length === 2) break
  }
  expect(taken).toEqual([1, 2])
  client.close()
  for await (const message of closed) taken.push(message.seq)
  expect(taken).toEqual([1, 2, 1, 2])
})

test('reports a refused subscription, and tries it again on the next connection', async () => {
  const service = fakeService()
  const room = service.client.room('secret')
  const socket = await service.socket(1)
  socket.greet()
  const [{ ref } = {}] = socket.take('subscribe')
  socket.receive({ type: 'error', code: 'room_not_found', detail: 'There is no such room.', room: 'secret', ref })
  expect(room.state).toMatchObject({ status: 'refused', error: { code: 'room_not_found' } })
  socket.end(1006)
  await service.timers.advance(1000)
  const second = await service.socket(2)
  second.greet()
  const [again = {}] = second.take('subscribe')
  second.receive({ ...subscribedFrame(0, again), room: 'secret' })
  expect(room.state).toMatchObject({ status: 'live' })
  expect(room.state.error).toBeUndefined()
  second.receive({ type: 'unsubscribed', room: 'secret', reason: 'not_allowed' })
  expect(room.state).toMatchObject({ status: 'refused', error: { code: 'not_allowed' } })
})

test('stays subscribed when leave() is immediately followed by a new subscription', async () => {
  const { client, first, room } = await start(0)
  room.leave()
  const next = client.room('general')
  expect(next).not.toBe(room)
  const [{ ref } = {}] = first.take('unsubscribe')
  const [subscribe = {}] = first.take('subscribe')
  first.receive({ type: 'unsubscribed', room: 'general', ref }, subscribedFrame(0, subscribe))
  expect(next.state.status).toBe('live')
  expect(room.state.status).toBe('left')
})

test('sends no typing frame after the room was left', async () => {
  const { first, room } = await start(0)
  room.leave()
  room.typing()
  expect(first.take('typing')).toEqual([])
})

test('shows presence and typing until they change or expire', async () => {
  const { first, room, timers } = await start(0)
  const people: string[] = []
  room.on('person', ({ event, username }) => people.push(`${username} ${event}`))
  const typing = { type: 'typing', room: 'general', user_id: 2, username: 'bob', expires_in_ms: 5000 }
  first.receive(
    { type: 'presence', room: 'general', count: 2, users: [{ user_id: 2, username: 'bob' }] },
    { type: 'system', event: 'joined', message: 'bob joined the chat', room: 'general', user_id: 2, username: 'bob' },
    typing
  )
  expect(room.state).toMatchObject({ presence: { count: 2 }, typing: [{ user_id: 2, username: 'bob' }] })
  expect(people).toEqual(['bob joined'])
  await timers.advance(5000)
  expect(room.state.typing).toEqual([])
  first.receive(typing, messageFrame(1))
  expect(room.state.typing).toEqual([])
  room.typing()
  room.typing()
  expect(first.take('typing')).toHaveLength(1)
  first.end(1006)
  expect(room.state.presence).toBeUndefined()
})

test('does not send typing before the room is joined', async () => {
  const service = fakeService()
  const room = service.client.room('general')
  const socket = await service.socket(1)
  socket.greet()
  room.typing()
  expect(socket.take('typing')).toEqual([])
  socket.receive(subscribedFrame(0, socket.take('subscribe')[0] ?? {}))
  room.typing()
  expect(socket.take('typing')).toHaveLength(1)
})

test('returns the same snapshot until something changes, and reports all synchronous changes once', async () => {
  const { first, room } = await start(0)
  await settled()
  let changes = 0
  room.on('change', () => changes++)
  const before = room.state
  expect(room.state).toBe(before)
  first.receive(messageFrame(1), messageFrame(2))
  expect(room.state).not.toBe(before)
  expect(before.messages).toEqual([])
  await settled()
  expect(changes).toBe(1)
})

test('subscribes again to 128 rooms after a disconnection, each after its last entry', async () => {
  const service = fakeService()
  const rooms = range(1, 128).map(number => service.client.room(`r${number}`))
  const socket = await service.socket(1)
  socket.greet()
  for (const subscribe of socket.take('subscribe')) {
    socket.receive(
      { ...subscribedFrame(0, subscribe), room: subscribe.room },
      messageFrame(1, { room: subscribe.room })
    )
  }
  socket.end(1012)
  await service.timers.advance(1000)
  const second = await service.socket(2)
  second.greet()
  const subscribed = second.take('subscribe')
  expect(subscribed.map(({ room }) => room)).toEqual(rooms.map(({ name }) => name))
  expect(subscribed.every(({ after }) => after === 1)).toBe(true)
})

test('requests the newest page until it succeeds, even while messages arrive', async () => {
  const { first, http, room, again, timers } = await start(3, { backfill: 0 })
  http(() => ({ body: historyPage(1, 3) }))
  await room.older()
  first.end(1006)
  http(() => ({ status: 503, body: { code: 'unavailable', detail: 'Later.' } }))
  const { socket, subscribe } = await again()
  socket.receive(
    { ...subscribedFrame(9, subscribe, { oldest: 8 }), type: 'resync', reason: 'expired' },
    messageFrame(10)
  )
  await settled()
  expect(seqs(room.state.messages)).toEqual([10])
  http(() => ({ body: historyPage(8, 9) }))
  await timers.advance(3000)
  expect(seqs(room.state.messages)).toEqual([8, 9, 10])
})

test('does not end the wait to read missed entries when live messages arrive', async () => {
  const { first, again, http, calls, timers } = await start(0)
  first.end(1006)
  http(() => ({ status: 503, body: { code: 'busy', detail: 'Later.' }, headers: { 'retry-after': '5' } }))
  const { socket, subscribe } = await again()
  socket.receive({ ...subscribedFrame(3000, subscribe), type: 'resync', reason: 'too_far' })
  await settled()
  socket.receive(messageFrame(3001), messageFrame(3002))
  await timers.advance(4999)
  expect(socket.take('subscribe')).toEqual([])
  await timers.advance(1)
  expect(socket.take('subscribe')).toHaveLength(1)
  expect(calls).toHaveLength(1)
})

const erasureFrame = (seq: number, subject: number) => ({
  ...messageFrame(seq),
  type: 'erasure',
  content: undefined,
  user_id: subject,
  username: `deleted user ${subject}`,
  subject
})
const contents = (messages: readonly Message[]) => messages.map(({ content, unavailable }) => content ?? unavailable)

test('removes the contents of the messages before an erasure, from the state and from loops', async () => {
  const { first, room } = await start(0)
  const loop = room.messages()
  const erasures: unknown[] = []
  room.on('erasure', erasure => erasures.push(erasure))
  first.receive(
    messageFrame(1, { meta: { a: 1 }, nonce: 'n1' }),
    messageFrame(2, { user_id: 3 }),
    erasureFrame(3, 2),
    messageFrame(4)
  )
  const expected = ['erased', 'message 2', 'message 4']
  expect(contents(room.state.messages)).toEqual(expected)
  expect(room.state.messages[0]).toEqual({
    id: 1,
    room: 'general',
    seq: 1,
    user_id: 2,
    username: 'deleted user 2',
    content: null,
    unavailable: 'erased',
    created_at: '2026-01-31T12:00:00.000+00:00'
  })
  expect(erasures).toEqual([{ userId: 2, username: 'deleted user 2', seq: 3 }])
  expect(room.state.status).toBe('live')
  const seen: Message[] = []
  for await (const message of loop) if (seen.push(message) === 3) break
  expect(contents(seen)).toEqual(expected)
})

test('removes the contents of erased messages from a page of history that arrives after the erasure', async () => {
  const { first, room, http } = await start(3)
  let respond = (_: object) => {}
  http(() => new Promise(resolve => (respond = resolve as typeof respond)))
  const loaded = room.older()
  await settled()
  first.receive(erasureFrame(4, 2), messageFrame(5))
  respond({ body: historyPage(1, 3) })
  await loaded
  expect(contents(room.state.messages)).toEqual(['erased', 'erased', 'erased', 'message 5'])
})

test('applies an erasure among the missed entries that are read over HTTP', async () => {
  const { first, room, again, http } = await start(0)
  first.receive(messageFrame(1))
  first.end(1006)
  const { entries } = historyPage(2, 4)
  const erasure = { ...entries[1], type: 'erasure', subject: 2 }
  http(() => ({ body: historyPage(2, 4, { entries: [entries[0], erasure, entries[2]], has_more: false }) }))
  const { socket, subscribe } = await again()
  socket.receive({ ...subscribedFrame(4, subscribe), type: 'resync', reason: 'too_far' })
  await settled()
  expect(contents(room.state.messages)).toEqual(['erased', 'erased', 'message 4'])
})
