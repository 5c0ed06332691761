/** Tests invalid rows in the message table. The other messages of the room must stay readable. */
import { expect, test } from 'vitest'
import { encrypt, parseKey } from '../../src/crypto/fernet.ts'
import { fakeClock } from '../support/clock.ts'
import { ENCRYPTION_KEY } from '../support/settings.ts'
import { startChat } from '../support/start-chat.ts'

const key = parseKey(ENCRYPTION_KEY)
const token = (text: string): string => encrypt(key, text, { now: 0 })
const long = token('x'.repeat(900_000))

const BAD: readonly (readonly [what: string, columns: Record<string, string | null>])[] = [
  ['content that is not a token', { content: 'hello' }],
  ['empty content', { content: '' }],
  ['a token that was altered', { content: `${token('x').slice(0, -6)}AAAA==` }],
  ['a token in the column of meta', { meta: token('a message, not JSON') }],
  ['meta that is text', { meta: '{"a":1}' }],
  ['meta that is JSON but not an object', { meta: token('[1]') }],
  ['meta that is null in JSON', { meta: token('null') }],
  ['meta that is truncated JSON', { meta: token('{"a":') }],
  ['content longer than any token', { content: long }],
  ['the time infinity', { created_at: 'infinity' }],
  ['the time minus infinity', { created_at: '-infinity' }],
  ['a year of five digits', { created_at: '20000-01-01' }],
  ['a year before Christ', { created_at: '0044-03-15 BC' }]
]

const GOOD: readonly (readonly [what: string, columns: Record<string, string | null>])[] = [
  ['the id of an unknown key', { key_id: 'nobody' }],
  ['no id of a key', { key_id: null }],
  ['a NUL in its text', { content: token('a\u0000b') }],
  ['a token where its nonce was', { write_id: `${token('x')}` }]
]

const columns = { kind: 'message', content: token('a message'), meta: token('{"a":1}'), key_id: 'x', created_at: 'now' }

test('an invalid row is returned as unavailable, and the other messages of the room are not affected', async () => {
  const { database, ...first } = await startChat()
  const { schema, client } = database
  const john = await first.register('john')
  const rows = [...BAD, ...GOOD]
  for (const [at, [, changed]] of rows.entries()) {
    const row = { ...columns, write_id: `w${at}`, ...changed }
    await client.query(
      `insert into "${schema}".messages (room_id, seq, user_id, kind, content, meta, key_id, write_id, created_at)
        select id, $1, $2, $3, $4, $5, $6, $7, $8::text::timestamptz from "${schema}".rooms where name = 'general'`,
      [at + 1, john.id, row.kind, row.content, row.meta, row.key_id, row.write_id, row.created_at]
    )
  }
  await client.query(`update "${schema}".rooms set last_seq = $1`, [rows.length])

  const clock = fakeClock(Date.now())
  const { join, call, log } = await startChat({ database, clock })
  const reader = await join(john, {}, '?rooms=')
  reader.send({ type: 'subscribe', room: 'general', after: 0 })
  reader.send({ type: 'message', content: 'still here' })
  for (const [at, [what]] of rows.entries()) {
    const frame = await reader.nextOf('message')
    const shown =
      at < BAD.length ? { content: null, unavailable: 'key' } : { content: expect.any(String), meta: { a: 1 } }
    expect(frame, what).toMatchObject({ seq: at + 1, room: 'general', username: 'john', ...shown })
    expect(frame.timestamp, what).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/)
    expect(frame.meta === undefined, what).toBe(at < BAD.length)
    expect(frame.nonce ?? 'w').toMatch(/^w/)
  }
  expect(await reader.nextOf('message')).toMatchObject({ content: 'still here', seq: rows.length + 1 })

  for (const path of ['/api/chat/messages', '/api/chat/rooms/general/messages']) {
    const { status, body } = await call('GET', `${path}?limit=1000`, { token: john.token })
    const entries = body.messages ?? body
    expect(status).toBe(200)
    expect(entries.filter(({ content }: { content: unknown }) => content !== null)).toHaveLength(GOOD.length + 1)
  }
  const lines = log()
    .split('\n')
    .filter(line => line.includes('cannot be decrypted'))
  expect(lines).toHaveLength(1)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 40, undecryptable: BAD.length, total: BAD.length })
})

test('messages that cannot be decrypted are logged once per minute with a count', async () => {
  const { database, ...first } = await startChat()
  const { schema, client } = database
  const john = await first.register('john')
  const clock = fakeClock(Date.now())
  const { call, log } = await startChat({ database, clock })
  const lines = () => log().match(/cannot be decrypted/g)?.length ?? 0
  for (let at = 1; at <= 3; at++) {
    await client.query(`insert into "${schema}".rooms (name, last_seq) values ($1, 1)`, [`room-${at}`])
    await client.query(
      `insert into "${schema}".messages (room_id, seq, user_id, kind, content, write_id, created_at)
        select id, 1, $1, 'message', 'bad', 'w', now() from "${schema}".rooms where name = $2`,
      [john.id, `room-${at}`]
    )
    if (at === 3) clock.advance(60_000)
    await call('GET', `/api/chat/rooms/room-${at}/messages`, { token: john.token })
    expect(lines()).toBe(at === 3 ? 2 : 1)
  }
  const last = log()
    .split('\n')
    .findLast(line => line.includes('cannot be decrypted'))
  const { undecryptable, total } = JSON.parse(last ?? '')
  // `total` also counts the message of the first log line. Two messages were read since then, so `undecryptable` is at least 2.
  // It may be higher, because `advance` makes the service clear its page cache, and read and count messages again.
  expect([undecryptable, total]).toEqual([undecryptable, undecryptable + 1])
  expect(undecryptable).toBeGreaterThanOrEqual(2)
})

test('a repeated nonce is acknowledged if the stored content cannot be read', async () => {
  const { database, register, join } = await startChat()
  const { schema, client } = database
  const writer = await join(await register('john'))
  writer.send({ type: 'message', content: 'a', nonce: 'n' })
  const { seq } = await writer.nextOf('ack')
  await client.query(`update "${schema}".messages set content = 'no token', meta = 'nor this'`)
  writer.send({ type: 'message', content: 'a', nonce: 'n' })
  expect(await writer.nextOf('ack')).toMatchObject({ seq, nonce: 'n' })
})
