/** Tests edits, deletions and reactions: what is stored, delivered, and shown in the history, and what is refused. */
import { describe, expect, test } from 'vitest'
import { engine } from '../../support/database.ts'
import { type RunningChat, startChat } from '../../support/start-chat.ts'

type Options = Parameters<typeof startChat>[0]
const room = '/api/chat/rooms/general'

/** Starts a chat in which John and Jane are connected, and John has sent the message 1. */
const start = async (options: Options = {}) => {
  const chat = await startChat(options)
  const [john, jane] = [await chat.register('john'), await chat.register('jane')]
  const socket = await chat.join(john)
  const reader = await chat.join(jane)
  socket.send({ type: 'message', content: 'first', nonce: 'm1' })
  await reader.nextOf('message')
  await socket.nextOf('ack')
  const list = async (query = '', { token } = john) =>
    (await chat.call('GET', `${room}/messages${query}`, { token })).body
  const newest = async () => (await list()).messages.at(-1)
  return { ...chat, john, jane, socket, reader, list, newest }
}
type Started = Awaited<ReturnType<typeof start>>

describe('an edit', () => {
  test('is delivered and acknowledged, and changes the message in every list', async () => {
    const { socket, reader, list, call, john } = await start()
    await list()
    socket.send({ type: 'edit', target: 1, content: 'second', meta: { a: 1 }, nonce: 'e1', ref: 'r1' })
    expect(await socket.nextOf('ack')).toMatchObject({ ref: 'r1', nonce: 'e1', seq: 2 })
    expect(await reader.nextOf('edit')).toMatchObject({
      seq: 2,
      target: 1,
      content: 'second',
      meta: { a: 1 },
      username: 'john',
      nonce: 'e1'
    })
    const edited = {
      seq: 1,
      content: 'second',
      meta: { a: 1 },
      changed_seq: 2,
      edited_at: expect.any(String),
      nonce: 'm1'
    }
    expect((await list()).messages).toEqual([expect.objectContaining(edited)])
    expect((await call('GET', '/api/chat/messages', { token: john.token })).body).toEqual([
      expect.objectContaining(edited)
    ])
    expect((await list('?after=0')).messages).toMatchObject([
      edited,
      { type: 'edit', seq: 2, target: 1, content: null }
    ])
    reader.send({ type: 'subscribe', room: 'general', after: 0 })
    expect(await reader.nextOf('message')).toMatchObject(edited)
    expect(await reader.nextOf('edit')).toMatchObject({ content: 'second' })
  })

  test('replaces the earlier edit, and the earlier text is not shown any more', async () => {
    const { socket, reader, list, newest } = await start()
    for (const content of ['second', 'third']) {
      socket.send({ type: 'edit', target: 1, content })
      await reader.nextOf('edit')
    }
    expect(await newest()).toMatchObject({ content: 'third', changed_seq: 3 })
    reader.send({ type: 'subscribe', room: 'general', after: 1 })
    expect(await reader.nextOf('edit')).toMatchObject({ seq: 2, content: null, unavailable: 'superseded' })
    expect(await reader.nextOf('edit')).toMatchObject({ seq: 3, content: 'third' })
    expect(JSON.stringify(await list('?after=0'))).not.toContain('second')
  })

  test('is stored once per nonce, and a repeat is compared with the content that was first sent', async () => {
    const { socket, newest } = await start()
    const edit = { type: 'edit', target: 1, content: 'second', nonce: 'e1' }
    socket.send(edit)
    expect(await socket.nextOf('ack')).toMatchObject({ seq: 2 })
    socket.send({ type: 'edit', target: 1, content: 'third', nonce: 'e2' })
    expect(await socket.nextOf('ack')).toMatchObject({ seq: 3 })
    socket.send(edit)
    expect(await socket.nextOf('ack')).toMatchObject({ seq: 2, nonce: 'e1' })
    socket.send({ type: 'message', content: 'first', nonce: 'm1' })
    expect(await socket.nextOf('ack')).toMatchObject({ seq: 1, nonce: 'm1' })
    for (const other of [{ content: 'other' }, { target: 2 }]) {
      socket.send({ ...edit, ...other })
      expect(await socket.nextOf('error')).toMatchObject({ code: 'nonce_reused', nonce: 'e1' })
    }
    expect(await newest()).toMatchObject({ content: 'third' })
  })

  test('is refused for another user’s message, for an entry that is not a message, and for a deleted message', async () => {
    const { socket, reader, list } = await start()
    const refused = async (from: typeof socket, frame: object, code: string) => {
      from.send({ content: 'x', target: 1, ...frame })
      expect(await from.nextOf('error'), JSON.stringify(frame)).toMatchObject({ code })
    }
    await refused(reader, { type: 'edit' }, 'not_author')
    await refused(socket, { type: 'edit', target: 9 }, 'message_not_found')
    socket.send({ type: 'edit', target: 1, content: 'second' })
    await reader.nextOf('edit')
    await refused(socket, { type: 'edit', target: 2 }, 'message_not_found')
    socket.send({ type: 'delete', target: 1 })
    await reader.nextOf('deletion')
    await refused(socket, { type: 'edit' }, 'already_deleted')
    await refused(socket, { type: 'edit', content: '' }, 'invalid_frame')
    expect(await list()).toMatchObject({ seq: 3 })
  })

  test('is refused after EDIT_WINDOW_MINUTES, by the clock of the database', async () => {
    const { socket, database } = await start({ settings: { editWindowMinutes: 15 } })
    const age = (minutes: number) =>
      database.client.query(
        `update "${database.schema}".messages set created_at = clock_timestamp() - make_interval(secs => ${60 * minutes})`
      )
    await age(14.9)
    socket.send({ type: 'edit', target: 1, content: 'in time', nonce: 'e1' })
    expect(await socket.nextOf('ack')).toMatchObject({ seq: 2 })
    await age(15.1)
    socket.send({ type: 'edit', target: 1, content: 'late' })
    expect(await socket.nextOf('error')).toMatchObject({ code: 'edit_window_over' })
  })
})

describe('a deletion', () => {
  test('erases the message, its edits and its reactions in the database and in every list', async () => {
    const { socket, reader, list, newest, database } = await start()
    socket.send({ type: 'edit', target: 1, content: 'second', mentions: [2] })
    reader.send({ type: 'react', target: 1, key: '👍' })
    await reader.nextOf('reaction')
    await list()
    socket.send({ type: 'delete', target: 1, reason: 'a mistake', nonce: 'd1' })
    expect(await reader.nextOf('deletion')).toMatchObject({ seq: 4, target: 1, reason: 'a mistake', username: 'john' })
    const message = await newest()
    expect(message).toMatchObject({ seq: 1, content: null, unavailable: 'erased', changed_seq: 4 })
    for (const field of ['reactions', 'mentions', 'edited_at', 'nonce']) expect(message).not.toHaveProperty(field)
    const rows = await database.client.query<{ seq: number }>(
      `select seq::integer, content, meta from "${database.schema}".messages order by seq`
    )
    expect(rows).toMatchObject([
      { seq: 1, content: null, meta: null },
      { seq: 2, content: null, meta: null },
      { seq: 3, content: null },
      { seq: 4, content: null, meta: expect.stringMatching(/^gAAAAA/) }
    ])
    const left = await database.client.query(`select from "${database.schema}".reactions`)
    expect(left).toHaveLength(0)
    reader.send({ type: 'subscribe', room: 'general', after: 0 })
    expect(await reader.nextOf('message')).toMatchObject({ content: null, unavailable: 'erased' })
    expect(await reader.nextOf('edit')).toMatchObject({ target: 1, content: null, unavailable: 'erased' })
    expect(await reader.nextOf('deletion')).toMatchObject({ target: 1, reason: 'a mistake' })
  })

  test('is refused for another user’s message and for a deleted message, and a repeat is acknowledged', async () => {
    const { socket, reader, call, jane } = await start()
    reader.send({ type: 'delete', target: 1 })
    expect(await reader.nextOf('error')).toMatchObject({ code: 'not_author' })
    expect(await call('DELETE', `${room}/messages/1`, { token: jane.token })).toMatchObject({ status: 403 })
    for (const seq of [2, 2]) {
      socket.send({ type: 'delete', target: 1, nonce: 'd1' })
      expect(await socket.nextOf('ack')).toMatchObject({ seq, nonce: 'd1' })
    }
    socket.send({ type: 'delete', target: 1 })
    expect(await socket.nextOf('error')).toMatchObject({ code: 'already_deleted' })
  })

  test('of any message is allowed for an administrator', async () => {
    const { reader, database, newest } = await start()
    await database.client.query(`update "${database.schema}".users set role = 'admin' where username = 'jane'`)
    reader.send({ type: 'delete', target: 1, nonce: 'd1' })
    expect(await reader.nextOf('ack')).toMatchObject({ seq: 2 })
    expect(await newest()).toMatchObject({ content: null })
  })

  test('of a message with edits in the same batch leaves none of their texts', async () => {
    const { database, john } = await start()
    const { id: roomId } = (await database.rooms.findByName('general')) ?? { id: 0 }
    const entry = (kind: string, writeId: string, content: string | null) => ({
      roomId,
      userId: john.id,
      writeId,
      kind,
      targetSeq: 1,
      content,
      meta: null,
      keyId: null,
      detail: kind === 'edit' ? '{}' : null
    })
    const batch = [entry('edit', 'a', 'token'), entry('deletion', 'b', null), entry('edit', 'c', 'token')]
    expect(await database.messages.append(batch)).toMatchObject([
      { seq: 2 },
      { seq: 3 },
      { refused: 'already_deleted' }
    ])
    const rows = await database.client.query(
      `select content from "${database.schema}".messages where content = 'token'`
    )
    expect(rows).toHaveLength(0)
  })
})

describe('a reaction', () => {
  test('is delivered with the count, and shown with the message and among the reactions of its user', async () => {
    const { socket, reader, list, john, jane } = await start()
    socket.send({ type: 'react', target: 1, key: '❤️' })
    expect(await reader.nextOf('reaction')).toMatchObject({
      target: 1,
      key: '❤',
      action: 'added',
      count: 1,
      username: 'john'
    })
    reader.send({ type: 'react', target: 1, key: '❤' })
    expect(await reader.nextOf('reaction')).toMatchObject({ count: 2, username: 'jane' })
    reader.send({ type: 'react', target: 1, key: '+1' })
    await reader.nextOf('reaction')
    const shown = {
      seq: 1,
      content: 'first',
      changed_seq: 4,
      reactions: [
        { key: '❤', count: 2 },
        { key: '+1', count: 1 }
      ]
    }
    expect(await list('', john)).toMatchObject({ messages: [shown], mine: { 1: ['❤'] } })
    expect(await list('', jane)).toMatchObject({ messages: [shown], mine: { 1: ['❤', '+1'] } })
    reader.send({ type: 'subscribe', room: 'general', after: 0 })
    const frame = await reader.nextOf('message')
    expect(frame).toMatchObject({ changed_seq: 4 })
    expect(frame).not.toHaveProperty('reactions')
  })

  test('that changes nothing is not stored, and is acknowledged with the earlier entry that had the same effect', async () => {
    const { socket, list } = await start()
    const react = async (more: object = {}) => {
      socket.send({ type: 'react', target: 1, key: '👍', ref: 'r', ...more })
      return (await socket.nextOf('ack')).seq
    }
    expect(await react({ remove: true })).toBe(1)
    expect(await react({ nonce: 'a' })).toBe(2)
    expect(await react({ nonce: 'b' })).toBe(2)
    expect(await react({ nonce: 'b', remove: true })).toBe(3)
    expect(await react({ remove: true })).toBe(1)
    expect(await react({ nonce: 'a' })).toBe(2)
    socket.send({ type: 'react', target: 1, key: '👎', nonce: 'a' })
    expect(await socket.nextOf('error')).toMatchObject({ code: 'nonce_reused' })
    const { messages, mine, seq } = await list()
    expect(seq).toBe(3)
    expect(messages[0]).not.toHaveProperty('reactions')
    expect(mine).toBeUndefined()
  })

  test('has two routes over HTTP', async () => {
    const { call, john } = await start()
    const path = `${room}/messages/1/reactions/${encodeURIComponent('👩🏻‍❤️‍💋‍👨🏿')}`
    const added = { type: 'reaction', seq: 2, target: 1, action: 'added', count: 1, content: null }
    expect(await call('PUT', path, { token: john.token })).toMatchObject({ status: 201, body: added })
    expect(await call('PUT', path, { token: john.token })).toMatchObject({ status: 200, body: added })
    expect(await call('DELETE', path, { token: john.token })).toMatchObject({ status: 201, body: { seq: 3, count: 0 } })
    expect(await call('DELETE', path, { token: john.token })).toMatchObject({ status: 200, body: { seq: 1 } })
    expect(await call('PUT', `${room}/messages/1/reactions/NO`, { token: john.token })).toMatchObject({
      status: 422,
      body: { code: 'invalid_frame' }
    })
  })

  test('is refused beyond 10 keys of one user, beyond 50 keys, and on a deleted message', async () => {
    const { socket, john, call, register, list } = await start({ settings: { messageRateLimit: 0 } })
    const react = async (token: string, key: string) =>
      (await call('PUT', `${room}/messages/1/reactions/${key}`, { token })).status
    for (let at = 0; at < 10; at++) expect(await react(john.token, `k${at}`)).toBe(201)
    expect(await react(john.token, 'more')).toBe(409)
    expect(await react(john.token, 'k0')).toBe(200)
    for (let user = 1; user < 5; user++) {
      const { token } = await register(`user${user}`)
      for (let at = 0; at < 10; at++) expect(await react(token, `k${10 * user + at}`)).toBe(201)
    }
    const { token } = await register('last')
    expect(await react(token, 'new')).toBe(409)
    expect(await react(token, 'k3')).toBe(201)
    const [message] = (await list()).messages
    expect(message.reactions).toHaveLength(20)
    expect(message.reactions[0]).toEqual({ key: 'k3', count: 2 })
    socket.send({ type: 'delete', target: 1, nonce: 'd' })
    await socket.nextOf('ack')
    expect(await react(token, 'k4')).toBe(409)
  })
})

describe('a reply', () => {
  test('is shown with an excerpt of the current text of the message that it replies to', async () => {
    const { socket, reader, list } = await start()
    const reply = async () => (await list('?after=1&view=messages')).messages[0]
    socket.send({ type: 'message', content: 'an answer', reply_to: 1, mentions: [2, 2, 999] })
    expect(await reader.nextOf('message')).toMatchObject({ seq: 2, content: 'an answer', reply_to: 1, mentions: [2] })
    expect(await reply()).toMatchObject({
      seq: 2,
      reply_to: 1,
      mentions: [2],
      reply: { seq: 1, user_id: 1, username: 'john', excerpt: 'first' }
    })
    socket.send({ type: 'edit', target: 1, content: '🌊'.repeat(200) })
    await reader.nextOf('edit')
    expect((await reply()).reply).toEqual({ seq: 1, user_id: 1, username: 'john', excerpt: '🌊'.repeat(100) })
    socket.send({ type: 'edit', target: 2, content: 'a better answer' })
    await reader.nextOf('edit')
    expect(await reply()).toMatchObject({ content: 'a better answer', reply_to: 1 })
    expect(await reply()).not.toHaveProperty('mentions')
    socket.send({ type: 'delete', target: 1 })
    await reader.nextOf('deletion')
    expect((await reply()).reply).toEqual({ seq: 1, user_id: 1, username: 'john', unavailable: 'erased' })
    socket.send({ type: 'message', content: 'x', reply_to: 77 })
    expect(await socket.nextOf('error')).toMatchObject({ code: 'message_not_found' })
  })

  test('with a nonce is compared with its target', async () => {
    const { socket } = await start()
    const reply = { type: 'message', content: 'an answer', reply_to: 1, mentions: [1, 999], nonce: 'n' }
    for (const _ of [1, 2]) {
      socket.send(reply)
      expect(await socket.nextOf('ack')).toMatchObject({ seq: 2 })
    }
    socket.send({ ...reply, reply_to: undefined })
    expect(await socket.nextOf('error')).toMatchObject({ code: 'nonce_reused' })
  })
})

describe('the history of a room with entries of other kinds', () => {
  /** Adds the messages 2 and 11, with reactions between the two messages and after the message 11. */
  const fill = async ({ socket, reader }: Started) => {
    const send = async (frame: object) => {
      socket.send({ ...frame, ref: 'r' })
      await socket.nextOf('ack')
    }
    await send({ type: 'message', content: 'second' })
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) await send({ type: 'react', target: 1, key })
    await send({ type: 'message', content: 'third' })
    await send({ type: 'react', target: 1, key: 'a', remove: true })
    reader.close()
  }
  const seqs = ({ messages }: { messages: { seq: number }[] }) => messages.map(({ seq }) => seq)

  test('can be read without the other entries, in both directions and around a message', async () => {
    const chat = await start({ settings: { messageRateLimit: 0 } })
    await fill(chat)
    const { list } = chat
    const lists: [string, number[], object][] = [
      ['', [1, 2, 11], { has_more: false }],
      ['?limit=2', [2, 11], { has_more: true }],
      ['?before=11&limit=1', [2], { has_more: true }],
      ['?after=0&view=messages&limit=2', [1, 2], { has_more: true }],
      ['?after=2&view=messages', [11], {}],
      ['?after=3&limit=2', [4, 5], { has_more: true }],
      ['?around=2&limit=2', [1, 2], { has_more: false, has_newer: true }],
      ['?around=5&limit=2', [2, 11], { has_more: true }],
      ['?around=1&limit=1', [1], { has_more: false, has_newer: true }],
      ['?around=99&limit=4', [2, 11], { has_more: true }],
      ['?around=2&after=1&before=11', [2], { has_more: false }]
    ]
    for (const [query, expected, more] of lists) {
      const body = await list(query)
      expect(seqs(body), query).toEqual(expected)
      expect(body, query).toMatchObject(more)
    }
  })
})

describe('one message', () => {
  test('can be read with the caller’s own reactions, and with all users who reacted', async () => {
    const { call, register, john, jane, socket } = await start()
    const get = async (path: string, { token } = john) => call('GET', `${room}/messages/${path}`, { token })
    const third = await register('third')
    for (const { token } of [jane, john, third]) await call('PUT', `${room}/messages/1/reactions/❤️`, { token })
    const shown = { seq: 1, content: 'first', reactions: [{ key: '❤', count: 3 }], created_at: expect.any(String) }
    expect((await get('1')).body).toMatchObject({ ...shown, mine: ['❤'] })
    await call('DELETE', `${room}/messages/1/reactions/❤`, { token: john.token })
    expect((await get('1')).body).not.toHaveProperty('mine')
    const key = encodeURIComponent('❤️')
    const who = ({ body }: { body: { reactions: { username: string }[] } }) => body.reactions.map(one => one.username)
    expect(who(await get(`1/reactions?key=${key}`))).toEqual(['jane', 'third'])
    const page = await get(`1/reactions?key=${key}&limit=1`)
    expect(page.body).toMatchObject({ reactions: [{ user_id: jane.id, key: '❤', seq: 2 }], has_more: true })
    expect(who(await get(`1/reactions?key=${key}&limit=1&after=2`))).toEqual(['third'])
    expect((await get('1/reactions?key=NO')).body).toEqual({ reactions: [], has_more: false })
    expect(await get('1/reactions')).toMatchObject({ status: 422 })
    for (const path of ['2', '99', '99/reactions?key=a'])
      expect(await get(path), path).toMatchObject({ status: 404, body: { code: 'message_not_found' } })
    socket.send({ type: 'message', content: 'answer', reply_to: 1, nonce: 'n' })
    await socket.nextOf('ack')
    expect((await get('6')).body).toMatchObject({ reply_to: 1, reply: { excerpt: 'first' } })
  })

  test('is in the log as subscribers receive it, like all other entries', async () => {
    const { call, john, socket } = await start()
    for (const frame of [
      { type: 'edit', target: 1, content: 'second' },
      { type: 'edit', target: 1, content: 'third' },
      { type: 'react', target: 1, key: 'a' }
    ]) {
      socket.send({ ...frame, ref: 'r' })
      await socket.nextOf('ack')
    }
    const log = async (query: string) => (await call('GET', `${room}/log${query}`, { token: john.token })).body
    const { entries, ...head } = await log('')
    expect(head).toMatchObject({ room: 'general', seq: 4, has_more: false })
    expect(entries).toMatchObject([
      { type: 'message', seq: 1, content: 'third', changed_seq: 4 },
      { type: 'edit', seq: 2, content: null, unavailable: 'superseded' },
      { type: 'edit', seq: 3, content: 'third' },
      { type: 'reaction', seq: 4, key: 'a', count: 1 }
    ])
    expect(await log('?after=1&limit=2')).toMatchObject({ entries: [{ seq: 2 }, { seq: 3 }], has_more: true })
  })
})

// Only one process can use the embedded database.
describe.skipIf(engine === 'pglite')('two processes', () => {
  test('show the same state of a message at once, even if the page was cached before', async () => {
    const first = await start()
    const second = await startChat({ database: first.database })
    const read = async (chat: Pick<RunningChat, 'call'>) =>
      (await chat.call('GET', `${room}/messages`, { token: first.john.token })).body
    expect(await read(second)).toMatchObject({ messages: [{ content: 'first' }] })
    first.socket.send({ type: 'edit', target: 1, content: 'second', ref: 'r' })
    await first.socket.nextOf('ack')
    // The edit has the `seq` 2, so a list with this `seq` must show the edited message.
    await expect.poll(async () => (await read(second)).seq).toBe(2)
    expect(await read(second)).toMatchObject({ messages: [{ content: 'second', changed_seq: 2 }] })
  })

  test('count concurrent reactions to one message exactly, even from the same user', async () => {
    const first = await start({ settings: { messageRateLimit: 0 } })
    const second = await startChat({ database: first.database, settings: { messageRateLimit: 0 } })
    const { token } = first.john
    const react = (chat: Pick<RunningChat, 'call'>, key: string) =>
      chat.call('PUT', `${room}/messages/1/reactions/${key}`, { token })
    const statuses = await Promise.all(
      ['a', 'b', 'c', 'd', 'e', 'f'].flatMap(key => [react(first, key), react(second, key), react(first, key)])
    )
    const failed = statuses.filter(({ status }) => status > 201)
    expect(failed.map(({ body }) => body)).toEqual([])
    expect(statuses.filter(({ status }) => status === 201)).toHaveLength(6)
    expect(statuses.filter(({ status }) => status === 200)).toHaveLength(12)
    const [message] = (await first.list()).messages
    expect(message.reactions.map(({ count }: { count: number }) => count)).toEqual([1, 1, 1, 1, 1, 1])
  })

  test('decide races between an edit, a deletion and a reaction in one order', async () => {
    const first = await start({ settings: { messageRateLimit: 0, readRateLimit: 0 } })
    const second = await startChat({ database: first.database, settings: { messageRateLimit: 0 } })
    const { token } = first.john
    for (let round = 0; round < 10; round++) {
      const { body } = await first.call('POST', `${room}/messages`, { token, body: { content: 'text' } })
      const path = `${room}/messages/${body.seq}`
      const [, { body: deletion }] = await Promise.all([
        first.call('PATCH', path, { token, body: { content: 'edited' } }),
        second.call('DELETE', path, { token }),
        first.call('PUT', `${path}/reactions/a`, { token }),
        second.call('PUT', `${path}/reactions/b`, { token })
      ])
      const { client, schema } = first.database
      const rows = await client.query(
        `select from "${schema}".messages where (seq = $1 or target_seq = $1) and content is not null`,
        [body.seq]
      )
      expect(rows).toHaveLength(0)
      // The first process may show the message until it is notified of the deletion. The deletion must be visible in a list
      // whose `seq` is at least that of the deletion.
      let list = await first.list(`?after=${body.seq - 1}&limit=1`)
      while (list.seq < deletion.seq) list = await first.list(`?after=${body.seq - 1}&limit=1`)
      const [message] = list.messages
      expect(message).toMatchObject({ content: null, unavailable: 'erased' })
      expect(message).not.toHaveProperty('reactions')
    }
  })
})
