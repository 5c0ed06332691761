/** Tests room subscriptions: they start live, resume after a `seq`, or receive `resync` if entries cannot be delivered. */
import { describe, expect, test } from 'vitest'
import { fakeClock } from '../support/clock.ts'
import { testDatabase } from '../support/database.ts'
import { connect, type Frame, type SocketClient } from '../support/socket-client.ts'
import { startChat } from '../support/start-chat.ts'

const start = async () => {
  const chat = await startChat({ settings: { messageRateLimit: 0 } })
  const john = await chat.register('john')
  const client = await chat.join(john)
  const say = async (count: number, room = 'general') => {
    const ref = Math.random().toString(36)
    for (let at = 1; at < count; at++) client.send({ type: 'message', room, content: `m${at}` })
    client.send({ type: 'message', room, content: `m${count}`, ref })
    for (;;) if ((await client.nextOf('ack')).ref === ref) return
  }
  /**
   * Sends messages, and waits until they are delivered. An ack may precede the delivery, because the delivery may need a read of
   * the log.
   */
  const sayAndShow = async (count: number) => {
    await say(count)
    while (Number((await client.nextOf('message')).seq) < count);
  }
  const resume = (frame: object) =>
    chat.join(john, {}, '?rooms=').then(async other => {
      other.send({ type: 'subscribe', room: 'general', ref: 's', ...frame })
      return other
    })
  return { ...chat, john, client, say, sayAndShow, resume }
}

const messages = async (client: SocketClient, count: number): Promise<Frame[]> => {
  const seen: Frame[] = []
  while (seen.length < count) seen.push(await client.nextOf('message'))
  return seen
}

const seqs = (frames: Frame[]) => frames.map(({ seq }) => seq)
const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at)

describe('subscribing', () => {
  test('with `after` delivers missed and then live messages, in order and without a gap or a repetition', async () => {
    const { say, resume } = await start()
    await say(300)
    const other = await resume({ after: 120 })
    const racing = say(200)
    expect(await other.nextOf('subscribed')).toEqual({
      type: 'subscribed',
      room: 'general',
      epoch: expect.any(String),
      seq: expect.any(Number),
      oldest: 1,
      ref: 's'
    })
    expect(seqs(await messages(other, 380))).toEqual(upTo(121, 500))
    await racing
    expect((await other.untilPong()).filter(({ type }) => type === 'message')).toEqual([])
  })

  test('without `after` delivers only new messages', async () => {
    const { say, sayAndShow, resume } = await start()
    await sayAndShow(3)
    const other = await resume({})
    expect(await other.nextOf('subscribed')).toMatchObject({ seq: 3 })
    await say(1)
    expect(seqs(await messages(other, 1))).toEqual([4])
  })

  test('again starts over at `after`', async () => {
    const { say, resume } = await start()
    await say(5)
    const other = await resume({ after: 4 })
    expect(seqs(await messages(other, 1))).toEqual([5])
    other.send({ type: 'subscribe', room: 'general', after: 2 })
    expect(seqs(await messages(other, 3))).toEqual([3, 4, 5])
    await say(1)
    expect(seqs(await messages(other, 1))).toEqual([6])
  })

  test('delivers the same bytes as the live frame', async () => {
    const { client, resume } = await start()
    client.send({ type: 'message', content: 'äöü 😀', meta: { a: 1 }, nonce: 'n' })
    const live = await client.nextOf('message')
    const other = await resume({ after: 0 })
    expect(await other.nextOf('message')).toEqual(live)
  })

  test.for([
    ['too_far', { after: 0 }, 1001],
    ['ahead', { after: 99 }, 3],
    ['epoch', { after: 1, epoch: 'another' }, 3]
  ] as const)(
    'sends resync %s if it cannot deliver all missed messages, and continues live',
    async ([reason, since, count]) => {
      const { say, sayAndShow, resume } = await start()
      await sayAndShow(count)
      const other = await resume(since)
      expect(await other.nextOf('resync')).toMatchObject({ room: 'general', reason, seq: count, oldest: 1, ref: 's' })
      await say(1)
      expect(seqs(await messages(other, 1))).toEqual([count + 1])
    }
  )

  test('sends resync expired for a seq below the oldest entry', async () => {
    const { say, database } = await start()
    await say(5)
    const { schema, client } = database
    await client.query(`delete from "${schema}".messages where seq < 4`)
    await client.query(`update "${schema}".rooms set oldest_seq = 4`)
    // A new process reads the state of the room from the database.
    const other = await startChat({ database })
    const login = await other.call('POST', '/api/auth/login', { body: { username: 'john', password: 'SecurePass123' } })
    const reader = await other.join({ id: 0, username: 'john', token: login.body.access_token }, {}, '?rooms=')
    reader.send({ type: 'subscribe', room: 'general', after: 2 })
    expect(await reader.nextOf('resync')).toMatchObject({ reason: 'expired', oldest: 4, seq: 5 })
    reader.send({ type: 'subscribe', room: 'general', after: 3 })
    expect(seqs(await messages(reader, 2))).toEqual([4, 5])
  })

  test('delivers all missed messages if there are exactly 1,000', async () => {
    const { say, resume } = await start()
    await say(1000)
    const other = await resume({ after: 0 })
    expect(seqs(await messages(other, 1000))).toEqual(upTo(1, 1000))
  })

  test('to an absent room is an error, and the connection stays open', async () => {
    const { client } = await start()
    client.send({ type: 'subscribe', room: 'nowhere', ref: 'r' })
    expect(await client.nextOf('error')).toMatchObject({ code: 'room_not_found', room: 'nowhere', ref: 'r' })
    client.send({ type: 'message', room: 'nowhere', content: 'x', nonce: 'n' })
    expect(await client.nextOf('error')).toMatchObject({ code: 'room_not_found', nonce: 'n' })
  })

  test('is limited to 128 rooms per connection', async () => {
    const { resume, database } = await start()
    const { schema, client } = database
    await client.query(`insert into "${schema}".rooms (name) select 'r' || n from generate_series(1, 128) as n`)
    const other = await resume({})
    for (let at = 1; at <= 128; at++) other.send({ type: 'subscribe', room: `r${at}`, ref: String(at) })
    // The rooms are loaded concurrently, so any of them may be the one that exceeds the limit.
    const { code, room } = await other.nextOf('error')
    expect(code).toBe('too_many_rooms')
    other.send({ type: 'unsubscribe', room: 'general', ref: 'u' })
    expect(await other.nextOf('unsubscribed')).toEqual({ type: 'unsubscribed', room: 'general', ref: 'u' })
    other.send({ type: 'subscribe', room, ref: 'again' })
    let subscribed: Frame
    do subscribed = await other.nextOf('subscribed')
    while (subscribed.ref !== 'again')
    expect(subscribed).toMatchObject({ room })
  })
})

describe('a connection without a subscription', () => {
  test('receives no messages, and can still send', async () => {
    const { say, client, resume } = await start()
    const other = await resume({})
    await other.nextOf('subscribed')
    other.send({ type: 'unsubscribe', room: 'general' })
    await other.nextOf('unsubscribed')
    await say(1)
    expect((await other.untilPong()).filter(({ type }) => type === 'message')).toEqual([])
    // The unsubscribed client still receives acks for its own messages.
    other.send({ type: 'message', content: 'x', nonce: 'n' })
    expect(await other.nextOf('ack')).toMatchObject({ seq: 2 })
    expect(await client.nextOf('message')).toMatchObject({ seq: 1 })
  })

  test('gets a resync when it subscribes over a deleted row, and continues live', async () => {
    const { say, john, database } = await start()
    await say(9)
    await database.client.query(`delete from "${database.schema}".messages where seq = 4`)
    const restarted = await startChat({ database })
    const other = await restarted.join(john, {}, '?rooms=')
    other.send({ type: 'subscribe', room: 'general', after: 2 })
    await other.nextOf('subscribed')
    expect(seqs(await messages(other, 1))).toEqual([3])
    expect(await other.nextOf('resync')).toMatchObject({ reason: 'expired', seq: 9 })
    other.send({ type: 'message', content: 'next' })
    expect(await other.nextOf('message')).toMatchObject({ seq: 10 })
  })

  test('gets an error for each absent room in ?rooms=, and is subscribed to the others', async () => {
    const { join, john, say } = await start()
    const other = await join(john, {}, '?rooms=nowhere,general')
    expect(await other.nextOf('error')).toMatchObject({ code: 'room_not_found', room: 'nowhere' })
    expect(await other.nextOf('subscribed')).toMatchObject({ room: 'general' })
    await say(1)
    expect(await other.nextOf('message')).toMatchObject({ seq: 1 })
  })

  test('gets an error for each invalid name in ?rooms=, and at most 128 names are looked up', async () => {
    const { join, john, database } = await start()
    const other = await join(john, {}, '?rooms=%00,NO%20ROOM,general')
    expect(await other.nextOf('error')).toMatchObject({ code: 'room_not_found' })
    expect(await other.nextOf('error')).toMatchObject({ code: 'room_not_found', room: 'NO ROOM' })
    expect(await other.nextOf('subscribed')).toMatchObject({ room: 'general' })

    const { query } = database.client
    // Counts distinct names and not queries, because a room that changes in the meantime is queried again.
    const lookedUp = new Set<unknown>()
    const recording: typeof query = (text, params) => {
      if (text.includes('name = any')) for (const name of (params?.[0] ?? []) as string[]) lookedUp.add(name)
      return query(text, params)
    }
    Object.assign(database.client, { query: recording })
    const names = Array.from({ length: 1000 }, (_, at) => `r${at}`)
    const many = await join(john, {}, `?rooms=general,${names}`)
    while ((await many.nextOf('error')).code !== 'too_many_rooms');
    expect((await many.untilPong()).filter(({ type }) => type === 'error')).toEqual([])
    expect(lookedUp.size).toBeGreaterThan(0)
    expect(lookedUp.size).toBeLessThanOrEqual(128)
  })
})

describe('rooms', () => {
  test('are created, listed and shown, each with its own log', async () => {
    const { call, john, client, say } = await start()
    const made = await call('POST', '/api/chat/rooms', { token: john.token, body: { room: 'support', title: 'Help' } })
    expect(made).toMatchObject({ status: 201, body: { room: 'support', title: 'Help', oldest: 1, seq: 0 } })
    const again = await call('POST', '/api/chat/rooms', { token: john.token, body: { room: 'support' } })
    expect(again).toMatchObject({ status: 409, body: { code: 'room_taken' } })
    client.send({ type: 'subscribe', room: 'support' })
    await client.nextOf('subscribed')
    await say(2, 'support')
    await say(1)
    const list = await call('GET', '/api/chat/rooms?limit=1', { token: john.token })
    expect(list.body).toEqual({
      rooms: [expect.objectContaining({ room: 'general', seq: 1 })],
      has_more: true,
      next: 'general'
    })
    const rest = await call('GET', '/api/chat/rooms?after=general', { token: john.token })
    expect(rest.body).toEqual({ rooms: [expect.objectContaining({ room: 'support', seq: 2 })], has_more: false })
    expect((await call('GET', '/api/chat/rooms/support', { token: john.token })).body).toMatchObject({ seq: 2 })
    for (const path of ['', '/messages', '/presence']) {
      const absent = await call('GET', `/api/chat/rooms/nowhere${path}`, { token: john.token })
      expect(absent).toMatchObject({ status: 404, body: { code: 'room_not_found' } })
    }
  })

  test('cannot have invalid names', async () => {
    const { call, john } = await start()
    for (const room of ['', 'A', '-a', 'a b', 'ä', 'a'.repeat(65)]) {
      const { status } = await call('POST', '/api/chat/rooms', { token: john.token, body: { room } })
      expect({ room, status }).toEqual({ room, status: 422 })
    }
  })

  test('cannot have titles with a NUL, and cannot be listed after a name with a NUL', async () => {
    const { call, john } = await start()
    const body = { room: 'support', title: 'a\u0000b' }
    expect(await call('POST', '/api/chat/rooms', { token: john.token, body })).toMatchObject({
      status: 422,
      body: { errors: [{ path: '/body/title', message: 'Title must have no control characters.' }] }
    })
    expect(await call('GET', '/api/chat/rooms?after=a%00', { token: john.token })).toMatchObject({
      status: 422,
      body: { errors: [{ path: '/query/after', message: 'After must have no control characters.' }] }
    })
  })

  test.for([
    ['\u200b', 'must have a visible character'],
    ['\u2800\u3164\u00ad', 'must have a visible character'],
    ['\u{e0041}\ufe0f', 'must have a visible character'],
    ['a\u202eb', 'must have no line separators or bidirectional controls'],
    ['a\u200fb', 'must have no line separators or bidirectional controls'],
    ['a\u2028b', 'must have no line separators or bidirectional controls'],
    ['a\u0085b', 'must have no control characters']
  ] as const)('cannot have the title %j', async ([title, rule]) => {
    const { call, john } = await start()
    const made = await call('POST', '/api/chat/rooms', { token: john.token, body: { room: 'support', title } })
    const refused = { status: 422, body: { errors: [{ path: '/body/title', message: `Title ${rule}.` }] } }
    expect(made).toMatchObject(refused)
    await call('POST', '/api/chat/rooms', { token: john.token, body: { room: 'support' } })
    expect(await call('PATCH', '/api/chat/rooms/support', { token: john.token, body: { title } })).toMatchObject(
      refused
    )
  })

  test('may have titles of emoji sequences and of right-to-left text', async () => {
    const { call, john } = await start()
    for (const [at, title] of ['👩‍👩‍👧‍👦', '🏴󠁧󠁢󠁥󠁮󠁧󠁿 Fans', 'مرحبا'].entries()) {
      const made = await call('POST', '/api/chat/rooms', { token: john.token, body: { room: `r${at}`, title } })
      expect(made).toMatchObject({ status: 201, body: { title } })
    }
  })

  test('reject messages and edits without visible characters', async () => {
    const { call, john } = await start()
    await call('POST', '/api/chat/rooms/general/messages', { token: john.token, body: { content: 'visible' } })
    for (const content of ['\u200b', '\u2800 \u3164', '\u202e\u0000', '\u{e0041}']) {
      const posted = await call('POST', '/api/chat/rooms/general/messages', { token: john.token, body: { content } })
      expect(posted).toMatchObject({ status: 422, body: { code: 'invalid_frame' } })
      const edited = await call('PATCH', '/api/chat/rooms/general/messages/1', { token: john.token, body: { content } })
      expect(edited.status).toBe(422)
    }
  })

  test('can be created at most ten times per minute per user', async () => {
    const { call, john } = await start()
    const statuses: number[] = []
    for (let at = 0; at < 11; at++) {
      statuses.push((await call('POST', '/api/chat/rooms', { token: john.token, body: { room: `r${at}` } })).status)
    }
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 201), 429])
  })

  test('are read page by page in both directions, from the page cache and from the database', async () => {
    const { call, john, say, database } = await start()
    await say(130)
    const restarted = await startChat({ database })
    for (const get of [call, restarted.call]) {
      const page = async (query: string) =>
        (await get('GET', `/api/chat/rooms/general/messages?${query}`, { token: john.token })).body
      const newest = await page('limit=50')
      expect(newest).toMatchObject({ room: 'general', oldest: 1, seq: 130, has_more: true })
      expect(seqs(newest.messages)).toEqual(upTo(81, 130))
      expect(seqs((await page('before=81&limit=80')).messages)).toEqual(upTo(1, 80))
      expect((await page('before=81&limit=80')).has_more).toBe(false)
      expect(seqs((await page('after=3&before=6')).messages)).toEqual(upTo(4, 5))
      expect((await page('after=3&before=6&limit=1')).has_more).toBe(true)
      expect((await page('after=3&before=6&limit=2')).has_more).toBe(false)
      expect((await page('after=6&before=3')).messages).toEqual([])
      expect((await page('before=81&limit=79')).has_more).toBe(true)
      expect(seqs((await page('after=100&limit=10')).messages)).toEqual(upTo(101, 110))
      expect(await page('after=130')).toMatchObject({ messages: [], has_more: false })
      expect(await page('before=1')).toMatchObject({ messages: [], has_more: false })
      expect(seqs((await page('limit=5000')).messages)).toEqual(upTo(1, 130))
    }
  })

  test('accept messages over HTTP, once per Idempotency-Key', async () => {
    const { call, john, client } = await start()
    const post = (content: string, key?: string) =>
      call('POST', '/api/chat/rooms/general/messages', {
        token: john.token,
        body: { content, meta: { a: 1 } },
        ...(key ? { headers: { 'idempotency-key': key } } : {})
      })
    const first = await post('hello', 'k1')
    expect(first).toMatchObject({ status: 201, body: { seq: 1, content: 'hello', nonce: 'k1', meta: { a: 1 } } })
    expect(await post('hello', 'k1')).toMatchObject({ status: 200, body: first.body })
    expect(await post('other', 'k1')).toMatchObject({ status: 409, body: { code: 'nonce_reused' } })
    expect(await post('no key')).toMatchObject({ status: 201, body: { seq: 2 } })
    expect(await post('x'.repeat(4001))).toMatchObject({ status: 422, body: { code: 'message_too_long' } })
    expect(await post('   ')).toMatchObject({ status: 422, body: { code: 'invalid_frame' } })
    expect(await post('x', 'ä')).toMatchObject({ status: 422 })
    expect(seqs(await messages(client, 2))).toEqual([1, 2])
  })
})

describe('presence and typing', () => {
  test('sends typing to the other users in the room, and not to the sender', async () => {
    const { client, join, register } = await start()
    const jane = await register('jane')
    const other = await join(jane)
    client.send({ type: 'typing' })
    expect(await other.nextOf('typing')).toMatchObject({ room: 'general', username: 'john', expires_in_ms: 5000 })
    expect((await client.untilPong()).filter(({ type }) => type === 'typing')).toEqual([])
  })

  test('returns an empty list of users for an empty room', async () => {
    const { call, john } = await start()
    await call('POST', '/api/chat/rooms', { token: john.token, body: { room: 'support' } })
    const { body } = await call('GET', '/api/chat/rooms/support/presence', { token: john.token })
    expect(body).toEqual({ room: 'support', count: 0, users: [] })
  })

  test('does not send presence again while it does not change', async () => {
    const clock = fakeClock()
    const { register, url } = await startChat({ clock })
    const { token } = await register('john')
    const client = await connect(`${url.replace('http', 'ws')}/ws/chat?token=${token}`)
    await client.nextOf('presence')
    const repeated: unknown[] = []
    client.socket.on('message', data => {
      const frame = JSON.parse(String(data))
      if (frame.type === 'presence') repeated.push(frame)
    })
    client.send({ type: 'subscribe', room: 'general' })
    await client.untilPong()
    clock.advance(5000)
    await client.untilPong()
    expect(repeated).toEqual([])
  })

  test('lists the present users, on a connection and over HTTP', async () => {
    const { call, john, client, join, register } = await start()
    const jane = await register('jane')
    await join(jane)
    const both = {
      room: 'general',
      count: 2,
      users: [
        { user_id: john.id, username: 'john' },
        { user_id: jane.id, username: 'jane' }
      ]
    }
    let shown = await client.nextOf('presence')
    while (shown.count < 2) shown = await client.nextOf('presence')
    expect(shown).toEqual({ type: 'presence', ...both })
    expect((await call('GET', '/api/chat/rooms/general/presence', { token: john.token })).body).toEqual(both)
  })

  test('looks up the 128 absent rooms of ?rooms= with few queries', async () => {
    const database = await testDatabase()
    const { client: given } = database
    let queries = 0
    const counting: typeof given = {
      ...given,
      query(text, ...rest) {
        if (/members|restrictions/.test(text)) queries++
        return given.query(text, ...rest)
      }
    }
    const { register, join } = await startChat({ database: { ...database, client: counting } })
    const john = await register('john')
    queries = 0
    const names = Array.from({ length: 128 }, (_, at) => `absent-${at}`)
    const client = await join(john, {}, `?rooms=${names}`)
    const absent = []
    while (absent.length < 128) absent.push((await client.nextOf('error')).room)
    // The errors arrive in the order of the names, because each name is handled after the one before it.
    expect(absent).toEqual(names)
    expect(queries).toBeGreaterThan(0)
    expect(queries).toBeLessThanOrEqual(20)
  })
})
