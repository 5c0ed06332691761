/**
 * Tests that a new kind of entry needs only one file and one line in the registry. Everything else is derived from the file and
 * the registry.
 */
import { describe, expect, test } from 'vitest'
import { BUILT_IN, createKinds } from '../../../src/chat/kinds/index.ts'
import { version } from '../../../src/lib/package.ts'
import { compile } from '../../../src/protocol/validation.ts'
import { fakeClock } from '../../support/clock.ts'
import { testDatabase } from '../../support/database.ts'
import { startChat } from '../../support/start-chat.ts'
import { wave } from '../../support/wave.ts'

const kinds = [...BUILT_IN, wave]
const greet = { type: 'greet', target: 1, content: 'hello', mood: 'glad' }

/** Starts a chat. John sends two messages, with an entry of the added kind between them. */
const start = async () => {
  const chat = await startChat({ builtInKinds: kinds })
  const john = await chat.register('john')
  const socket = await chat.join(john)
  socket.send({ type: 'message', content: 'one' })
  // The entry refers to the first message by its `seq`. The client learns this `seq` only after the commit, so the test waits for
  // the message.
  await socket.nextOf('message')
  socket.send({ ...greet, nonce: 'n1', ref: 'r1' })
  socket.send({ type: 'message', content: 'two', ref: 'r2' })
  const ack = await socket.nextOf('ack')
  const frame = await socket.nextOf('wave')
  await socket.nextOf('message')
  return { ...chat, john, socket, ack, frame }
}

describe('a kind of entry that was added to the registry', () => {
  test('is acknowledged, stored encrypted, and delivered in order', async () => {
    const { database, ack, frame } = await start()
    expect(ack).toMatchObject({ nonce: 'n1', ref: 'r1', room: 'general', seq: 2 })
    expect(frame).toMatchObject({
      seq: 2,
      target: 1,
      content: 'hello',
      mood: 'glad',
      username: 'john',
      nonce: 'n1',
      id: ack.id
    })
    expect(compile(wave.frame)(frame)).toBe(true)
    const [row] = await database.client.query<{ kind: string; content: string }>(
      `select kind, content from "${database.schema}".messages where seq = 2`
    )
    expect(row).toEqual({ kind: 'wave', content: expect.stringMatching(/^gAAAAA/) })
  })

  test('is stored once per nonce', async () => {
    const { socket, ack } = await start()
    socket.send({ ...greet, nonce: 'n1', ref: 'r3' })
    expect(await socket.nextOf('ack')).toMatchObject({ ref: 'r3', seq: ack.seq, id: ack.id })
    for (const other of [{ content: 'other' }, { target: 3 }, { mood: 'sad' }, { type: 'message' }]) {
      socket.send({ ...greet, ...other, nonce: 'n1' })
      expect(await socket.nextOf('error'), JSON.stringify(other)).toMatchObject({ code: 'nonce_reused', nonce: 'n1' })
    }
  })

  test('leaves no gap in the log if the database refuses it', async () => {
    const { socket, call, john } = await start()
    socket.send({ ...greet, target: 2, ref: 'r5' })
    expect(await socket.nextOf('error')).toMatchObject({ code: 'message_not_found', ref: 'r5', room: 'general' })
    const options = { token: john.token, body: { content: 'x', mood: 'glad' } }
    expect(await call('PUT', '/api/chat/rooms/general/waves/9', options)).toMatchObject({
      status: 404,
      body: { code: 'message_not_found' }
    })
    socket.send({ type: 'message', content: 'three', ref: 'r6' })
    expect(await socket.nextOf('ack')).toMatchObject({ seq: 4 })
  })

  test('is rejected if it violates its schema', async () => {
    const { socket } = await start()
    socket.send({ type: 'greet', ref: 'r4' })
    expect(await socket.nextOf('error')).toMatchObject({
      code: 'invalid_frame',
      ref: 'r4',
      detail: 'The greet frame is not valid. Target is missing. Content is missing. Mood is missing.'
    })
  })

  test('is delivered on a resume by a process that did not commit it', async () => {
    const { database, john } = await start()
    const other = await startChat({ builtInKinds: kinds, database })
    const reader = await other.join(john, {}, '?rooms=')
    reader.send({ type: 'subscribe', room: 'general', after: 1 })
    expect(await reader.nextOf('wave')).toMatchObject({
      seq: 2,
      content: 'hello',
      target: 1,
      mood: 'glad',
      nonce: 'n1'
    })
    expect(await reader.nextOf('message')).toMatchObject({ seq: 3, content: 'two' })
  })

  test('has a route of its own over HTTP', async () => {
    const { call, john, socket } = await start()
    const options = {
      token: john.token,
      body: { content: 'again', mood: 'calm' },
      headers: { 'idempotency-key': 'n2' }
    }
    const path = '/api/chat/rooms/general/waves/3'
    expect(await call('PUT', path, options)).toMatchObject({ status: 201, body: { type: 'wave', seq: 4 } })
    expect(await call('PUT', path, options)).toMatchObject({ status: 200, body: { type: 'wave', seq: 4 } })
    expect(await socket.nextOf('wave')).toMatchObject({ seq: 4, target: 3, content: 'again', mood: 'calm' })
    expect(await call('PUT', path, { ...options, body: {} })).toMatchObject({ status: 422 })
  })

  test('is described in the OpenAPI and AsyncAPI documents', async () => {
    const { call } = await start()
    const { body: asyncApi } = await call('GET', '/asyncapi.json')
    const { messages } = asyncApi.channels.chat
    expect(messages['client-greet']).toMatchObject({
      summary: 'Wave at a message',
      payload: { required: ['type', 'target', 'content', 'mood'] }
    })
    expect(messages['service-wave']).toMatchObject({ summary: 'A wave' })
    const { body: openApi } = await call('GET', '/openapi.json')
    expect(openApi.paths['/api/chat/rooms/{room}/waves/{target}'].put.requestBody).toMatchObject({
      content: { 'application/json': { schema: { required: ['content', 'mood'] } } }
    })
  })

  test('is left out of lists of messages, but is part of the log', async () => {
    const { call, john } = await start()
    const list = async (query: string) =>
      (await call('GET', `/api/chat/rooms/general/messages${query}`, { token: john.token })).body.messages
    const contents = (items: { content: unknown }[]) => items.map(({ content }) => content)
    expect(contents(await list(''))).toEqual(['one', 'two'])
    expect(contents(await list('?before=3'))).toEqual(['one'])
    expect(contents(await list('?limit=2'))).toEqual(['one', 'two'])
    expect(contents(await list('?limit=1'))).toEqual(['two'])
    expect(contents((await call('GET', '/api/chat/messages', { token: john.token })).body)).toEqual(['one', 'two'])
    expect(await list('?after=0')).toMatchObject([
      { seq: 1, content: 'one' },
      { type: 'wave', seq: 2, content: null, username: 'john' },
      { seq: 3, content: 'two' }
    ])
  })
})

describe('a service that does not know a kind', () => {
  test('delivers entries of that kind as unknown, and never as messages', async () => {
    const { database, john } = await start()
    const older = await startChat({ database })
    const reader = await older.join(john, {}, '?rooms=')
    reader.send({ type: 'subscribe', room: 'general', after: 0 })
    expect(await reader.nextOf('message')).toMatchObject({ seq: 1 })
    const unknown = await reader.next()
    expect(unknown.type === 'presence' ? await reader.next() : unknown).toEqual({
      type: 'unknown',
      kind: 'wave',
      room: 'general',
      seq: 2
    })
    expect(await reader.nextOf('message')).toMatchObject({ seq: 3, content: 'two' })
    const { token } = john
    const { body: list } = await older.call('GET', '/api/chat/messages', { token })
    expect(list.map(({ seq }: { seq: number }) => seq)).toEqual([1, 3])
    const { body: log } = await older.call('GET', '/api/chat/rooms/general/messages?after=1', { token })
    expect(log.messages).toMatchObject([{ type: 'unknown', kind: 'wave', seq: 2, content: null }, { seq: 3 }])
    reader.send(greet)
    expect(await reader.nextOf('error')).toMatchObject({ code: 'unknown_frame' })
  })
})

describe('a service whose upgrade is not finished', () => {
  test('accepts only messages until every process runs this release', async () => {
    const clock = fakeClock(Date.now())
    const database = await testDatabase()
    const inSchema = `"${database.schema}"`
    await database.client.query(`delete from ${inSchema}.upgrades`)
    const chat = await startChat({ builtInKinds: kinds, database, clock })
    const john = await chat.register('john')
    const before = await chat.join(john)
    expect(before.first.features).toEqual(['message'])
    before.send({ ...greet, ref: 'r1' })
    expect(await before.nextOf('error')).toMatchObject({ code: 'upgrade_pending', ref: 'r1' })
    const refused = await chat.call('PATCH', '/api/chat/rooms/general/messages/1', {
      token: john.token,
      body: { content: 'x' }
    })
    expect(refused).toMatchObject({ status: 503, body: { code: 'upgrade_pending' } })
    expect(chat.log()).toMatch(/"level":40.*"upgrade_pending".*the upgrade is not finished/)
    expect(chat.log()).not.toMatch(/"level":50|"stack"/)
    before.send({ type: 'message', content: 'one', ref: 'r2' })
    expect(await before.nextOf('ack')).toMatchObject({ seq: 1 })

    await database.client.query(`insert into ${inSchema}.upgrades (step) values ('kinds')`)
    clock.advance(10_000)
    await expect.poll(async () => (await chat.join(john)).first.features).toEqual(['message', 'erasure', 'wave'])
    before.send({ ...greet, ref: 'r3' })
    expect(await before.nextOf('ack')).toMatchObject({ seq: 2 })
    // Entries that change messages are accepted only after a further step of the upgrade.
    const edit = { type: 'edit', target: 1, content: 'x' }
    before.send({ ...edit, ref: 'r4' })
    expect(await before.nextOf('error')).toMatchObject({ code: 'upgrade_pending', ref: 'r4' })
    await database.client.query(`select ${inSchema}.chat_finish_upgrade()`)
    clock.advance(10_000)
    await expect
      .poll(async () => (await chat.join(john)).first.features)
      .toEqual(['message', 'edit', 'deletion', 'reaction', 'erasure', 'wave'])
    before.send({ ...edit, ref: 'r5' })
    expect(await before.nextOf('ack')).toMatchObject({ seq: 3 })
    // Pins, and entries about members and rooms, are accepted only after a separate step of the upgrade.
    await database.client.query(`insert into ${inSchema}.upgrades (step) values ('rooms')`)
    clock.advance(10_000)
    await expect
      .poll(async () => (await chat.join(john)).first.features)
      .toEqual(['message', 'edit', 'deletion', 'reaction', 'pin', 'membership', 'room', 'erasure', 'wave'])
  })

  test('stores a row for each process while the process runs', async () => {
    const { database, server } = await startChat()
    // The service writes its row in the table `processes` only after it has started to listen for notifications.
    await expect.poll(() => database.processes.live()).toHaveLength(1)
    const [row] = await database.processes.live()
    expect(row).toMatchObject({ version, keyId: expect.stringMatching(/^[0-9a-f]{16}$/) })
    expect(row?.keyIds).toContain(row?.keyId)
    await server.close()
    expect(await database.processes.live()).toEqual([])
  })
})

test('a registry rejects two kinds with the same name, and a kind with the name of another frame', () => {
  for (const taken of [[wave, wave], [{ ...wave, kind: 'pong' }], [{ ...wave, commandType: 'ping' }]])
    expect(() => createKinds(taken)).toThrow(/already used by another kind or frame/)
})
