/** Tests the upgrade of a database with data, while a process of the first release runs beside a process of this release. */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import { expect, inject, onTestFinished, test } from 'vitest'
import { runBuilt, startBuilt, startFormer } from '../support/built-service.ts'
import { extractCommit, FIRST_RELEASE } from '../support/former-commit.ts'
import { httpOf } from '../support/http-calls.ts'
import { startRedis } from '../support/redis-server.ts'
import { isAvailable } from '../support/requirements.ts'
import { connect, type SocketClient } from '../support/socket-client.ts'

const SOURCES = ['src', 'plugins', 'routes', 'drizzle', 'package.json']
const TEXTS = ['plain', 'Grüße aus Köln', '日本語のテキスト', '🌍👩‍👩‍👧', 'e\u0301 and é', 'שלום "quoted" \\ \u2028']
const ROOMS = ['general', 'lobby', 'news']
const PER_ROOM = 900
const PASSWORD = 'SecurePass123'

/** Creates a database that no other test connects to, because `migrate finish` checks all connections of the database. */
const createOwnDatabase = async () => {
  const name = `chat_upgrade_${randomBytes(6).toString('hex')}`
  const admin = postgres(inject('testListenUrl'), { max: 1, onnotice: () => {} })
  await admin.unsafe(`create database ${name}`)
  const url = new URL(inject('testListenUrl'))
  url.pathname = `/${name}`
  const sql = postgres(url.href, { max: 1, connection: { application_name: 'test' }, onnotice: () => {} })
  onTestFinished(async () => {
    await sql.end({ timeout: 1 })
    await admin.unsafe(`drop database ${name} with (force)`)
    await admin.end({ timeout: 1 })
  })
  return { url: url.href, sql }
}

const join = async (url: string, token: string, ...rooms: string[]): Promise<SocketClient> => {
  const client = await connect(`${url.replace('http', 'ws')}/ws/chat?token=${token}`)
  for (const room of rooms) {
    client.send({ type: 'subscribe', room, ref: room })
    while ((await client.nextOf('subscribed')).room !== room);
  }
  return client
}

/** Fills a room: both users send all messages at once, and wait for the acknowledgements. */
const fill = (room: string, clients: readonly SocketClient[]) =>
  Promise.all(
    clients.map(async (client, author) => {
      const nonces = Array.from({ length: PER_ROOM / clients.length }, (_, index) => `${room}-${author}-${index}`)
      for (const [index, nonce] of nonces.entries())
        client.send({ type: 'message', room, content: `${TEXTS[index % TEXTS.length]} ${nonce}`, nonce })
      for (const _ of nonces) await client.nextOf('ack')
    })
  )

/** Sends a message until it is acknowledged, as the SDK does. Throws for any error except `unavailable` and `busy`. */
const deliver = async (client: SocketClient, message: { nonce: string; content: string }): Promise<number> => {
  client.send({ type: 'message', ref: message.nonce, ...message })
  for (;;) {
    const frame = await client.next()
    if (frame.type === 'ack' && frame.ref === message.nonce) return frame.seq
    if (frame.type !== 'error') continue
    if (frame.code !== 'unavailable' && frame.code !== 'busy') throw new Error(`Refused: ${JSON.stringify(frame)}`)
    client.send({ type: 'message', ref: message.nonce, ...message })
  }
}

/** Sends one message after another until `stop` is called. `stop` returns the `seq` of each nonce. */
const talk = (client: SocketClient, author: string) => {
  const sent = new Map<string, number>()
  let isStopped = false
  const run = async () => {
    for (let index = 0; !isStopped; index++) {
      const nonce = `talk-${author}-${index}`
      sent.set(nonce, await deliver(client, { content: `${TEXTS[index % TEXTS.length]} ${nonce}`, nonce }))
    }
  }
  const running = run()
  let failure: unknown
  running.catch(error => (failure = error))
  return {
    sent,
    /** Returns how many messages were acknowledged. Throws if one was refused. */
    count(): number {
      if (failure) throw failure
      return sent.size
    },
    async stop() {
      isStopped = true
      await running
      return sent
    }
  }
}

/** Collects the messages of `general`, as [seq, content]. */
const collect = (client: SocketClient): [number, string][] => {
  const seen: [number, string][] = []
  client.socket.on('message', data => {
    const frame = JSON.parse(data.toString())
    if (frame.type === 'message' && frame.room === 'general') seen.push([frame.seq, frame.content])
  })
  return seen
}

/** Returns the items of all pages of a room up to `seq`, as JSON, newest page first. */
const pagesOf = async (url: string, token: string, room: string, upTo: number): Promise<string[]> => {
  const pages: string[] = []
  for (let before = upTo + 1; before > 1; ) {
    const response = await fetch(`${url}/api/chat/rooms/${room}/messages?limit=100&before=${before}`, {
      headers: { authorization: `Bearer ${token}` }
    })
    const text = await response.text()
    // Keeps only the items, because newer releases add fields beside them.
    pages.push(text.slice(text.indexOf('['), text.lastIndexOf(']') + 1))
    before = JSON.parse(pages.at(-1) ?? '')[0].seq
  }
  return pages
}

/** Starts a process of the first release on a database of its own, with three users. */
const startOlder = async () => {
  const { url: databaseUrl, sql } = await createOwnDatabase()
  const env = { DATABASE_URL: databaseUrl, MESSAGE_RATE_LIMIT: '0', AUDIENCE: 'upgrade' }
  const older = await startFormer(extractCommit(FIRST_RELEASE, ...SOURCES), env)
  const call = httpOf(older.url)
  const users: { id: number; token: string }[] = []
  for (const username of ['ada', 'bob', 'eve']) {
    const { body } = await call('POST', '/api/auth/register', { body: { username, password: PASSWORD } })
    const login = await call('POST', '/api/auth/login', { body: { username, password: PASSWORD } })
    users.push({ id: body.id, token: login.body.access_token })
  }
  const [ada, bob, eve] = users as [{ id: number; token: string }, { id: number; token: string }, (typeof users)[0]]
  const migrate = (...args: string[]) => runBuilt(['migrate', ...args], env)
  return { env, sql, older, call, ada, bob, eve, migrate }
}

/** Starts a process of the first release, and fills three rooms. */
const start = async () => {
  const { call, ...started } = await startOlder()
  const { older, ada, bob } = started
  for (const room of ROOMS.slice(1)) {
    const { status } = await call('POST', '/api/chat/rooms', {
      token: ada.token,
      body: { room, title: `日本 ${room}` }
    })
    expect(status).toBe(201)
  }
  const clients = [await join(older.url, ada.token), await join(older.url, bob.token)]
  for (const room of ROOMS) await fill(room, clients)
  for (const client of clients) await client.close()
  return started
}

test.runIf(isAvailable('commits'))(
  'a database of the first release is upgraded while its process and a new one chat, and then has every feature',
  { timeout: 300_000 },
  async () => {
    const { env, sql, older, ada, bob, eve, migrate } = await start()
    const before = await Promise.all(ROOMS.map(room => pagesOf(older.url, bob.token, room, PER_ROOM)))
    const reader = collect(await join(older.url, eve.token, 'general'))
    const first = talk(await join(older.url, ada.token), 'ada')

    // Migrates the database while a process appends.
    expect(await migrate('up')).toMatchObject({ code: 0 })
    const newer = await startBuilt(env)
    const call = httpOf(newer.url)
    const newReader = collect(await join(newer.url, eve.token, 'general'))
    const bobSocket = await join(newer.url, bob.token)
    const sentBefore = first.sent.size
    const second = talk(bobSocket, 'bob')
    await expect.poll(() => Math.min(first.count() - sentBefore, second.count())).toBeGreaterThan(50)

    // The newer process refuses what the older process could not show.
    const inGeneral = '/api/chat/rooms/general'
    const refusals = [
      ['PATCH', `${inGeneral}/messages/1`, { content: 'x' }, ada],
      ['DELETE', `${inGeneral}/messages/1`, undefined, ada],
      ['PUT', `${inGeneral}/messages/1/reactions/+1`, undefined, bob],
      ['PUT', `${inGeneral}/members/me`, {}, bob],
      ['POST', '/api/chat/rooms', { title: 'Secret', visibility: 'private' }, ada],
      ['POST', '/api/chat/direct', { users: [bob.id] }, ada]
    ] as const
    for (const [method, path, body, { token }] of refusals) {
      const refused = await call(method, path, { token, body })
      expect([method, path, refused.status, refused.body.code]).toEqual([method, path, 503, 'upgrade_pending'])
    }
    const pending = await connect(`${newer.url.replace('http', 'ws')}/ws/chat?token=${bob.token}`)
    expect((await pending.next()).features).toEqual(['message'])
    pending.send({ type: 'react', target: 1, key: '+1', ref: 'r' })
    expect(await pending.nextOf('error')).toMatchObject({ code: 'upgrade_pending', ref: 'r' })
    expect(newer.output()).not.toMatch(/"level":50|"stack"/)

    expect(await migrate('finish')).toMatchObject({ code: 1, output: expect.stringContaining('--yes') })
    const early = await migrate('finish', '--yes')
    expect(early).toMatchObject({ code: 1, output: expect.stringContaining('a connection named "fastify-chat"') })

    // Nothing was lost, and both processes delivered the same messages in the same order.
    const sent = [...(await first.stop()), ...(await second.stop())].sort(([, one], [, other]) => one - other)
    const head = PER_ROOM + sent.length
    expect(sent.map(([, seq]) => seq)).toEqual(sent.map((_, index) => PER_ROOM + 1 + index))
    await expect.poll(() => reader.length).toBe(sent.length)
    expect(reader.map(([seq]) => seq)).toEqual(sent.map(([, seq]) => seq))
    await expect.poll(() => newReader.at(-1)).toEqual(reader.at(-1))
    expect(newReader).toEqual(reader.slice(-newReader.length))
    expect(newReader.length).toBeGreaterThan(100)
    // A nonce is known on the process that did not store it.
    for (const [url, { token }, nonce] of [
      [newer.url, ada, 'talk-ada-0'],
      [older.url, bob, 'talk-bob-0']
    ] as const) {
      const options = { token, headers: { 'idempotency-key': nonce }, body: { content: `plain ${nonce}` } }
      const repeated = await httpOf(url)('POST', `${inGeneral}/messages`, options)
      const { status, body } = repeated
      expect({ status, seq: body.seq }).toEqual({ status: 200, seq: new Map(sent).get(nonce) })
    }
    const during = await Promise.all(ROOMS.map(room => pagesOf(newer.url, bob.token, room, PER_ROOM)))
    expect(during).toEqual(before)

    older.child.kill('SIGTERM')
    expect(await older.ended).toBe(0)
    await expect.poll(async () => (await migrate('finish', '--yes')).code, { interval: 500 }).toBe(0)
    const isReady = async () => (await call('PUT', `${inGeneral}/members/me`, { token: bob.token, body: {} })).status
    await expect.poll(isReady, { interval: 500 }).toBe(200)

    // Appends entries of the new kinds. Some of them refer to messages of the first release.
    const as = async (user: { token: string }, method: string, path: string, body?: object) => {
      const { status, body: result } = await call(method, path, { token: user.token, body })
      expect([method, path, status, result?.code]).toEqual([
        method,
        path,
        expect.toSatisfy(code => code < 300),
        undefined
      ])
      return result
    }
    const [own] = (await as(ada, 'GET', `${inGeneral}/messages?limit=1&before=400`)).messages
    const author = own.user_id === ada.id ? ada : bob
    await as(author, 'PATCH', `${inGeneral}/messages/${own.seq}`, { content: 'edited 🌍' })
    await as(bob, 'PUT', `${inGeneral}/messages/${own.seq}/reactions/+1`)
    const [gone] = JSON.parse(before[0]?.[0] ?? '')
    await as(gone.user_id === ada.id ? ada : bob, 'DELETE', `${inGeneral}/messages/${gone.seq}`)
    const shown = await as(eve, 'GET', `${inGeneral}/messages/${own.seq}`)
    expect(shown.message ?? shown).toMatchObject({ content: 'edited 🌍', reactions: [{ key: '+1', count: 1 }] })
    const secret = await as(ada, 'POST', '/api/chat/rooms', { title: 'Secret', visibility: 'private' })
    const inSecret = `/api/chat/rooms/${secret.room}`
    await as(ada, 'PUT', `${inSecret}/members/${bob.id}`, {})
    const { seq: hidden } = await as(bob, 'POST', `${inSecret}/messages`, { content: 'hidden' })
    expect(await call('GET', inSecret, { token: eve.token })).toMatchObject({ status: 404 })
    await as(ada, 'PUT', `${inSecret}/pins/${hidden}`)
    await as(ada, 'PUT', `${inSecret}/bans/${bob.id}`, {})
    expect(await call('GET', inSecret, { token: bob.token })).toMatchObject({ status: 404 })
    await as(ada, 'POST', '/api/chat/direct', { users: [bob.id] })

    // The inbox computes the number of unread messages from positions. Messages of the first release must have positions too.
    await as(bob, 'PUT', '/api/chat/rooms/news/members/me', {})
    const inboxOf = async (room: string) =>
      (await as(bob, 'GET', '/api/chat/inbox')).rooms.find((item: { room: string }) => item.room === room)
    expect(await inboxOf('news')).toMatchObject({ messages: PER_ROOM, read_messages: PER_ROOM, unread: 0 })
    await as(ada, 'POST', '/api/chat/rooms/news/messages', { content: 'new' })
    expect(await inboxOf('news')).toMatchObject({ messages: PER_ROOM + 1, unread: 1 })
    await as(bob, 'PUT', '/api/chat/rooms/news/read', { up_to: PER_ROOM + 2 })
    await expect.poll(async () => (await inboxOf('news')).unread).toBe(0)
    await sql`update members set read_seq = 400 where user_id = ${bob.id}`
    expect(await inboxOf('news')).toMatchObject({ messages: PER_ROOM + 1, read_messages: 400, unread: PER_ROOM - 399 })
    expect(await inboxOf('general')).toMatchObject({ messages: head, read_messages: 400, unread: head - 400 })

    const after = await Promise.all(ROOMS.map(room => pagesOf(newer.url, eve.token, room, PER_ROOM)))
    expect(after.slice(1)).toEqual(before.slice(1))
    // In `general`, only the messages that were changed differ from the pages before the upgrade.
    const itemsOf = (pages: string[]) => pages.flatMap(page => JSON.parse(page)).map(item => JSON.stringify(item))
    const former = itemsOf(before[0] ?? [])
    const differing = itemsOf(after[0] ?? []).filter((item, index) => item !== former[index])
    expect(differing.map(item => JSON.parse(item).seq).sort()).toEqual([own.seq, gone.seq].sort())
  }
)

/** A process with Redis also sends over PostgreSQL for at least this time after its start, in milliseconds. */
const AFTER_START_MS = 15_000

test.runIf(isAvailable('commits') && isAvailable('redis'))(
  'a process of the first release is notified of what a process with Redis stores and publishes',
  { timeout: 300_000 },
  async () => {
    const { env, sql, older, ada, bob, eve, migrate } = await startOlder()
    expect(await migrate('up')).toMatchObject({ code: 0 })
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const metrics = { METRICS_TOKEN: 'a-token-of-the-test-with-32-characters' }
    const newer = await startBuilt({ ...env, ...metrics, REDIS_URL: `redis://127.0.0.1:${redis.port}` })
    const isRedisFailing = async () => {
      const headers = { authorization: `Bearer ${metrics.METRICS_TOKEN}` }
      const text = await (await fetch(`${newer.url}/metrics`, { headers })).text()
      return /^chat_bus_failing\{driver="redis"\} (\d)$/m.exec(text)?.[1]
    }

    // Both processes listen on the same channel. Finds its name in the `LISTEN` statement of one of them.
    const [listening] = await sql<{ query: string }[]>`
      select query from pg_stat_activity where datname = current_database() and query ~* '^listen "?fastify_chat_'`
    const [, channel = ''] = /"?(fastify_chat_\w+)"?/.exec(listening?.query ?? '') ?? []
    const notified: string[] = []
    await sql.listen(channel, payload => notified.push(payload))

    const reader = await join(older.url, eve.token, 'general')
    const writer = await join(newer.url, bob.token, 'general')
    await expect.poll(isRedisFailing).toBe('0')
    await delay(AFTER_START_MS + 1000)
    expect(await isRedisFailing()).toBe('0')

    // Checks the announcement itself, because the older process also finds the message by polling every 5 s.
    for (let index = 0; index < 5; index++) {
      const seq = await deliver(writer, { nonce: `redis-${index}`, content: `over Redis ${index}` })
      await expect
        .poll(() => notified.join('\n'), { interval: 20 })
        .toMatch(new RegExp(`"n":\\d+,"grown":\\[\\[\\d+,${seq}\\]`))
      expect(await reader.nextOf('message')).toMatchObject({ seq, content: `over Redis ${index}` })
    }
    // A typing event is not stored, so only the bus can deliver it to the other process.
    writer.send({ type: 'typing', room: 'general' })
    expect(await reader.nextOf('typing')).toMatchObject({ room: 'general', user_id: bob.id })

    const former = await join(older.url, ada.token, 'general')
    const seq = await deliver(former, { nonce: 'former', content: 'from the first release' })
    let received = await writer.nextOf('message')
    while (received.seq < seq) received = await writer.nextOf('message')
    expect(received).toMatchObject({ seq, content: 'from the first release' })
    expect(await isRedisFailing()).toBe('0')
  }
)
