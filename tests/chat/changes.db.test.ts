/**
 * Tests changes of rows that an operator makes with SQL. Such changes must reach the caches, the connections and the presence of
 * every process.
 */
import { describe, expect, onTestFinished, test } from 'vitest'
import { createMemoryBus, createMemoryNetwork } from '../../src/bus/drivers/memory.ts'
import { engine, testClient, testDatabase } from '../support/database.ts'
import type { SocketClient } from '../support/socket-client.ts'
import { type Person, type RunningChat, startChat } from '../support/start-chat.ts'
import { startHost } from '../support/start-host.ts'

type Notified = 'with notifications' | 'with notifications lost'
/** The cases to test. `with notifications` needs PostgreSQL, because the embedded database sends no notifications. */
const WAYS: readonly Notified[] =
  engine === 'pglite' ? ['with notifications lost'] : ['with notifications', 'with notifications lost']
/**
 * Starts two processes on one database. John is connected to both processes, and both have his messages in their page cache.
 */
const startTwo = async (way: Notified) => {
  const network = createMemoryNetwork()
  const bus = () => (way === 'with notifications' ? {} : { bus: createMemoryBus(network) })
  const settings = { messageRateLimit: 0, registerRateLimit: 0, loginRateLimit: 0 }
  const one = await startChat({ settings, ...bus() })
  const two = await startChat({ settings, ...bus(), database: one.database })
  const [john, ann] = [await one.register('john'), await one.register('ann')]
  const sockets = [await one.join(john), await two.join(john)] as const
  for (const content of ['first', 'second', 'third']) {
    const body = { content }
    await one.call('POST', '/api/chat/rooms/general/messages', { token: john.token, body })
  }
  const schema = `"${one.database.schema}"`
  const owner = await testClient()
  const run = (text: string) => owner.query(text.replace(/\b(users|messages|rooms)\b/, `${schema}.$1`))
  for (const chat of [one, two]) {
    await expect.poll(async () => (await history(chat, ann)).map(({ content }) => content)).toContain('third')
  }
  return { one, two, john, ann, sockets, run }
}

const history = async (chat: RunningChat, { token }: Person) => {
  const { body } = await chat.call('GET', '/api/chat/rooms/general/messages', { token })
  return body.messages as { seq: number; content: string | null; username: string; unavailable?: string }[]
}

const resumed = async (chat: RunningChat, person: Person, count: number) => {
  const client: SocketClient = await chat.join(person, {}, '?rooms=')
  client.send({ type: 'subscribe', room: 'general', after: 0 })
  const frames = []
  while (frames.length < count) frames.push(await client.nextOf('message'))
  await client.close()
  return frames
}

describe.for(WAYS)('%s', way => {
  test('erased content is no longer returned by any process', async () => {
    const { one, two, ann, run } = await startTwo(way)
    await run('update messages set content = null where seq = 2')
    for (const chat of [one, two]) {
      await expect
        .poll(async () => (await history(chat, ann)).map(({ content }) => content))
        .toEqual(['first', null, 'third'])
      expect((await resumed(chat, ann, 3)).map(({ content }) => content)).toEqual(['first', null, 'third'])
    }
  })

  test('deleted messages are no longer returned by any process', async () => {
    const { one, two, ann, run } = await startTwo(way)
    await run('delete from messages where seq = 3')
    for (const chat of [one, two]) {
      await expect
        .poll(async () => (await history(chat, ann)).map(({ content }) => content))
        .toEqual(['first', 'second'])
    }
  })

  test('a new username is shown in history, on open connections and in presence', async () => {
    const { one, two, ann, sockets, run } = await startTwo(way)
    const watching = await two.join(ann)
    await run(`update users set username = 'johnny' where username = 'john'`)
    for (const chat of [one, two]) {
      await expect.poll(async () => (await history(chat, ann))[0]?.username).toBe('johnny')
      const names = async () => {
        const { body } = await chat.call('GET', '/api/chat/rooms/general/presence', { token: ann.token })
        return (body.users as { username: string }[]).map(({ username }) => username)
      }
      await expect.poll(names).toContain('johnny')
      expect(await names()).not.toContain('john')
    }
    sockets[0].send({ type: 'message', content: 'under a new name' })
    expect(await watching.nextOf('message')).toMatchObject({ content: 'under a new name', username: 'johnny' })
    expect((await history(two, ann)).at(-1)).toMatchObject({ username: 'johnny' })
  })

  test('a deleted user is disconnected, not present, not authenticated, and has no name in history', async () => {
    const { one, two, john, ann, sockets, run } = await startTwo(way)
    await one.join(ann)
    await run(`delete from users where username = 'john'`)
    for (const { closed } of sockets) expect(await closed).toMatchObject({ code: 4401 })
    for (const chat of [one, two]) {
      const present = async () =>
        (await chat.call('GET', '/api/chat/rooms/general/presence', { token: ann.token })).body.users
      await expect.poll(present).toEqual([{ user_id: ann.id, username: 'ann' }])
      await expect.poll(async () => (await chat.call('GET', '/api/users/me', { token: john.token })).status).toBe(401)
      await expect.poll(async () => (await history(chat, ann))[0]?.username).toBe('deleted user')
    }
  })

  test('a new title is shown, and a deleted room is unsubscribed and no longer found', async () => {
    const { two, ann, sockets, run } = await startTwo(way)
    await run(`update rooms set title = 'Lobby' where name = 'general'`)
    const room = () => two.call('GET', '/api/chat/rooms/general', { token: ann.token })
    await expect.poll(async () => (await room()).body.title).toBe('Lobby')
    await run(`delete from rooms where name = 'general'`)
    expect(await sockets[1].nextOf('unsubscribed')).toMatchObject({ room: 'general' })
    await expect.poll(async () => (await room()).status).toBe(404)
  })

  test('a truncated table empties every cache', async () => {
    const { one, two, ann, run } = await startTwo(way)
    await run('truncate messages')
    for (const chat of [one, two]) await expect.poll(() => history(chat, ann)).toEqual([])
  })
})

test('a repeated request does not restore the content of an erased message', async () => {
  const { database, call, register } = await startChat()
  const { token } = await register('john')
  const send = () =>
    call('POST', '/api/chat/rooms/general/messages', {
      token,
      body: { content: 'secret' },
      headers: { 'idempotency-key': 'n' }
    })
  expect(await send()).toMatchObject({ status: 201, body: { content: 'secret' } })
  await database.client.query(`update "${database.schema}".messages set content = null`)
  expect(await send()).toMatchObject({ status: 200, body: { content: null, unavailable: 'erased' } })
})

test('a deleted user of the host is disconnected, and returns as a new user of the chat', async () => {
  const { database, join, call } = await startHost()
  const ann = await join('ann')
  const before = await call('GET', '/support/api/users/me', { as: 'ann' })
  await database.client.query(`delete from "${database.schema}".users`)
  expect(await ann.closed).toMatchObject({ code: 4401 })
  await expect
    .poll(async () => (await call('GET', '/support/api/users/me', { as: 'ann' })).body.id)
    .not.toBe(before.body.id)
})

test('history is read from the database while changes cannot be read, and a warning is logged once', async () => {
  const database = await testDatabase()
  const { query, transaction } = database.client
  let isBroken = false
  const breakable: typeof transaction = (...work) =>
    isBroken ? Promise.reject(new Error('no right to read')) : transaction(...work)
  Object.assign(database.client, { transaction: breakable })
  onTestFinished(() => void Object.assign(database.client, { transaction }))
  const chat = await startChat({ database })
  const john = await chat.register('john')
  await chat.call('POST', '/api/chat/rooms/general/messages', { token: john.token, body: { content: 'secret' } })
  expect((await history(chat, john))[0]?.content).toBe('secret')
  isBroken = true
  await query(`update "${database.schema}".messages set content = null`)
  await expect.poll(async () => (await history(chat, john))[0]?.content).toBeNull()
  expect(chat.log().split('failed to read changes').length - 1).toBe(1)
})
