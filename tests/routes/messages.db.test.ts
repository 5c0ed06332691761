import { describe, expect, test } from 'vitest'
import { generateKey } from '../../src/crypto/fernet.ts'
import { createKeyring } from '../../src/crypto/keyring.ts'
import { ENCRYPTION_KEY } from '../support/settings.ts'
import type { Frame } from '../support/socket-client.ts'
import { startChat } from '../support/start-chat.ts'

const talk = async (count: number) => {
  const chat = await startChat({ settings: { messageRateLimit: 0 } })
  const john = await chat.register('john')
  const client = await chat.join(john)
  for (let at = 1; at <= count; at++) client.send({ type: 'message', content: `message ${at}` })
  for (let at = 1; at <= count; at++) await client.nextOf('message')
  return { ...chat, john, client }
}

describe('the history', () => {
  test('is an array of the newest messages, oldest first', async () => {
    const { call, john } = await talk(5)
    const { status, body } = await call('GET', '/api/chat/messages?limit=3', { token: john.token })
    expect(status).toBe(200)
    expect(body.map(({ content, seq }: { content: string; seq: number }) => [content, seq])).toEqual([
      ['message 3', 3],
      ['message 4', 4],
      ['message 5', 5]
    ])
    expect(body[0]).toEqual({
      id: expect.any(Number),
      room: 'general',
      seq: 3,
      user_id: john.id,
      username: 'john',
      content: 'message 3',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/)
    })
  })

  test('has 50 messages by default', async () => {
    const { call, john } = await talk(60)
    const { body } = await call('GET', '/api/chat/messages', { token: john.token })
    expect(body).toHaveLength(50)
    expect(body.at(-1)).toMatchObject({ content: 'message 60' })
  })

  test.for([
    ['0', 422],
    ['-1', 422],
    ['abc', 422],
    ['1.5', 422],
    ['', 422],
    ['1', 200],
    ['1000', 200],
    ['1001', 200],
    ['99999999999', 200]
  ] as const)('with limit=%s returns %i', async ([limit, status]) => {
    const { call, register } = await startChat()
    const { token } = await register('john')
    const response = await call('GET', `/api/chat/messages?limit=${limit}`, { token })
    expect(response.status).toBe(status)
    if (status === 422) expect(response.body.errors).toMatchObject([{ path: '/query/limit' }])
  })

  test('contains the nonce and the meta, like the live frame', async () => {
    const { call, john, client } = await talk(0)
    const content = 'emoji 😀 \u0000 and a lone \ud800'
    client.send({ type: 'message', content, nonce: 'n1', meta: { a: [1, { b: '\ud800' }] } })
    const { type: _, timestamp, ...live } = await client.nextOf('message')
    const { body } = await call('GET', '/api/chat/messages', { token: john.token })
    expect(body).toEqual([{ ...live, created_at: timestamp }])
  })

  test('accepts a body of 32 levels, and rejects one that costs more to parse', async () => {
    const { call, register } = await startChat()
    const { token } = await register('john')
    const headers = { 'content-type': 'application/json' }
    const post = (meta: string) =>
      call('POST', '/api/chat/rooms/general/messages', { token, headers, body: `{"content":"x","meta":${meta}}` })
    const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
    expect(await post(nested(31))).toMatchObject({ status: 201 })
    for (const [meta, rule] of [
      [nested(32), 'at most 32 levels of objects and arrays'],
      [nested(8000), 'at most 32 levels of objects and arrays'],
      [`{"a":[${'[],'.repeat(2000)}1]}`, 'at most 2048 members, items']
    ] as const) {
      const message = expect.stringContaining(`The body must have ${rule}`)
      expect(await post(meta)).toMatchObject({
        status: 422,
        body: { code: 'validation_failed', detail: message, errors: [{ path: '/body', message }] }
      })
    }
  })

  test('returns every meta as it was sent, regardless of its keys', async () => {
    const { call, john, client } = await talk(0)
    const meta = { 'a\nb': 1, __proto__x: 2, '': { '\u2028': [null, true] }, constructor: 'c' }
    client.send({ type: 'message', content: 'x', meta })
    expect((await client.nextOf('message')).meta).toEqual(meta)
    const { body } = await call('GET', '/api/chat/messages', { token: john.token })
    expect(body[0].meta).toEqual(meta)
    const rooms = await call('GET', '/api/chat/rooms/general/messages', { token: john.token })
    expect(rooms.body.messages[0].meta).toEqual(meta)
  })

  test('omits messages that no key decrypts, and logs their number', async () => {
    const { call, john, client, database, log } = await talk(1)
    const encrypted = createKeyring({ current: generateKey(), previous: [], now: Date.now }).encrypt('under a lost key')
    const room = await database.rooms.findByName('general')
    await database.messages.append([
      {
        roomId: room?.id ?? 0,
        userId: john.id,
        writeId: 'x',
        kind: 'message',
        content: encrypted.token,
        meta: null,
        keyId: encrypted.keyId
      }
    ])
    client.send({ type: 'message', content: 'after' })
    await client.nextOf('message')
    const { status, body } = await call('GET', '/api/chat/messages', { token: john.token })
    expect(status).toBe(200)
    expect(body.map(({ content }: { content: string }) => content)).toEqual(['message 1', 'after'])
    expect(log()).toMatch(/"level":40.*stored messages cannot be decrypted/)
  })

  test('keeps the messages of a deleted user in order', async () => {
    const { register, join, database } = await startChat()
    const [john, jane] = [await register('john'), await register('jane')]
    for (const person of [john, jane, john]) {
      const client = await join(person)
      client.send({ type: 'message', content: `by ${person.username}`, ref: 'r' })
      await client.nextOf('ack')
    }
    await database.client.query(`delete from "${database.schema}".users where id = $1`, [jane.id])
    const restarted = await startChat({ database })
    const history = await restarted.call('GET', '/api/chat/messages', { token: john.token })
    expect(history.body.map(({ content }: Frame) => content)).toEqual(['by john', 'by jane', 'by john'])
    expect(history.body[1]).toMatchObject({ user_id: jane.id, username: 'deleted user' })
    const reader = await restarted.join(john, {}, '?rooms=')
    reader.send({ type: 'subscribe', room: 'general', after: 0 })
    expect((await reader.nextOf('subscribed')).seq).toBe(3)
    for (const seq of [1, 2, 3]) expect(await reader.nextOf('message')).toMatchObject({ seq })
  })

  test('is encrypted at rest: no row contains its text', async () => {
    const { client, database } = await talk(0)
    client.send({ type: 'message', content: 'a very secret text', meta: { also: 'a secret thing' } })
    await client.nextOf('message')
    const rows = await database.client.query<{ content: string; meta: string }>(
      `select * from "${database.schema}".messages`,
      []
    )
    expect(JSON.stringify(rows)).not.toMatch(/secret/)
    const keyring = createKeyring({ current: ENCRYPTION_KEY, previous: [], now: Date.now })
    expect(keyring.decrypt(rows[0]?.content ?? '')).toBe('a very secret text')
  })

  test('is readable after a rotation of the encryption key', async () => {
    const { john, database } = await talk(1)
    const rotated = await startChat({
      database,
      settings: { encryptionKey: generateKey(), encryptionKeyPrevious: [ENCRYPTION_KEY] }
    })
    const { body } = await rotated.call('GET', '/api/chat/messages', { token: john.token })
    expect(body).toMatchObject([{ content: 'message 1' }])
  })
})
