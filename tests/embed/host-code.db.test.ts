/** Tests the functions of a host application: authorization, changes of messages, publishing, events and revocation. */
import { expect, test } from 'vitest'
import { createMemoryBus, createMemoryNetwork } from '../../src/bus/drivers/memory.ts'
import type { MessageDraft } from '../../src/chat/access/authorize.ts'
import { createChat } from '../../src/host.ts'
import { ChatRejection } from '../../src/protocol/errors.ts'
import { hostSettings, startHost } from '../support/start-host.ts'

const rooms = '/support/api/chat/rooms'

test('calls authorize for every access with the host’s id, and treats a denied room like a missing room', async () => {
  const asked = new Set<string>()
  const { call, join, chat } = await startHost({
    authorize({ user, room, action }) {
      asked.add(`${user.id} ${user.name} ${action} ${room}`)
      return action === 'create' ? user.id === 'boss' : room === 'general' || user.id === 'boss'
    }
  })
  await chat.createRoom({ room: 'secret', title: 'Secret' })
  const denied = { status: 404, body: { code: 'room_not_found' } }
  for (const path of ['', '/messages', '/presence']) {
    expect(await call('GET', `${rooms}/secret${path}`, { as: 'ann' }), path).toMatchObject(denied)
    expect(await call('GET', `${rooms}/absent${path}`, { as: 'ann' }), path).toMatchObject(denied)
    expect(await call('GET', `${rooms}/secret${path}`, { as: 'boss' }), path).toMatchObject({ status: 200 })
  }
  const post = { body: { content: 'psst' } }
  expect(await call('POST', `${rooms}/secret/messages`, { as: 'ann', ...post })).toMatchObject(denied)
  expect(await call('POST', rooms, { as: 'ann', body: { room: 'mine' } })).toMatchObject({ status: 403 })
  expect((await call('GET', rooms, { as: 'ann' })).body.rooms).toMatchObject([{ room: 'general' }])
  expect((await call('GET', rooms, { as: 'boss' })).body.rooms).toHaveLength(2)

  const ann = await join('ann:Ann')
  for (const type of ['subscribe', 'message']) {
    ann.send({ type, room: 'secret', content: 'psst', ref: type })
    expect(await ann.nextOf('error')).toMatchObject({ code: 'room_not_found', room: 'secret', ref: type })
  }
  // The service refuses `typing` because the user isn't subscribed. Its response does not reveal whether the room exists.
  for (const room of ['secret', 'absent']) {
    ann.send({ type: 'typing', room, ref: room })
    expect(await ann.nextOf('error')).toMatchObject({ code: 'not_allowed', room, ref: room })
  }
  expect([...asked]).toContain('ann Ann read secret')
  expect([...asked]).toContain('ann Ann post secret')
})

test('calls authorize for a typing frame only if the frame is passed on', async () => {
  let asked = 0
  const { join } = await startHost({
    authorize({ action }) {
      if (action === 'post') asked++
      return true
    }
  })
  const ann = await join('ann:Ann')
  for (let at = 0; at < 40; at++) ann.send({ type: 'typing' })
  await ann.untilPong()
  expect(asked).toBeLessThanOrEqual(3)
})

test('denies access if authorize throws or times out', async () => {
  const { call, log } = await startHost({
    authorize: ({ room }) => (room === 'general' ? Promise.reject(new Error('down')) : new Promise(() => {}))
  })
  const responses = await Promise.all([
    call('GET', `${rooms}/general`, { as: 'ann' }),
    call('POST', rooms, { as: 'ann', body: { room: 'other' } })
  ])
  expect(responses.map(({ status }) => status)).toEqual([404, 403])
  expect(log()).toMatch(/authorize failed; the action was not authorized/)
})

test('handles the frames of a connection in order, even if authorize is slow', async () => {
  let turn = 0
  const { join } = await startHost({
    authorize: async () => {
      await new Promise(resolve => setTimeout(resolve, turn++ % 2 === 0 ? 20 : 1))
      return true
    }
  })
  const ann = await join('ann')
  for (let at = 0; at < 10; at++) ann.send({ type: 'message', content: `${at}` })
  const heard: string[] = []
  while (heard.length < 10) heard.push((await ann.nextOf('message')).content)
  expect(heard).toEqual(Array.from({ length: 10 }, (_, at) => `${at}`))
})

test('stores what beforeMessage returns, and rejects with the host’s own error code', async () => {
  const { call, join } = await startHost({
    beforeMessage(draft) {
      if (/https?:/.test(draft.content)) throw new ChatRejection('no_links', 'Links are not allowed here.')
      return { ...draft, content: draft.content.replaceAll('damn', '****'), meta: { by: draft.user.id } }
    }
  })
  const ann = await join('ann')
  ann.send({ type: 'message', content: 'damn it', nonce: 'n1' })
  expect(await ann.nextOf('message')).toMatchObject({ content: '**** it', meta: { by: 'ann' } })
  ann.send({ type: 'message', content: 'see https://example.com', nonce: 'n2' })
  expect(await ann.nextOf('error')).toMatchObject({
    code: 'no_links',
    nonce: 'n2',
    detail: 'Links are not allowed here.'
  })
  const refused = await call('POST', `${rooms}/general/messages`, { as: 'ann', body: { content: 'http://x' } })
  expect(refused).toMatchObject({ status: 403, body: { code: 'no_links' } })
  const history = await call('GET', '/support/api/chat/messages', { as: 'ann' })
  expect(history.body).toMatchObject([{ content: '**** it', meta: { by: 'ann' } }])
})

test('stores what beforeMessage returns for an edit, and passes the `seq` of the edited message', async () => {
  const drafts: MessageDraft[] = []
  const { join } = await startHost({
    beforeMessage(draft) {
      drafts.push(draft)
      return { ...draft, content: draft.content.toUpperCase() }
    }
  })
  const socket = await join('ann')
  socket.send({ type: 'message', content: 'first' })
  await socket.nextOf('message')
  socket.send({ type: 'edit', target: 1, content: 'second' })
  expect(await socket.nextOf('edit')).toMatchObject({ content: 'SECOND' })
  expect(drafts).toMatchObject([{ content: 'first' }, { content: 'second', edits: 1 }])
  expect(drafts[0]).not.toHaveProperty('edits')
})

test('stores nothing if beforeMessage fails, and does not log the text', async () => {
  const { join, log, call } = await startHost({
    beforeMessage(draft) {
      throw new Error(`could not look at ${draft.room}`)
    }
  })
  const ann = await join('ann')
  ann.send({ type: 'message', content: 'a-secret-text', ref: 'r' })
  expect(await ann.nextOf('error')).toMatchObject({ code: 'unavailable', ref: 'r' })
  expect((await call('GET', '/support/api/chat/messages', { as: 'ann' })).body).toEqual([])
  expect(log()).toMatch(/beforeMessage failed/)
  expect(log()).not.toMatch(/a-secret-text/)
})

test('posts as any user of the host, without authorize and rate limits, and once per nonce', async () => {
  const { chat, join } = await startHost({ authorize: ({ action }) => action === 'read', messageRateLimit: 1 })
  const ann = await join('ann')
  const bot = { id: 'bot', name: 'Helper' }
  const posted = await chat.post({ as: bot, content: 'Welcome!', meta: { kind: 'greeting' }, nonce: 'n' })
  expect(posted).toMatchObject({ room: 'general', seq: 1, user: bot, content: 'Welcome!', meta: { kind: 'greeting' } })
  expect(posted.createdAt).toBeInstanceOf(Date)
  expect(await ann.nextOf('message')).toMatchObject({ username: 'Helper', content: 'Welcome!', seq: 1 })
  expect(await chat.post({ as: bot, content: 'Welcome!', meta: { kind: 'greeting' }, nonce: 'n' })).toEqual(posted)
  await expect(chat.post({ as: bot, content: 'Other', nonce: 'n' })).rejects.toMatchObject({ code: 'nonce_reused' })
  await expect(chat.post({ as: bot, room: 'absent', content: 'x' })).rejects.toMatchObject({ code: 'room_not_found' })
  await expect(chat.post({ as: bot, room: 'No Room', content: '' })).rejects.toMatchObject({
    code: 'validation_failed',
    message: /Room must be 1-64 characters.*Content must not be empty\./
  })
  await expect(chat.post({ as: { id: '', name: 'x' }, content: 'x' })).rejects.toThrow(TypeError)
  await expect(chat.post({ as: { id: 'x', name: '\u200b\u3164' }, content: 'x' })).rejects.toThrow(TypeError)
  await Promise.all(Array.from({ length: 20 }, (_, at) => chat.post({ as: bot, content: `${at}` })))
})

test('creates a room once, even if the host creates it several times', async () => {
  const { chat } = await startHost()
  const made = await Promise.all([1, 2, 3].map(() => chat.createRoom({ room: 'order-1', title: 'Order 1' })))
  expect(new Set(made.map(({ epoch }) => epoch)).size).toBe(1)
  await expect(chat.createRoom({ room: 'Order 1' })).rejects.toMatchObject({ code: 'validation_failed' })
})

test('emits an event once per stored message with the host’s id, even if a listener fails', async () => {
  const { chat, join, log } = await startHost()
  const heard: { content: string; user: unknown; seq: number }[] = []
  chat.on('message', () => {
    throw new Error('sync')
  })
  chat.on('message', () => Promise.reject(new Error('async')))
  chat.on('message', ({ content, user, seq }) => heard.push({ content, user, seq }))
  const ann = await join('ann:Ann')
  ann.send({ type: 'message', content: 'one', nonce: 'n' })
  ann.send({ type: 'message', content: 'one', nonce: 'n' })
  ann.send({ type: 'message', content: 'two', meta: { a: 1 } })
  while ((await ann.nextOf('message')).content !== 'two');
  const user = { id: 'ann', name: 'Ann' }
  expect(heard).toEqual([
    { content: 'one', user, seq: 1 },
    { content: 'two', user, seq: 2 }
  ])
  expect(log().match(/a listener that was added with chat.on/g)).toHaveLength(4)
})

test('applies recheck and disconnect on every process', async () => {
  const network = createMemoryNetwork()
  let isMember = true
  const authorize = () => isMember
  const first = await startHost({ bus: createMemoryBus(network), authorize })
  const second = await startHost({ bus: createMemoryBus(network), authorize, database: first.database })
  const here = await first.join('ann')
  const there = await second.join('ann')
  const bob = await second.join('bob')

  isMember = false
  first.chat.recheck('ann', 'general')
  for (const ann of [here, there]) {
    expect(await ann.nextOf('unsubscribed')).toMatchObject({ room: 'general', reason: 'not_allowed' })
  }
  await first.chat.post({ as: { id: 'bot', name: 'Bot' }, content: 'not for Ann' })
  expect(await bob.nextOf('message')).toMatchObject({ content: 'not for Ann' })
  expect((await there.untilPong()).filter(({ type }) => type === 'message')).toEqual([])

  first.chat.disconnect('ann')
  expect(await here.closed).toMatchObject({ code: 4401 })
  expect(await there.closed).toMatchObject({ code: 4401 })
  bob.send({ type: 'ping' })
  await bob.nextOf('pong')
})

test('throws an error of the catalog before it runs and after it has stopped', async () => {
  const idle = createChat(hostSettings)
  const { app, chat } = await startHost({ before: host => host.addHook('onReady', async () => {}) })
  await expect(chat.plugin(app, {})).rejects.toThrow(/already registered/)
  const expectUnavailable = async (one: typeof chat, message: RegExp) => {
    const error = { name: 'ChatError', code: 'unavailable', message: expect.stringMatching(message) }
    await expect(one.post({ as: { id: 1, name: 'x' }, content: 'x' })).rejects.toMatchObject(error)
    await expect(one.createRoom({ room: 'r' })).rejects.toMatchObject(error)
    expect(() => one.recheck('ann', 'general')).toThrow(expect.objectContaining(error))
    expect(() => one.disconnect('ann')).toThrow(expect.objectContaining(error))
  }
  await expectUnavailable(idle, /is not running yet/)
  await app.close()
  await expectUnavailable(chat, /has stopped/)
})

test('rejects a post with an error of the catalog while the database cannot be reached', async () => {
  const { chat, database } = await startHost()
  const { drizzle } = database.client
  const { insert } = drizzle
  drizzle.insert = () => {
    throw Object.assign(new Error('write CONNECTION_ENDED'), { code: 'CONNECTION_ENDED' })
  }
  const post = chat.post({ as: { id: 'new', name: 'New' }, content: 'x' })
  await expect(post).rejects.toMatchObject({ name: 'ChatError', code: 'unavailable' })
  Object.assign(drizzle, { insert })
})

test('closes every socket when the host closes', async () => {
  const { app, join } = await startHost()
  const ann = await join('ann')
  const [closed] = await Promise.all([ann.closed, app.close()])
  expect(closed).toMatchObject({ code: 1012 })
})

test('continues the list of rooms past rooms that the user may not read', async () => {
  const { call, chat } = await startHost({ authorize: ({ room }) => room.endsWith('9') })
  for (let at = 10; at < 30; at++) await chat.createRoom({ room: `room-${at}` })
  const seen: string[] = []
  for (let next: string | undefined = ''; next !== undefined; ) {
    const { body } = await call('GET', `${rooms}?limit=1&after=${next}`, { as: 'ann' })
    seen.push(...body.rooms.map(({ room }: { room: string }) => room))
    expect(body.has_more).toBe(body.next !== undefined)
    next = body.next
  }
  expect(seen).toEqual(['room-19', 'room-29'])
})

test('responds with `unavailable` if beforeMessage returns a message that cannot be stored', async () => {
  const { join, log } = await startHost({
    maxMessageLength: 10,
    beforeMessage: draft => ({ ...draft, content: 'x'.repeat(11) })
  })
  const ann = await join('ann')
  ann.send({ type: 'message', content: 'short', ref: 'r' })
  expect(await ann.nextOf('error')).toMatchObject({ code: 'unavailable', ref: 'r' })
  expect(log()).toMatch(/returned a message that cannot be stored/)
})

test('does not reveal names of rooms that the user may not read in the list of rooms', async () => {
  const { call, database } = await startHost({ authorize: () => false })
  const table = `"${database.schema}".rooms`
  await database.client.query(`insert into ${table} (name) select 'secret-' || at from generate_series(1, 1100) at`)
  const first = await call('GET', rooms, { as: 'ann' })
  expect(first.body).toMatchObject({ rooms: [], has_more: true })
  expect(JSON.stringify(first.body)).not.toContain('secret')
  const rest = await call('GET', `${rooms}?after=${encodeURIComponent(first.body.next)}`, { as: 'ann' })
  expect(rest.body).toEqual({ rooms: [], has_more: false })
})
