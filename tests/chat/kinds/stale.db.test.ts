/**
 * Tests that no response shows the old text of a message that was edited or erased. Covers changes in one batch, changes by
 * SQL, changes of rooms that are not loaded, and edits that are not on the same page of the cache as their message.
 */
import { describe, expect, test } from 'vitest'
import type { Bus } from '../../../src/bus/bus.ts'
import { createMemoryBus, createMemoryNetwork } from '../../../src/bus/drivers/memory.ts'
import { fakeClock } from '../../support/clock.ts'
import { engine } from '../../support/database.ts'
import { type RunningChat, startChat } from '../../support/start-chat.ts'

const room = '/api/chat/rooms/general'
/** More messages than a page of the cache has. */
const MANY = 70

const start = async () => {
  const chat = await startChat({ settings: { messageRateLimit: 0, readRateLimit: 0 } })
  const john = await chat.register('john')
  const socket = await chat.join(john)
  const send = async (frame: object) => {
    socket.send({ ...frame, ref: 'r' })
    return socket.nextOf('ack')
  }
  const fill = async () => {
    for (let at = 1; at <= MANY; at++) await send({ type: 'message', content: `message ${at}` })
  }
  const get = async (path: string) => (await chat.call('GET', `${room}${path}`, { token: john.token })).body
  const sql = (text: string) =>
    chat.database.client.query(text.replaceAll('messages', `"${chat.database.schema}".messages`))
  return { ...chat, john, socket, send, fill, get, sql }
}

describe('the text of an edit', () => {
  test('is removed from the page of the edit when the message is edited again', async () => {
    const { send, fill, get } = await start()
    await fill()
    await send({ type: 'edit', target: 1, content: 'SECRET' })
    expect(JSON.stringify(await get('/log?after=70'))).toContain('SECRET')
    await send({ type: 'edit', target: 1, content: 'third' })
    expect((await get('/log?after=70')).entries).toMatchObject([
      { seq: 71, content: null, unavailable: 'superseded' },
      { seq: 72, content: 'third' }
    ])
  })

  test('is not shown if the message is deleted in the same batch', async () => {
    const { send, fill, get, socket, call, john } = await start()
    await fill()
    // Frames that arrive in one turn of the event loop are appended in one batch.
    socket.send({ type: 'edit', target: 1, content: 'SECRET', nonce: 'e' })
    socket.send({ type: 'delete', target: 1, nonce: 'd' })
    expect(await socket.nextOf('ack')).toMatchObject({ seq: 71, nonce: 'e' })
    expect(await socket.nextOf('ack')).toMatchObject({ seq: 72, nonce: 'd' })
    expect(await socket.nextOf('edit')).toMatchObject({ seq: 71, content: null, unavailable: 'erased' })
    expect(JSON.stringify(await get('/log?after=70'))).not.toContain('SECRET')
    await send({ type: 'message', content: 'last' })
    expect((await call('GET', '/api/chat/messages', { token: john.token })).body.at(-1)).toMatchObject({ seq: 73 })
  })

  test('is removed everywhere when SQL erases the message or the edit', async () => {
    const { send, fill, get, sql } = await start()
    await fill()
    await send({ type: 'edit', target: 1, content: 'SECRET' })
    await send({ type: 'edit', target: 2, content: 'SECRET' })
    const texts = async () => JSON.stringify([await get('/messages?before=3'), await get('/log?after=70')])
    expect(await texts()).toContain('SECRET')
    await sql('update messages set content = null, meta = null where seq = 71')
    await sql('update messages set content = null, meta = null where seq = 2')
    await expect.poll(texts).not.toContain('SECRET')
  })
})

describe('a message that another process deletes', () => {
  /**
   * Starts two processes. The process `late` does not poll until its clock is advanced. It loses the notifications of the
   * change feed, and receives the announcements of new entries when `release` is called. The message 1 was edited, pinned and
   * replied to. `late` has read it over every path in `PATHS`, before the other process deletes it.
   */
  const startLate = async () => {
    const network = createMemoryNetwork()
    const held: (() => void)[] = []
    const bus = createMemoryBus(network)
    const lateBus: Bus = {
      ...bus,
      listen: listener =>
        bus.listen({ ...listener, event() {}, grown: (...grown) => void held.push(() => listener.grown(...grown)) })
    }
    const release = () => {
      for (const announce of held.splice(0)) announce()
    }
    const settings = { messageRateLimit: 0, readRateLimit: 0 }
    const clock = fakeClock(Date.now())
    const prompt = await startChat({ settings, bus: createMemoryBus(network) })
    const john = await prompt.register('john')
    const { schema, client } = prompt.database
    await client.query(
      `insert into "${schema}".members (room_id, user_id, role)
       select rooms.id, users.id, 'moderator' from "${schema}".rooms, "${schema}".users`
    )
    const late = await startChat({ settings, clock, bus: lateBus, database: prompt.database })
    const { token } = john
    const call = async (chat: RunningChat, method: string, path: string, body?: object) => {
      const response = await chat.call(method, path, { token, body })
      expect(response.status, JSON.stringify(response.body)).toBeLessThan(300)
      return response.body
    }
    await call(late, 'POST', `${room}/messages`, { content: 'SECRET' })
    for (let at = 2; at < MANY; at++) await call(late, 'POST', `${room}/messages`, { content: `message ${at}` })
    await call(late, 'POST', `${room}/messages`, { content: 'an answer', reply_to: 1 })
    await call(late, 'PATCH', `${room}/messages/1`, { content: 'SECRET, edited' })
    await call(late, 'PUT', `${room}/messages/1/reactions/x`)
    await call(late, 'PUT', `${room}/pins/1`)
    const read = (path: string) => call(late, 'GET', path)
    const readPrompt = (path: string) => call(prompt, 'GET', path)
    for (const path of PATHS) {
      expect(JSON.stringify(await read(path)), path).toContain('SECRET')
      await expect.poll(async () => JSON.stringify(await readPrompt(path)), { message: path }).toContain('SECRET')
    }
    const { seq } = await call(prompt, 'DELETE', `${room}/messages/1`)
    return { read, readPrompt, release, clock, seq }
  }

  /** The ways to read the message 1, its edit, or an excerpt of it. */
  const PATHS = [
    '/messages?before=3',
    '/messages?after=0&limit=1',
    '/messages?around=1&limit=2',
    `/messages?after=${MANY - 1}`,
    '/messages/1',
    `/messages/${MANY}`,
    '/pins',
    '/log?limit=1',
    `/log?after=${MANY}`
  ].map(path => room + path)

  test('is shown by no process that knows of the deletion, and in no response with the seq of the deletion', async () => {
    const { read, readPrompt, release, seq } = await startLate()
    for (const path of PATHS) expect(JSON.stringify(await readPrompt(path)), path).not.toContain('SECRET')
    for (const path of PATHS) {
      const body = await read(path)
      // A process that does not know of the deletion may show the old text, but only in a list whose `seq` is lower than that
      // of the deletion. Only lists have an `epoch`. Other responses are not checked, because their `seq` is that of a message.
      if (JSON.stringify(body).includes('SECRET') && body.epoch) expect(body.seq, path).toBeLessThan(seq)
    }
    release()
    for (const path of PATHS) expect(JSON.stringify(await read(path)), path).not.toContain('SECRET')
    expect(await read(`${room}/messages?before=3`)).toMatchObject({
      seq,
      messages: [{ seq: 1, content: null, unavailable: 'erased', changed_seq: seq }, { seq: 2 }]
    })
    expect(await read(`${room}/pins`)).toMatchObject({ messages: [] })
  })

  test('is not shown six seconds later, even if all notifications are lost', async () => {
    const { read, clock } = await startLate()
    clock.advance(6000)
    for (const path of PATHS)
      await expect.poll(async () => JSON.stringify(await read(path)), { message: path }).not.toContain('SECRET')
  })
})

test.skipIf(engine === 'pglite')(
  'a message that was edited while its room was not loaded is shown as edited',
  async () => {
    const first = await start()
    await first.send({ type: 'message', content: 'first' })
    const clock = fakeClock(Date.now())
    const second = await startChat({ database: first.database, clock })
    const read = async () => (await second.call('GET', `${room}/messages`, { token: first.john.token })).body
    expect(await read()).toMatchObject({ seq: 1, messages: [{ content: 'first' }] })
    // A room that nobody uses is unloaded at the second sweep.
    for (let sweep = 0; sweep < 3; sweep++) clock.advance(60_000)
    await first.send({ type: 'edit', target: 1, content: 'second' })
    await expect.poll(read).toMatchObject({ seq: 2, messages: [{ content: 'second', changed_seq: 2 }] })
  }
)

test('a message is stored, or refused, if its nonce was used for a reaction that changed nothing', async () => {
  const { send, socket, get } = await start()
  await send({ type: 'message', content: 'first' })
  await send({ type: 'react', target: 1, key: 'x' })
  socket.send({ type: 'react', target: 1, key: 'x', nonce: 'n' })
  socket.send({ type: 'message', content: 'second', nonce: 'n' })
  expect(await socket.nextOf('ack')).toMatchObject({ seq: 2, nonce: 'n' })
  expect(await socket.nextOf('error')).toMatchObject({ code: 'nonce_reused', nonce: 'n' })
  expect(await get('')).toMatchObject({ seq: 2 })
})

test.skipIf(engine === 'pglite')(
  'a deletion is refused as busy, without a delay for other entries, while another transaction changes the message',
  async () => {
    const { send, socket, database, call, john } = await start()
    await send({ type: 'message', content: 'first' })
    await database.client.transaction(async transaction => {
      await transaction.query(`select from "${database.schema}".messages where seq = 1 for update`)
      socket.send({ type: 'delete', target: 1, nonce: 'd' })
      socket.send({ type: 'message', content: 'second', nonce: 'm' })
      expect(await socket.nextOf('error')).toMatchObject({ code: 'busy', nonce: 'd', retry_after_ms: 1000 })
      expect(await socket.nextOf('ack')).toMatchObject({ nonce: 'm', seq: 2 })
    })
    expect(await call('DELETE', `${room}/messages/1`, { token: john.token })).toMatchObject({ status: 201 })
  }
)

test('a message can be edited 1,000 times', async () => {
  const { send, socket, database, john } = await start()
  await send({ type: 'message', content: 'first' })
  const { id: roomId = 0 } = (await database.rooms.findByName('general')) ?? {}
  const edits = Array.from({ length: 999 }, (_, at) => ({
    roomId,
    userId: john.id,
    writeId: `e${at}`,
    kind: 'edit',
    targetSeq: 1,
    content: 'token',
    meta: null,
    keyId: null,
    detail: '{}'
  }))
  await database.messages.append(edits)
  expect(await send({ type: 'edit', target: 1, content: 'last' })).toMatchObject({ seq: 1001 })
  socket.send({ type: 'edit', target: 1, content: 'too late' })
  expect(await socket.nextOf('error')).toMatchObject({ code: 'too_many_edits' })
  expect(await send({ type: 'delete', target: 1 })).toMatchObject({ seq: 1002 })
})

test('an edited message whose newest edit was deleted by SQL has no text, and never its first text again', async () => {
  const { send, get, sql } = await start()
  await send({ type: 'message', content: 'FIRST', meta: { first: true } })
  await send({ type: 'edit', target: 1, content: 'second' })
  await send({ type: 'message', content: 'an answer', reply_to: 1 })
  await sql('delete from messages where seq = 2')
  const erased = { content: null, unavailable: 'erased' }
  await expect.poll(async () => (await get('/messages')).messages[0]).toMatchObject({ seq: 1, ...erased })
  expect(await get('/messages/1')).toMatchObject(erased)
  expect((await get('/messages/3')).reply).toEqual({ seq: 1, user_id: 1, username: 'john', unavailable: 'erased' })
  expect((await get('/log')).entries[0]).toMatchObject(erased)
  for (const path of ['/messages', '/messages/1', '/messages/3', '/log', '/messages?after=0'])
    expect(JSON.stringify(await get(path)), path).not.toMatch(/FIRST|first/)
})

test('a message that SQL erased has no reactions', async () => {
  const { send, get, sql } = await start()
  await send({ type: 'message', content: 'first' })
  await send({ type: 'react', target: 1, key: 'x' })
  expect((await get('/messages/1/reactions?key=x')).reactions).toHaveLength(1)
  await sql('update messages set content = null, meta = null where seq = 1')
  await expect.poll(() => get('/messages/1')).toMatchObject({ unavailable: 'erased' })
  expect(await get('/messages/1/reactions?key=x')).toEqual({ reactions: [], has_more: false })
})

test('lists continue past messages that SQL deleted', async () => {
  const { send, get, sql } = await start()
  for (let at = 1; at <= 12; at++) await send({ type: 'message', content: `message ${at}` })
  for (let at = 0; at < 10; at++) await send({ type: 'react', target: 1, key: 'x', remove: at % 2 === 1 })
  for (let at = 0; at < 3; at++) await send({ type: 'message', content: 'later' })
  await sql('delete from messages where seq between 7 and 12')
  const seqs = async (query: string) => {
    const { messages, has_more } = await get(`/messages${query}`)
    return [messages.map(({ seq }: { seq: number }) => seq), has_more]
  }
  await expect.poll(() => seqs('?limit=5')).toEqual([[23, 24, 25], true])
  expect(await seqs('?limit=5&before=23')).toEqual([[2, 3, 4, 5, 6], true])
  expect(await seqs('?limit=5&before=2')).toEqual([[1], false])
  expect(await seqs('?after=6&view=messages&limit=2')).toEqual([[23, 24], true])
})

test('a reaction whose first entry was deleted by SQL is acknowledged with the message', async () => {
  const { send, sql } = await start()
  await send({ type: 'message', content: 'first' })
  await send({ type: 'react', target: 1, key: 'x' })
  await sql('delete from messages where seq = 2')
  expect(await send({ type: 'react', target: 1, key: 'x' })).toMatchObject({ seq: 1 })
})

test('numbers that are out of range are rejected before they reach the database', async () => {
  const { call, john, send } = await start()
  await send({ type: 'message', content: 'first' })
  for (const number of ['1e30', '9223372036854775808']) {
    for (const field of [`"reply_to":${number}`, `"mentions":[${number}]`]) {
      const body = JSON.parse(`{"content":"x",${field}}`)
      expect(await call('POST', `${room}/messages`, { token: john.token, body })).toMatchObject({ status: 422 })
    }
  }
})

test('a list around a seq beyond the newest message contains the newest messages', async () => {
  const { send, get } = await start()
  for (let at = 1; at <= 5; at++) await send({ type: 'message', content: `message ${at}` })
  const seqs = async () => {
    const { messages, has_more, has_newer } = await get('/messages?around=9&limit=4')
    return [messages.map(({ seq }: { seq: number }) => seq), has_more, has_newer]
  }
  expect(await seqs()).toEqual([[4, 5], true, false])
  await send({ type: 'react', target: 1, key: 'x' })
  expect(await seqs()).toEqual([[4, 5], true, false])
})

test('a list around a deleted message contains the nearest messages, and reports exactly whether there are more', async () => {
  const { send, get, sql } = await start()
  for (let at = 1; at <= 12; at++) await send({ type: 'message', content: `message ${at}` })
  const around = async (seq: number) => {
    const { messages, has_more, has_newer } = await get(`/messages?around=${seq}&limit=4`)
    return [messages.map(({ seq }: { seq: number }) => seq), has_more, has_newer]
  }
  await sql('delete from messages where seq between 5 and 10')
  await expect.poll(() => around(8)).toEqual([[2, 3, 4], true, true])
  await sql('delete from messages where seq between 11 and 12')
  await expect.poll(() => around(8)).toEqual([[2, 3, 4], true, false])
  // The page cache may have the deleted messages until the change feed has read the deletion.
  await expect.poll(() => around(3)).toEqual([[1, 2, 3, 4], false, false])
  // The second list is from the page cache.
  for (let list = 0; list < 2; list++) expect(await around(3)).toEqual([[1, 2, 3, 4], false, false])
  await sql('delete from messages where seq between 1 and 4')
  await expect.poll(() => around(8)).toEqual([[], false, false])
  for (let at = 13; at <= 20; at++) await send({ type: 'message', content: `message ${at}` })
  await expect.poll(() => around(2)).toEqual([[13, 14], false, true])
})
