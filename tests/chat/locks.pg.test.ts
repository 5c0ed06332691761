/** Tests that a lock that another session holds delays only the work that needs the lock. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import type { SqlClient } from '../../src/db/client/types.ts'
import { testDatabaseUrl } from '../support/database.ts'
import { createDeferred } from '../support/deferred.ts'
import { type RunningChat, startChat } from '../support/start-chat.ts'

/** Executes a statement, and holds its locks until the returned function is called. */
const hold = async (text: string): Promise<() => Promise<void>> => {
  const client = await openClient({ url: await testDatabaseUrl(), poolMax: 1 })
  const [held, released] = [createDeferred(), createDeferred()]
  const holding = client.transaction(async transaction => {
    await transaction.exec(`set local idle_in_transaction_session_timeout = 0; ${text}`)
    held.resolve()
    await released.promise
  })
  await Promise.race([held.promise, holding])
  const end = async (): Promise<void> => {
    released.resolve()
    await holding
    await client.close()
  }
  // Releases the locks even if the test fails, because they would block the `drop schema` that runs when the test ends.
  onTestFinished(end)
  return end
}

const start = async (): Promise<RunningChat & { client: SqlClient; table: (name: string) => string }> => {
  const chat = await startChat({ settings: { messageRateLimit: 0 } })
  return { ...chat, client: chat.database.client, table: name => `"${chat.database.schema}"."${name}"` }
}

/**
 * The service's `lock_timeout` in milliseconds. A statement fails when it has waited this long for a lock, unless a shorter
 * timeout is set for the statement.
 */
const LOCK_TIMEOUT_MS = 8000

const send = (room: string, nonce: string) => ({ type: 'message', room, content: nonce, nonce })

describe('a lock that another session holds', () => {
  test('on a room delays only the messages of that room', async () => {
    const chat = await start()
    const john = await chat.register('john')
    for (const room of ['other', 'third']) {
      await chat.call('POST', '/api/chat/rooms', { token: john.token, body: { room } })
    }
    const socket = await chat.join(john, {}, '?rooms=general,other,third')
    const release = await hold(`select from ${chat.table('rooms')} where name = 'general' for update`)
    for (const room of ['general', 'other', 'third']) socket.send(send(room, `${room}-1`))
    const acks = [await socket.nextOf('ack'), await socket.nextOf('ack')]
    expect(acks.map(({ nonce }) => nonce).sort()).toEqual(['other-1', 'third-1'])
    // The append queue has detected that the room is locked, so messages to other rooms no longer wait for the lock. If they
    // still waited, every ack would take at least one second, which is the lock timeout of appends. On a busy machine, single
    // acks may take that long too, so only the fastest ack is checked.
    const waits: number[] = []
    for (let at = 2; at < 20; at++) {
      socket.send(send('general', `general-${at}`))
      socket.send(send('other', `other-${at}`))
      const startedAt = performance.now()
      expect(await socket.nextOf('ack')).toMatchObject({ nonce: `other-${at}` })
      waits.push(performance.now() - startedAt)
    }
    expect(Math.min(...waits)).toBeLessThan(900)
    await release()
    for (let at = 1; at < 20; at++)
      expect(await socket.nextOf('ack')).toMatchObject({ nonce: `general-${at}`, seq: at })
    const { body } = await chat.call('GET', '/api/chat/rooms/general/messages', { token: john.token })
    expect(body.messages.map(({ content }: { content: string }) => content)).toEqual(
      Array.from({ length: 19 }, (_, at) => `general-${at + 1}`)
    )
  }, 300_000)

  test('on the reactions and changes of a room delays no message of another room', async () => {
    const chat = await start()
    const john = await chat.register('john')
    await chat.call('POST', '/api/chat/rooms', { token: john.token, body: { room: 'other' } })
    const socket = await chat.join(john, {}, '?rooms=general,other')
    socket.send(send('general', 'first'))
    const { seq: target } = await socket.nextOf('ack')
    socket.send({ type: 'react', target, key: '+1', ref: 'one' })
    await socket.nextOf('ack')
    const release = await hold(`select from ${chat.table('message_state')} for update`)
    // Both entries are in the same batch, because they are sent while an append is in flight.
    const startedAt = performance.now()
    socket.send(send('other', 'other-1'))
    socket.send({ type: 'react', target, key: 'ok', ref: 'two' })
    socket.send(send('other', 'other-2'))
    for (const nonce of ['other-1', 'other-2']) expect(await socket.nextOf('ack')).toMatchObject({ nonce })
    expect(performance.now() - startedAt).toBeLessThan(LOCK_TIMEOUT_MS)
    await release()
    expect(await socket.nextOf('ack')).toMatchObject({ ref: 'two' })
  }, 300_000)

  test('on messages, users and rate limits delays no message, no read and no login of another user', async () => {
    const chat = await start()
    const [john, jane] = [await chat.register('john'), await chat.register('jane')]
    const socket = await chat.join(john)
    socket.send(send('general', 'first'))
    await socket.nextOf('ack')
    await chat.client.query(
      `insert into ${chat.table('rate_limits')} values ('somebody', 1, now() - interval '1 hour')`
    )
    const release = await hold(`select from ${chat.table('messages')} for update;
      select from ${chat.table('users')} where username = 'john' for update; select from ${chat.table('rate_limits')} for update;
      select pg_advisory_xact_lock(hashtextextended('fastify-chat:migrate:${chat.database.schema}', 0))`)
    const { token } = jane
    const body = { username: 'jane', password: 'SecurePass123' }
    const works: (() => Promise<unknown>)[] = [
      async () => {
        socket.send(send('general', 'second'))
        expect(await socket.nextOf('ack')).toMatchObject({ seq: 2 })
      },
      async () => expect(await chat.call('GET', '/api/chat/messages', { token })).toMatchObject({ status: 200 }),
      async () => expect(await chat.call('GET', '/api/chat/rooms', { token })).toMatchObject({ status: 200 }),
      async () => expect(await chat.call('POST', '/api/auth/login', { body })).toMatchObject({ status: 200 })
    ]
    for (const work of works) {
      const startedAt = performance.now()
      await work()
      expect(performance.now() - startedAt).toBeLessThan(LOCK_TIMEOUT_MS)
    }
    await release()
  }, 300_000)

  test('on whole tables does not block the connections that append messages', async () => {
    const chat = await start()
    const john = await chat.register('john')
    const socket = await chat.join(john)
    const release = await hold(
      `lock table ${chat.table('users')}, ${chat.table('rate_limits')} in access exclusive mode`
    )
    const body = { username: 'jane', password: 'SecurePass123' }
    // Sends more requests than the pool has connections. All of these requests need the locked tables.
    const logins = Array.from({ length: 30 }, () => chat.call('POST', '/api/auth/register', { body }))
    for (let at = 1; at <= 10; at++) {
      socket.send(send('general', `m${at}`))
      expect(await socket.nextOf('ack')).toMatchObject({ nonce: `m${at}`, seq: at })
    }
    expect((await chat.call('GET', '/health/ready')).status).toBe(200)
    await release()
    const responses = await Promise.all(logins)
    expect(responses.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([201, 409]))
  }, 300_000)

  test('on whole tables and a room delays only the messages of that room', async () => {
    const chat = await start()
    const john = await chat.register('john')
    await chat.call('POST', '/api/chat/rooms', { token: john.token, body: { room: 'other' } })
    const socket = await chat.join(john, {}, '?rooms=general,other')
    const release = await hold(
      `lock table ${chat.table('users')}, ${chat.table('rate_limits')} in access exclusive mode;
      select from ${chat.table('rooms')} where name = 'general' for update`
    )
    const body = { username: 'jane', password: 'SecurePass123' }
    const logins = Array.from({ length: 30 }, () => chat.call('POST', '/api/auth/register', { body }))
    await expect.poll(() => chat.client.waiting?.()).toBeGreaterThan(0)
    const startedAt = performance.now()
    socket.send(send('general', 'locked'))
    socket.send(send('other', 'free'))
    expect(await socket.nextOf('ack')).toMatchObject({ nonce: 'free' })
    expect(performance.now() - startedAt).toBeLessThan(20_000)
    await release()
    expect(await socket.nextOf('ack')).toMatchObject({ nonce: 'locked' })
    await Promise.all(logins)
  }, 300_000)

  test('on the rate limits makes no read of other users fail, however many logins wait for it', async () => {
    const chat = await startChat({ settings: { loginRateLimit: 5 } })
    const { token } = await chat.register('john')
    const release = await hold(`lock table "${chat.database.schema}".rate_limits`)
    let requests = 0
    chat.server.server.on('request', () => requests++)
    const body = { username: 'john', password: 'SecurePass123' }
    const logins = Array.from({ length: 250 }, () => chat.call('POST', '/api/auth/login', { body }))
    await expect.poll(() => requests).toBe(logins.length)
    for (let at = 0; at < 20; at++)
      expect(await chat.call('GET', '/api/chat/messages', { token })).toMatchObject({ status: 200 })
    await release()
    await Promise.all(logins)
  }, 300_000)
})
