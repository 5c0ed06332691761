/** Tests the export of the stored data of a user. */
import { once } from 'node:events'
import { request } from 'node:http'
import { expect, test } from 'vitest'
import { createExports } from '../../src/accounts/export/export.ts'
import { PERSONAL_TABLES } from '../../src/db/repositories/deletions.ts'
import { accountsContext } from '../support/accounts.ts'
import { withRooms } from '../support/rooms.ts'
import { type Person, type RunningChat, startChat } from '../support/start-chat.ts'
import { enrol } from '../support/two-factor.ts'

const EXPORT = '/api/users/me/export'

const start = async () => {
  const chat = await startChat({ settings: { messageRateLimit: 0, readRateLimit: 0 } })
  const [john, jane] = [await chat.register('john'), await chat.register('jane')]
  const exported = async ({ token }: Person) => {
    const { status, body, headers } = await chat.call('GET', EXPORT, { token })
    // biome-ignore lint/suspicious/noExplicitAny: a test reads any field of a record.
    const records: any[] =
      status === 200
        ? String(body)
            .split('\n')
            .slice(0, -1)
            .map(line => JSON.parse(line))
        : []
    return { status, headers, body, records }
  }
  const inSchema = `"${chat.database.schema}"`
  return { ...chat, chat, john, jane, exported, inSchema }
}

/** Inserts messages directly into the database. Returns their ids. */
const fill = async ({ database }: RunningChat, { id }: Person, count: number, content: string) => {
  const room = await database.rooms.findByName('general')
  const { keyring } = accountsContext(database)
  const { token, keyId } = keyring.encrypt(content)
  for (let at = 0; at < count; at += 200) {
    const batch = Array.from({ length: Math.min(200, count - at) }, (_, index) => ({
      roomId: room?.id ?? 0,
      userId: id,
      writeId: `w${at + index}`,
      kind: 'message',
      content: token,
      meta: null,
      keyId
    }))
    await database.messages.append(batch)
  }
}

test('contains the profile, sessions, own messages and events, and nothing of other users', async () => {
  const { call, join, john, jane, exported } = await start()
  await call('PATCH', '/api/users/me', { token: john.token, body: { display_name: 'John Doe' } })
  await call('POST', '/api/chat/rooms', { token: jane.token, body: { room: 'two' } })
  const [his, hers] = [await join(john), await join(jane)]
  his.send({ type: 'message', content: 'schön 🌊', meta: { a: 1 }, ref: '1' })
  await his.nextOf('ack')
  hers.send({ type: 'message', content: 'of jane', ref: '2' })
  await hers.nextOf('ack')
  his.send({ type: 'message', room: 'two', content: 'there', ref: '3' })
  await his.nextOf('ack')
  const { status, headers, records, body } = await exported(john)
  expect(status).toBe(200)
  expect(headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8')
  const of = (type: string) => records.filter(record => record.type === type)
  expect(of('profile')).toMatchObject([{ id: john.id, username: 'john', display_name: 'John Doe', status: 'active' }])
  expect(of('session')).toHaveLength(1)
  expect(of('message')).toMatchObject([
    { room: 'general', seq: 1, content: 'schön 🌊', meta: { a: 1 } },
    { room: 'two', seq: 1, content: 'there' }
  ])
  expect(of('event').length).toBeGreaterThan(0)
  const counts = Object.fromEntries(
    ['profile', 'session', 'network', 'message', 'event'].map(type => [type, of(type).length])
  )
  expect(records.at(-1)).toEqual({ type: 'end', counts, complete: true })
  expect(body).not.toContain('jane')
})

test('contains a record for each room of which the user is a member', async () => {
  const { chat, john, jane, exported } = await start()
  const { create, put } = withRooms(chat)
  await create(jane, { room: 'team' })
  await put(john, 'team', 'me')
  const { room } = await create(john, { visibility: 'private' })
  const { records } = await exported(john)
  const joined_at = expect.stringMatching(/\+00:00$/)
  expect(records.filter(({ type }) => type === 'member')).toEqual([
    { type: 'member', room: 'team', role: 'member', joined_at, read_seq: expect.any(Number), marked_unread: false },
    { type: 'member', room, role: 'owner', joined_at, read_seq: 0, marked_unread: false }
  ])
  expect(records.at(-1)).toMatchObject({ counts: { member: 2 } })
})

/**
 * Maps each table with personal data to the type of the records that contain its rows. Null if the export does not contain the
 * rows.
 */
const RECORDS: Record<(typeof PERSONAL_TABLES)[number], string | null> = {
  sessions: 'session',
  emails: 'email',
  known_networks: 'network',
  totp: 'totp',
  recovery_codes: 'recovery_codes',
  passkeys: 'passkey',
  room_invitations: 'invitation',
  blocks: 'block',
  // The export does not contain these tables. They contain only random numbers, challenges, hashes of tokens, mails to send,
  // and times of exports and messages.
  one_time_tokens: null,
  challenges: null,
  passkey_handles: null,
  outbox: null,
  exports: null,
  last_posts: null,
  // The export does not contain unread mentions, because they refer to messages of others.
  mentions: null
}

test('contains a record of every table with personal data', async () => {
  const { chat, john, jane, exported, database, inSchema } = await start()
  expect(Object.keys(RECORDS).sort()).toEqual([...PERSONAL_TABLES].sort())
  await enrol(chat, john, Date.now())
  await database.client.query(`insert into ${inSchema}.passkey_handles (user_id, handle) values ($1, 'h')`, [john.id])
  await database.client.query(
    `insert into ${inSchema}.passkeys (id, user_id, public_key, counter, rp_id, transports, name, is_backed_up)
     values ('p', $1, 'k', 0, 'localhost', '{}', 'Laptop', false)`,
    [john.id]
  )
  await chat.call('POST', '/api/chat/rooms', { token: john.token, body: { room: 'team' } })
  await chat.call('POST', '/api/chat/rooms/team/invitations', { token: john.token })
  await chat.call('PUT', `/api/users/me/blocks/${jane.id}`, { token: john.token })
  const hello = { token: jane.token, body: { content: 'Reported text' } }
  await chat.call('POST', '/api/chat/rooms/general/messages', hello)
  await chat.call('POST', '/api/chat/rooms/general/messages/1/report', { token: john.token, body: { reason: 'spam' } })
  const email = accountsContext(database).keyring.encrypt('john@example.com')
  await database.emails.setPending({ userId: john.id, address: email.token, keyId: email.keyId, addressHash: 'h' })
  const { records, body } = await exported(john)
  const types = new Set(records.map(({ type }) => type))
  for (const type of Object.values(RECORDS)) if (type !== null) expect(types).toContain(type)
  const of = (type: string) => records.filter(record => record.type === type)
  expect(of('totp')).toEqual([{ type: 'totp', created_at: expect.any(String), is_confirmed: true }])
  expect(of('recovery_codes')).toEqual([{ type: 'recovery_codes', left: 10 }])
  expect(of('network')).toMatchObject([{ network: '127.0.0.1' }])
  expect(of('report')).toEqual([
    { type: 'report', room: 'general', seq: 1, reason: 'spam', state: 'open', created_at: expect.any(String) }
  ])
  expect(body).not.toContain('Reported text')
  expect(body).not.toContain('gAAAAA')
})

test('is possible once an hour, and needs a recent proof', async () => {
  const { john, jane, exported, database, inSchema } = await start()
  expect((await exported(john)).status).toBe(200)
  const again = await exported(john)
  expect(again).toMatchObject({ status: 429 })
  expect(Number(again.headers.get('retry-after'))).toBeGreaterThan(3500)
  expect((await exported(jane)).status).toBe(200)
  await database.client.query(`update ${inSchema}.exports set completed_at = completed_at - interval '61 minutes'`)
  expect((await exported(john)).status).toBe(200)
  await database.client.query(`update ${inSchema}.sessions set proven_at = null`)
  expect(await exported(john)).toMatchObject({ status: 403 })
})

test('runs one export at a time across all processes, and an aborted export does not block the next one', async () => {
  const { chat, john, exported, url, database, inSchema } = await start()
  const other = await startChat({ database })
  await fill(chat, john, 4000, 'x'.repeat(4000))
  const running = request(url + EXPORT, { headers: { authorization: `Bearer ${john.token}` } }).end()
  const [response] = await once(running, 'response')
  await once(response, 'readable')
  const busy = await other.call('GET', EXPORT, { token: john.token })
  expect(busy).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
  const claims = () =>
    database.client.query(`select completed_at is null as open from ${inSchema}.exports where leased_until is not null`)
  expect(await claims()).toEqual([{ open: true }])
  running.destroy()
  await expect.poll(claims).toEqual([])
  const { status, records } = await exported(john)
  expect([status, records.at(-1)]).toMatchObject([200, { counts: { message: 4000 }, complete: true }])
})

test('reads pages only as its client reads the response', async () => {
  const { chat, john, url, database } = await start()
  await fill(chat, john, 6000, 'x'.repeat(4000))
  const { client } = database
  let pages = 0
  const { query } = client
  Object.assign(client, {
    query: (text: string, ...rest: [unknown[]?]) => {
      if (text.includes('order by write_id')) pages++
      return query(text, ...rest)
    }
  })
  const running = request(url + EXPORT, { headers: { authorization: `Bearer ${john.token}` } }).end()
  const [response] = await once(running, 'response')
  await once(response, 'readable')
  const seen = async () => {
    const before = pages
    await database.client.query('select pg_sleep(0.2)')
    return pages - before
  }
  await expect.poll(seen).toBe(0)
  expect(pages).toBeLessThan(110)
  let text = ''
  for await (const piece of response) text += piece
  expect(text.trimEnd().split('\n').at(-1)).toContain('"complete":true')
})

test('ends within a second, and is not complete, if the session ends', async () => {
  const { john, database, inSchema, chat } = await start()
  await fill(chat, john, 300, 'x'.repeat(1000))
  let now = 0
  const context = accountsContext(database)
  const exports = createExports({ ...context, clock: { monotonic: () => now }, onFailure: () => {} })
  const [session] = await database.client.query<{ id: string }>(
    `select id from ${inSchema}.sessions where user_id = $1`,
    [john.id]
  )
  const { lines, end } = await exports.begin({ userId: john.id, generation: 0, sessionId: session?.id ?? '' })
  expect((await lines.next()).done).toBe(false)
  await database.sessions.end(john.id, session?.id ?? '')
  now = 1000
  await expect(lines.next()).rejects.toThrow('The session of the export has ended.')
  end()
})

test('contains what restricts the user, but not who did it', async () => {
  const { chat, john, exported } = await start()
  const { create, as } = withRooms(chat)
  const jane = await chat.register('jane')
  await create(jane, { room: 'team' })
  await as(jane, 'PUT', `/api/chat/rooms/team/mutes/${john.id}`, { until: '2099-01-31T12:00:00.123+00:00' })
  await as(jane, 'PUT', `/api/chat/rooms/team/bans/${john.id}`, { reason: 'advertising' })
  const { records } = await exported(john)
  const created_at = expect.stringMatching(/\+00:00$/)
  expect(records.filter(({ type }) => type === 'restriction')).toEqual([
    { type: 'restriction', room: 'team', kind: 'ban', until: null, reason: 'advertising', created_at },
    {
      type: 'restriction',
      room: 'team',
      kind: 'mute',
      until: '2099-01-31T12:00:00.123+00:00',
      reason: null,
      created_at
    }
  ])
})
