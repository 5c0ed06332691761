/**
 * Tests the user's own changes of messages. The SDK shows each change at once, sends changes in order, and reverts a change that
 * the service refuses.
 */
import { expect, test } from 'vitest'
import type { ChatClientOptions, MessageChange, Outgoing, Storage } from '../../client/src/index.ts'
import { fakeService, historyPage, messageFrame, type Sent, settled, subscribedFrame } from '../support/fake-service.ts'

const NOW = '2026-01-31T12:00:00.000+00:00'
const own = (seq: number, more: object = {}) => messageFrame(seq, { user_id: 1, username: 'ada', ...more })
const entry = (type: string, seq: number, target: number, more: object = {}) => ({
  type,
  id: seq,
  room: 'general',
  seq,
  user_id: 1,
  username: 'ada',
  target,
  timestamp: NOW,
  ...more
})
const ackFrame = ({ nonce, room }: Sent, seq: number) => ({ type: 'ack', nonce, id: seq, room, seq, timestamp: NOW })
const refusal = ({ nonce, room }: Sent, code: string) => ({ type: 'error', code, detail: 'No.', room, nonce })

/** Creates a client with one own message, `seq` 1, in `general`. */
const start = async (options: Partial<ChatClientOptions> = {}) => {
  const service = fakeService({ timing: { pingInterval: 1e9 }, ...options })
  const room = service.client.room('general')
  const socket = await service.socket(1)
  socket.greet()
  socket.receive(subscribedFrame(0, socket.take('subscribe')[0] ?? {}), own(1, { content: 'hello', meta: { a: 1 } }))
  const updates: MessageChange[] = []
  room.on('update', update => updates.push(update))
  return { ...service, room, first: socket, updates, message: () => room.state.messages[0] }
}

test('shows an edit at once, and as confirmed when its entry arrives', async () => {
  const { room, first, message, updates } = await start()
  const { nonce } = room.edit(1, 'hi', { mentions: [2] })
  expect(message()).toMatchObject({ content: 'hi', mentions: [2], pending: true })
  expect(message()?.meta).toBeUndefined()
  expect(room.state.outgoing).toEqual([])
  expect(room.state.changes).toMatchObject([{ type: 'edit', target: 1, content: 'hi', status: 'pending' }])
  const [frame = {}] = first.take('edit')
  expect(frame).toEqual({ type: 'edit', room: 'general', target: 1, content: 'hi', mentions: [2], nonce })
  first.receive(ackFrame(frame, 2))
  expect(await room.settled(nonce)).toMatchObject({ status: 'sent', seq: 2 })
  expect(message()).toMatchObject({ content: 'hi', pending: true })
  const edit = entry('edit', 2, 1, { content: 'hi', mentions: [2], nonce })
  first.receive(edit)
  expect(message()).toEqual({
    ...{ id: 1, room: 'general', seq: 1, user_id: 1, username: 'ada', created_at: NOW },
    ...{ content: 'hi', mentions: [2], edited_at: NOW, changed_seq: 2 }
  })
  expect(room.state.changes).toEqual([])
  expect(updates).toEqual([edit])
})

test('shows a deletion at once, without the content and the reactions', async () => {
  const { room, first, message } = await start()
  first.receive(entry('reaction', 2, 1, { user_id: 2, key: '👍', action: 'added', count: 1 }))
  expect(message()?.reactions).toEqual([{ key: '👍', count: 1 }])
  room.delete(1, { reason: 'typo' })
  expect(message()).toMatchObject({ content: null, unavailable: 'erased', pending: true })
  expect(message()).not.toHaveProperty('reactions')
  const [{ nonce, ...frame } = {}] = first.take('delete')
  expect(frame).toEqual({ type: 'delete', room: 'general', target: 1, reason: 'typo' })
  first.receive(entry('deletion', 3, 1, { reason: 'typo', nonce }))
  expect(message()).toMatchObject({ content: null, unavailable: 'erased', changed_seq: 3 })
  expect(message()).not.toHaveProperty('pending')
})

test('counts the user’s own reaction once', async () => {
  const { room, first, message } = await start()
  const other = { user_id: 2, key: '❤', action: 'added', count: 1 }
  first.receive(entry('reaction', 2, 1, other))
  room.react(1, '❤️')
  expect(message()).toMatchObject({ reactions: [{ key: '❤', count: 2 }], mine: ['❤'], pending: true })
  const [added = {}] = first.take('react')
  expect(added).toMatchObject({ target: 1, key: '❤' })
  first.receive(ackFrame(added, 3))
  expect(message()?.reactions).toEqual([{ key: '❤', count: 2 }])
  first.receive(entry('reaction', 3, 1, { key: '❤', action: 'added', count: 2, nonce: added.nonce }))
  expect(message()).toMatchObject({ reactions: [{ key: '❤', count: 2 }], mine: ['❤'] })
  expect(message()).not.toHaveProperty('pending')
  room.react(1, '❤', { remove: true })
  expect(message()).toMatchObject({ reactions: [{ key: '❤', count: 1 }] })
  expect(message()).not.toHaveProperty('mine')
  expect(first.take('react')).toMatchObject([{ key: '❤', remove: true }])
})

test('removes a reaction that changed nothing from the unconfirmed changes when the earlier entry is delivered', async () => {
  const { room, first } = await start()
  const { nonce } = room.react(1, '+1')
  const [frame = {}] = first.take('react')
  // Another tab of the user reacted before. The entry of that tab has another nonce, and arrives after the acknowledgement.
  first.receive(ackFrame(frame, 2))
  expect(room.state.changes).toMatchObject([{ nonce, status: 'sent' }])
  first.receive(entry('reaction', 2, 1, { key: '+1', action: 'added', count: 1, nonce: 'of the other tab' }))
  expect(room.state.changes).toEqual([])
  expect(room.state.messages[0]).toMatchObject({ reactions: [{ key: '+1', count: 1 }], mine: ['+1'] })
  room.react(1, '+1')
  first.receive(ackFrame(first.take('react')[0] ?? {}, 2))
  expect(room.state.changes).toEqual([])
})

test('reverts a refused change, and sends it again after a retry', async () => {
  const { room, first, message } = await start()
  const { nonce } = room.edit(1, 'too late')
  room.send('next')
  first.receive(refusal(first.take('edit')[0] ?? {}, 'edit_window_over'))
  expect(message()).toMatchObject({ content: 'hello', meta: { a: 1 } })
  expect(message()).not.toHaveProperty('pending')
  expect(room.state.changes).toMatchObject([{ nonce, status: 'failed', error: { code: 'edit_window_over' } }])
  first.receive(ackFrame(first.take('message')[0] ?? {}, 2), own(2))
  room.retry(nonce)
  expect(message()).toMatchObject({ content: 'too late', pending: true })
  expect(first.take('edit')).toMatchObject([{ nonce }])
  room.discard(nonce)
  expect(message()).toMatchObject({ content: 'hello' })
  expect(room.state.changes).toEqual([])
})

test('sends messages and changes of a room one at a time, in their order', async () => {
  const { room, first } = await start()
  room.edit(1, 'one')
  room.send('two', { replyTo: 1, mentions: [2, 3] })
  room.delete(1)
  expect([first.take('message'), first.take('delete')]).toEqual([[], []])
  first.receive(ackFrame(first.take('edit')[0] ?? {}, 2))
  const [message = {}] = first.take('message')
  expect(message).toMatchObject({ content: 'two', reply_to: 1, mentions: [2, 3] })
  expect(first.take('delete')).toEqual([])
  first.receive(ackFrame(message, 3))
  expect(first.take('delete')).toHaveLength(1)
})

test('repeats a change with the same nonce on the next connection', async () => {
  const { room, first, socket, client, message } = await start()
  const { nonce } = room.edit(1, 'hi')
  first.end(1006)
  expect(message()).toMatchObject({ content: 'hi', pending: true })
  client.connect()
  const second = await socket(2)
  second.greet()
  const [again = {}] = second.take('edit')
  expect(again.nonce).toBe(nonce)
  // An edit in another tab has replaced the text of this edit, so the entry of this edit has neither a text nor a nonce.
  second.receive(
    subscribedFrame(3, second.take('subscribe')[0] ?? {}),
    entry('edit', 2, 1, { content: null, unavailable: 'superseded' }),
    entry('edit', 3, 1, { content: 'of the other tab' }),
    ackFrame(again, 2)
  )
  expect(room.state.changes).toEqual([])
  expect(message()).toMatchObject({ content: 'of the other tab', changed_seq: 3 })
})

test('fails a change that the service does not accept, without sending it', async () => {
  const { room, client, first, socket, message } = await start()
  first.end(1006)
  room.edit(1, 'hi')
  room.send('sent')
  client.connect()
  const second = await socket(2)
  second.greet({ features: ['message'] })
  expect(client.identity?.features).toEqual(['message'])
  expect(second.take('edit')).toEqual([])
  expect(room.state.changes).toMatchObject([{ status: 'failed', error: { code: 'upgrade_pending' } }])
  expect(message()).toMatchObject({ content: 'hello' })
  expect(second.take('message')).toMatchObject([{ content: 'sent' }])
})

test('stores changes apart from messages, and reads what an earlier version has stored', async () => {
  const kept = new Map<string, string>()
  const storage: Storage = {
    get: key => kept.get(key),
    set: (key, value) => void kept.set(key, value),
    remove: key => void kept.delete(key)
  }
  const earlier: Omit<Outgoing, 'type'> = {
    nonce: 'n',
    room: 'general',
    content: 'old',
    createdAt: 0,
    status: 'pending'
  }
  kept.set('fastify-chat:outbox', JSON.stringify({ userId: 1, outgoing: [earlier] }))
  const before = fakeService({ storage })
  const room = before.client.room('general')
  await before.socket(1)
  expect(room.state.outgoing).toEqual([{ type: 'message', ...earlier }])
  const { nonce } = room.react(1, '+1')
  room.edit(1, 'hi')
  await settled()
  before.client.close()
  // Reactions and edits are stored in `changes`. An earlier version of the SDK would send an edit in `outgoing` as a message.
  const stored = JSON.parse(kept.get('fastify-chat:outbox') ?? '{}')
  expect(stored.outgoing).toMatchObject([{ type: 'message', content: 'old' }])
  expect(stored.changes).toMatchObject([{ type: 'react', nonce }, { type: 'edit' }])

  const after = fakeService({ storage })
  const again = after.client.room('general')
  const socket = await after.socket(1)
  expect(again.state.changes).toMatchObject([
    { type: 'react', key: '+1' },
    { type: 'edit', content: 'hi' }
  ])
  socket.greet()
  expect(socket.take('message')).toMatchObject([{ content: 'old' }])
})

test('sends the stored messages and changes in the order in which they were made', async () => {
  const kept = new Map<string, string>()
  const storage: Storage = {
    get: key => kept.get(key),
    set: (key, value) => void kept.set(key, value),
    remove: key => void kept.delete(key)
  }
  const before = await start({ storage })
  before.first.end(1006)
  before.room.edit(1, 'first')
  await before.timers.advance(1)
  before.room.send('second')
  await before.timers.advance(1)
  before.room.react(1, '+1')
  await settled()
  before.client.close()

  const after = fakeService({ storage })
  const room = after.client.room('general')
  const socket = await after.socket(1)
  socket.greet()
  const sent = () => socket.frames.filter(({ nonce }) => nonce !== undefined)
  for (const seq of [2, 3]) socket.receive(ackFrame(sent().at(-1) ?? {}, seq))
  expect(sent()).toMatchObject([
    { type: 'edit', content: 'first' },
    { type: 'message', content: 'second' },
    { type: 'react', key: '+1' }
  ])
  expect(room.state.changes.map(({ type }) => type)).toEqual(['edit', 'react'])
})

test('shows a page that was requested before an edit with the edit', async () => {
  const { first, http, room } = await start()
  first.receive({ type: 'resync', reason: 'epoch', room: 'general', epoch: 'e1', seq: 10, oldest: 1 })
  let respond = (_: { body: unknown }): void => {}
  http(
    () =>
      new Promise(resolve => {
        respond = resolve
      })
  )
  const loaded = room.older()
  await settled()
  first.receive(entry('edit', 11, 10, { user_id: 2, content: 'edited' }), entry('deletion', 12, 9, { user_id: 2 }))
  respond({ body: historyPage(8, 10, { seq: 10 }) })
  await loaded
  expect(room.state.messages.map(({ content }) => content)).toEqual(['message 8', null, 'edited'])
})

test('requests a page again if the service knows less than the connection has delivered', async () => {
  const { first, http, room, timers, calls } = await start()
  first.receive({ type: 'resync', reason: 'epoch', room: 'general', epoch: 'e1', seq: 10, oldest: 1 })
  http(() => ({ body: historyPage(8, 10, { seq: 9 }) }))
  const loaded = room.older()
  await settled()
  const made = calls.length
  expect(room.state.isLoadingOlder).toBe(true)
  http(() => ({ body: historyPage(8, 10, { seq: 10 }) }))
  await timers.advance(3000)
  await loaded
  expect(calls.length).toBe(made + 1)
  expect(room.state.messages).toHaveLength(3)
})

test('removes the content of an edited or deleted message from the messages that a loop has not read yet', async () => {
  const { first, room } = await start()
  const loop = room.messages()
  first.receive(own(2, { content: 'secret' }), own(3, { content: 'before' }))
  first.receive(entry('deletion', 4, 2), entry('edit', 5, 3, { content: 'after' }))
  expect((await loop.next()).value).toMatchObject({ seq: 2, content: null, unavailable: 'erased' })
  expect((await loop.next()).value).toMatchObject({ seq: 3, content: 'after' })
})

test('removes the text of a deleted, edited or erased message from replies that a loop has not read yet', async () => {
  const { first, room } = await start()
  const loop = room.messages()
  const bob = { user_id: 2, username: 'bob' }
  first.receive(own(2, { content: 'two' }), own(3, { content: 'three' }))
  for (const [seq, replyTo] of [
    [4, 1],
    [5, 2],
    [6, 3]
  ] as const)
    first.receive(own(seq, { ...bob, reply_to: replyTo }))
  first.receive(entry('deletion', 7, 1), entry('edit', 8, 2, { content: 'edited' }))
  const place = { user_id: 1, username: 'ada' }
  const read = async (count: number) => {
    const replies: unknown[] = []
    for (let at = 0; at < count; at++) replies.push((await loop.next()).value.reply)
    return replies
  }
  expect(await read(4)).toEqual([
    undefined,
    undefined,
    { seq: 1, ...place, unavailable: 'erased' },
    { seq: 2, ...place, excerpt: 'edited' }
  ])
  first.receive({ ...entry('erasure', 9, 0), username: 'deleted user', subject: 1 })
  expect(await read(1)).toEqual([{ seq: 3, user_id: 1, username: 'deleted user', unavailable: 'erased' }])
})

test('shows the message that a reply refers to, from memory or from HTTP', async () => {
  const { first, http, room, timers, calls } = await start()
  first.receive(own(2, { reply_to: 1 }))
  const reply = { seq: 1, user_id: 1, username: 'ada', excerpt: 'hello' }
  expect(room.state.messages[1]).toMatchObject({ reply_to: 1, reply })
  first.receive(entry('edit', 3, 1, { content: 'x'.repeat(200) }))
  expect(room.state.messages[1]?.reply?.excerpt).toBe('x'.repeat(100))
  first.receive(entry('deletion', 4, 1))
  const { excerpt: _, ...place } = reply
  expect(room.state.messages[1]?.reply).toEqual({ ...place, unavailable: 'erased' })

  first.receive({ type: 'resync', reason: 'epoch', room: 'general', epoch: 'e1', seq: 10, oldest: 1 })
  http(() => ({ body: historyPage(10, 10) }))
  await room.older()
  http(() => ({ body: historyPage(5, 5) }))
  first.receive(own(11, { reply_to: 5 }))
  expect(room.state.messages.at(-1)).not.toHaveProperty('reply')
  await timers.advance(1000)
  expect(calls.at(-1)?.path).toBe('/api/chat/rooms/general/messages?after=4&before=6&view=messages&limit=1')
  expect(room.state.messages.at(-1)?.reply).toMatchObject({ seq: 5, excerpt: 'message 5' })
  http(() => ({ body: historyPage(7, 6) }))
  first.receive(own(12, { reply_to: 7 }))
  await timers.advance(1000)
  expect(room.state.messages.at(-1)?.reply).toEqual({ seq: 7, unavailable: 'expired' })
})

test('loads the message that a reply refers to only while it is online', async () => {
  const { first, http, room, socket, client, timers, calls } = await start()
  first.receive({ type: 'resync', reason: 'epoch', room: 'general', epoch: 'e1', seq: 10, oldest: 1 })
  http(() => ({ body: historyPage(10, 10) }))
  await room.older()
  http(() => ({ body: historyPage(5, 5) }))
  first.receive(own(11, { reply_to: 5 }))
  first.end(1006)
  const isLoaded = () => calls.some(({ path }) => path.includes('view=messages'))
  await timers.advance(1000)
  expect(isLoaded()).toBe(false)
  client.connect()
  const second = await socket(2)
  second.greet()
  await timers.advance(1000)
  expect(isLoaded()).toBe(true)
  expect(room.state.messages.at(-1)?.reply).toMatchObject({ seq: 5, excerpt: 'message 5' })
})

test('keeps the message objects that did not change', async () => {
  const { first, room } = await start()
  first.receive(own(2), own(3, { reply_to: 2 }))
  const [one, two, three] = room.state.messages
  first.receive(entry('edit', 4, 2, { content: 'edited' }))
  const [sameOne, otherTwo, otherThree] = room.state.messages
  expect([sameOne === one, otherTwo === two, otherThree === three]).toEqual([true, false, false])
})

test('does not apply an entry to a message that already has its result', async () => {
  const { first, http, room } = await start()
  first.receive({ type: 'resync', reason: 'epoch', room: 'general', epoch: 'e1', seq: 10, oldest: 1 })
  const [item, message] = historyPage(9, 10).messages
  const changed = { content: 'second edit', edited_at: NOW, changed_seq: 14, reactions: [{ key: '+1', count: 2 }] }
  const reply = { seq: 5, user_id: 2, username: 'bob', excerpt: 'second edit' }
  const messages = [
    { ...item, ...changed },
    { ...message, reply_to: 5, reply }
  ]
  http(() => ({ body: historyPage(9, 10, { seq: 14, messages }) }))
  await room.older()
  const before = room.state.messages
  expect(before).toMatchObject([changed, { reply }])
  first.receive(
    entry('edit', 11, 9, { user_id: 2, content: 'first edit' }),
    entry('reaction', 12, 9, { key: '+1', action: 'added', count: 1 }),
    entry('edit', 13, 5, { user_id: 2, content: 'first edit' })
  )
  expect(room.state.messages).toEqual(before)
  first.receive(entry('edit', 14, 9, { user_id: 2, content: 'second edit' }))
  first.receive(entry('reaction', 15, 9, { user_id: 3, key: '+1', action: 'added', count: 3 }))
  expect(room.state.messages[0]).toMatchObject({ content: 'second edit', reactions: [{ count: 3 }], changed_seq: 15 })
})

test('loads the reactions again if an unknown key may now be among the most frequent ones', async () => {
  const { first, http, room, timers, calls } = await start()
  first.receive({ type: 'resync', reason: 'epoch', room: 'general', epoch: 'e1', seq: 10, oldest: 1 })
  const keys = Array.from({ length: 21 }, (_, at) => `key${String(at).padStart(2, '0')}`)
  const reactions = keys.map(key => ({ key, count: 2 }))
  const [item] = historyPage(10, 10).messages
  http(() => ({ body: historyPage(10, 10, { messages: [{ ...item, reactions: reactions.slice(0, 20) }] }) }))
  await room.older()
  const made = calls.length
  first.receive(entry('reaction', 11, 10, { user_id: 2, key: 'key01', action: 'added', count: 3 }))
  await timers.advance(2000)
  expect(calls.length).toBe(made)
  first.receive(entry('reaction', 12, 10, { user_id: 2, key: 'key00', action: 'removed', count: 1 }))
  const body = historyPage(10, 10, { messages: [{ ...item, changed_seq: 12, reactions: reactions.slice(1) }] })
  http(() => ({ body }))
  await timers.advance(2000)
  expect(room.state.messages[0]?.reactions?.at(-1)).toEqual({ key: 'key20', count: 2 })
})

test('keeps the excerpt in a reply to a message that is no longer in memory', async () => {
  const { first, room, calls } = await start({ keep: 2 })
  first.receive(own(2, { reply_to: 1 }), own(3), entry('edit', 4, 1, { content: 'edited' }))
  expect(room.state.messages).toMatchObject([{ seq: 2, reply: { seq: 1, excerpt: 'edited' } }, { seq: 3 }])
  expect(calls).toEqual([])
})

test('erases the excerpt in a reply to an erased message', async () => {
  const { first, room } = await start({ keep: 1 })
  first.receive(own(2, { user_id: 2, username: 'bob', reply_to: 1 }))
  first.receive({ ...entry('erasure', 3, 0), username: 'deleted user', subject: 1 })
  const reply = { seq: 1, user_id: 1, username: 'deleted user', unavailable: 'erased' }
  expect(room.state.messages).toMatchObject([{ seq: 2, reply }])
  expect(room.state.messages[0]?.reply).not.toHaveProperty('excerpt')
})

const pinning = async () => {
  const running = await start()
  const { first, http, calls } = running
  first.end(1006)
  await running.timers.advance(1000)
  const socket = await running.socket(2)
  socket.greet({ features: ['message', 'pin'] })
  socket.receive(subscribedFrame(1, socket.take('subscribe')[0] ?? {}))
  calls.length = 0
  return { ...running, http, second: socket, pins: () => calls.filter(({ path }) => path.includes('/pins/')) }
}

test('pins a message over HTTP with a nonce, and shows the pin at once', async () => {
  const { room, second, message, http, pins, updates } = await pinning()
  http(() => ({ body: { ...entry('pin', 2, 1, { action: 'added' }) } }))
  const { nonce } = room.pin(1)
  expect(message()).toMatchObject({ pinned: true, pending: true })
  expect(await room.settled(nonce)).toMatchObject({ status: 'sent', seq: 2 })
  expect(pins()).toMatchObject([
    { method: 'PUT', path: '/api/chat/rooms/general/pins/1', headers: { 'idempotency-key': nonce } }
  ])
  const pinned = entry('pin', 2, 1, { action: 'added', nonce })
  second.receive(pinned)
  expect(message()).toMatchObject({ pinned: true, changed_seq: 2 })
  expect(message()).not.toHaveProperty('pending')
  expect(room.state.changes).toEqual([])
  expect(updates).toEqual([pinned])
  http(() => ({ body: { ...entry('pin', 3, 1, { action: 'removed' }) } }))
  await room.settled(room.pin(1, { remove: true }).nonce)
  expect(message()).not.toHaveProperty('pinned')
  expect(pins()[1]).toMatchObject({ method: 'DELETE' })
})

test('ends the pin of a deleted message', async () => {
  const { second, message } = await pinning()
  second.receive(entry('pin', 2, 1, { action: 'added' }))
  expect(message()).toHaveProperty('pinned', true)
  second.receive(entry('deletion', 3, 1))
  expect(message()).not.toHaveProperty('pinned')
})

test('reverts a refused pin, and repeats one that the service has not received', async () => {
  const { room, message, http, pins, timers } = await pinning()
  http(() => ({ status: 409, body: { code: 'too_many_pins', detail: 'No.' } }))
  const refused = room.pin(1)
  expect(await room.settled(refused.nonce)).toMatchObject({ status: 'failed', error: { code: 'too_many_pins' } })
  expect(message()).not.toHaveProperty('pinned')
  http(() => {
    throw new Error('no network')
  })
  const { nonce } = room.pin(1)
  await settled()
  expect(room.state.changes).toMatchObject([{ status: 'failed' }, { nonce, status: 'pending' }])
  http(() => ({ body: { ...entry('pin', 2, 1, { action: 'added' }) } }))
  await timers.advance(10_000)
  expect(room.state.changes[1]).toMatchObject({ nonce, status: 'sent' })
  expect(pins().map(({ headers }) => headers['idempotency-key'])).toEqual([refused.nonce, nonce, nonce])
})

test('fails a pin with a service without pins', async () => {
  const { room, calls } = await start()
  const { nonce } = room.pin(1)
  expect(await room.settled(nonce)).toMatchObject({ status: 'failed', error: { code: 'upgrade_pending' } })
  expect(calls.filter(({ path }) => path.includes('/pins/'))).toEqual([])
})
