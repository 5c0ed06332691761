/** Tests messages that are published in a transaction of the host application: commit, rollback, lost connections, and locks. */
import postgres from 'postgres'
import { expect, inject, onTestFinished, test } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import { createDatabase } from '../../src/db/database.ts'
import { ChatError, type CommittedEntry } from '../../src/index.ts'
import { testClient, testDatabase } from '../support/database.ts'
import { startHost } from '../support/start-host.ts'

const bot = { id: 'bot', name: 'Bot' }
const messages = '/support/api/chat/rooms/general/messages'

const sqlOf = (options: postgres.Options<Record<string, postgres.PostgresType>> = {}) => {
  const sql = postgres(inject('testListenUrl'), { onnotice: () => {}, max: 5, ...options })
  onTestFinished(() => sql.end({ timeout: 1 }))
  return sql
}

/** Starts a host that has a table `orders` of its own in the schema of the chat. */
const startShop = async (options: postgres.Options<Record<string, postgres.PostgresType>> = {}) => {
  const host = await startHost()
  const { schema } = host.database
  const owner = await testClient()
  await owner.query(`create table "${schema}".orders (id integer primary key)`)
  onTestFinished(() => owner.query(`drop table if exists "${schema}".orders`).then(() => {}))
  const entries: CommittedEntry[] = []
  host.chat.on('entry', entry => entries.push(entry))
  const heard: string[] = []
  host.chat.on('message', ({ content }) => heard.push(content))
  const orders = async () =>
    (await owner.query<{ id: number }>(`select id from "${schema}".orders`)).map(({ id }) => id)
  const history = async () =>
    (await host.call('GET', messages, { as: 'ann' })).body.messages.map((item: { content: string }) => item.content)
  return { ...host, sql: sqlOf(options), table: `"${schema}".orders`, entries, heard, orders, history }
}

test('publishes a message if and only if the transaction of the host commits', async () => {
  const { chat, sql, table, join, orders, history, entries, heard } = await startShop()
  const ann = await join('ann')
  const posted = await sql.begin(async transaction => {
    await transaction.unsafe(`insert into ${table} values (1)`)
    const message = await chat.post({ as: bot, content: 'ordered', meta: { order: 1 }, nonce: 'o1', transaction })
    expect(await ann.untilPong(), 'nothing is delivered before the commit').toEqual([])
    expect(await history()).toEqual([])
    expect(heard).toEqual([])
    return message
  })
  expect(await ann.nextOf('message')).toMatchObject({ content: 'ordered', meta: { order: 1 }, seq: 1, username: 'Bot' })
  expect(posted).toMatchObject({ room: 'general', seq: 1, user: bot, content: 'ordered', nonce: 'o1' })
  expect(await orders()).toEqual([1])

  const failure = new Error('out of stock')
  const rolledBack = sql.begin(async transaction => {
    await transaction.unsafe(`insert into ${table} values (2)`)
    await chat.post({ as: bot, content: 'never', nonce: 'o2', transaction })
    throw failure
  })
  await expect(rolledBack).rejects.toBe(failure)
  const next = await chat.post({ as: bot, content: 'after', nonce: 'o2' })
  expect(next.seq, 'the rollback leaves no gap').toBe(2)
  expect(await ann.next()).toMatchObject({ content: 'after', seq: 2 })
  expect(await orders()).toEqual([1])
  expect(await history()).toEqual(['ordered', 'after'])
  await expect.poll(() => heard).toEqual(['ordered', 'after'])
  expect(entries).toMatchObject([
    { type: 'message', seq: 1, content: 'ordered', user: bot, meta: { order: 1 }, createdAt: posted.createdAt },
    { type: 'message', seq: 2, content: 'after' }
  ])
})

test('reports the entries of a room in order, also those of other posts that follow a transaction', async () => {
  const { chat, sql, entries } = await startShop()
  const posts: Promise<unknown>[] = []
  for (let at = 0; at < 10; at++) {
    await sql
      .begin(async transaction => {
        await chat.post({ as: bot, content: `t${at}`, transaction })
        posts.push(chat.post({ as: bot, content: `p${at}` }))
        if (at % 3 === 0) throw new Error('rolled back')
      })
      .catch(() => {})
  }
  await Promise.all(posts)
  await expect.poll(() => entries.length).toBe(16)
  expect(entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 16 }, (_, at) => at + 1))
})

test('stores a nonce once, and leaves the transaction usable after a refusal', async () => {
  const { chat, sql, table, orders, history } = await startShop()
  const first = await chat.post({ as: bot, content: 'one', nonce: 'n' })
  await sql.begin(async transaction => {
    await transaction.unsafe(`insert into ${table} values (1)`)
    expect(await chat.post({ as: bot, content: 'one', nonce: 'n', transaction })).toEqual(first)
    const refused = [
      { content: 'other', nonce: 'n', code: 'nonce_reused' },
      { content: 'x', room: 'absent', code: 'room_not_found' },
      { content: 'x'.repeat(5000), code: 'message_too_long' }
    ]
    for (const { code, ...post } of refused) {
      await expect(chat.post({ as: bot, ...post, transaction })).rejects.toMatchObject({ code })
    }
    await transaction.unsafe(`insert into ${table} values (2)`)
    // Posts of one transaction run one after another. Otherwise their savepoints would be nested, and a refused post would also
    // undo other posts.
    const both = [
      chat.post({ as: bot, content: 'two', transaction }),
      chat.post({ as: bot, content: 'three', transaction })
    ]
    const bad = chat.post({ as: bot, content: 'bad', nonce: 'n', transaction })
    await expect(bad).rejects.toMatchObject({ code: 'nonce_reused' })
    expect(await Promise.all(both)).toMatchObject([{ seq: 2 }, { seq: 3 }])
  })
  expect(await orders()).toEqual([1, 2])
  expect(await history()).toEqual(['one', 'two', 'three'])
})

test('undoes a post with the savepoint of the host', async () => {
  const { chat, sql, history } = await startShop()
  await sql.begin(async transaction => {
    await chat.post({ as: bot, content: 'kept', transaction })
    const undone = transaction.savepoint(async inner => {
      await chat.post({ as: bot, content: 'undone', transaction: inner })
      throw new Error('undo')
    })
    await expect(undone).rejects.toThrow('undo')
    await chat.post({ as: bot, content: 'last', transaction })
  })
  await expect.poll(history).toEqual(['kept', 'last'])
})

test('publishes nothing if the connection of the transaction is lost', async () => {
  const { chat, sql, join, history, database } = await startShop()
  const ann = await join('ann')
  const lost = sql.begin(async transaction => {
    const [row] = await transaction`select pg_backend_pid() as pid`
    await chat.post({ as: bot, content: 'lost', transaction })
    await database.client.query('select pg_terminate_backend($1::integer)', [row?.pid])
    await new Promise(() => {})
  })
  await expect(lost).rejects.toThrow()
  expect(await chat.post({ as: bot, content: 'next' })).toMatchObject({ seq: 1 })
  expect(await ann.nextOf('message')).toMatchObject({ content: 'next', seq: 1 })
  expect(await history()).toEqual(['next'])
})

test('does not delay other rooms, and retries appends to the locked room', async () => {
  const { chat, sql, join } = await startShop()
  await chat.createRoom({ room: 'other' })
  const ann = await join('ann')
  let waiting: Promise<unknown> | undefined
  await sql.begin(async transaction => {
    await chat.post({ as: bot, content: 'held', transaction })
    waiting = chat.post({ as: bot, content: 'waits' })
    const others = [...Array(20).keys()].map(at => chat.post({ as: bot, room: 'other', content: `${at}` }))
    await Promise.all(others)
    const took: number[] = []
    for (let at = 0; at < 9; at++) {
      const startedAt = performance.now()
      await chat.post({ as: bot, room: 'other', content: `later ${at}` })
      took.push(performance.now() - startedAt)
    }
    // If posts to the other room waited for the lock of the first room, the median would be at least a second.
    expect(took.sort((one, other) => one - other)[4]).toBeLessThan(900)
    // A post in a second transaction stops waiting for the lock after the lock timeout, and is refused with `busy`. The second
    // transaction can still be committed.
    await sql.begin(async second => {
      const posting = chat.post({ as: bot, content: 'busy', transaction: second })
      await expect(posting).rejects.toMatchObject({ code: 'busy' })
      await chat.post({ as: bot, room: 'other', content: 'instead', transaction: second })
    })
  })
  expect(await waiting).toMatchObject({ seq: 2 })
  expect(await ann.nextOf('message')).toMatchObject({ content: 'held', seq: 1 })
  expect(await ann.nextOf('message')).toMatchObject({ content: 'waits', seq: 2 })
})

test.each([
  ['camel case', { transform: postgres.camel }],
  ['no prepared statements', { prepare: false, fetch_types: false }],
  ['few digits', { connection: { extra_float_digits: -15, array_nulls: 'off' as never } }],
  ['big integers', { types: { bigint: postgres.BigInt } }]
])('works with the own types and settings of a client: %s', async (_, options) => {
  const { chat, sql, history } = await startShop(options as object)
  for (let at = 0; at < 12; at++) await chat.post({ as: bot, content: `${at}` })
  const posted = await sql.begin(transaction => chat.post({ as: bot, content: 'posted', transaction }))
  expect(posted).toMatchObject({ seq: 13 })
  expect(Math.abs(posted.createdAt.getTime() - Date.now())).toBeLessThan(60_000)
  await expect.poll(async () => (await history()).at(-1)).toBe('posted')
})

test('explains why a transaction cannot be used, and leaves it usable', async () => {
  const { chat, sql, table, orders } = await startShop()
  const post = (transaction: never) => chat.post({ as: bot, content: 'x', transaction })
  const expectRefusal = (posting: Promise<unknown>, detail: RegExp) =>
    expect(posting).rejects.toMatchObject({ code: 'validation_failed', message: expect.stringMatching(detail) })

  for (const level of ['repeatable read', 'serializable']) {
    await sql.begin(`isolation level ${level}`, async transaction => {
      await expectRefusal(post(transaction as never), new RegExp(`${level}.*read committed`))
      await transaction.unsafe(`insert into ${table} values (${level.length})`)
    })
  }
  expect(await orders()).toHaveLength(2)
  await sql.begin('read only', transaction => expectRefusal(post(transaction as never), /read-only/))
  await expectRefusal(post(sql as never), /sql\.begin/)
  await expectRefusal(post({} as never), /sql\.begin/)
  let ended: unknown
  await sql.begin(async transaction => {
    ended = transaction
  })
  await expectRefusal(post(ended as never), /ended/)
  const elsewhere = sqlOf({ database: 'template1' })
  await elsewhere.begin(transaction => expectRefusal(post(transaction as never), /database of the chat/))
})

test('delivers to two processes, and after lost notifications at the next poll', async () => {
  const database = await testDatabase()
  const other = await openClient({ url: inject('testDatabaseUrl'), listenUrl: inject('testListenUrl'), poolMax: 5 })
  onTestFinished(() => other.close())
  const one = await startHost({ database })
  const two = await startHost({ database: createDatabase(other, database.schema) })
  const entries: string[] = []
  for (const { chat } of [one, two]) chat.on('entry', ({ seq, room }) => entries.push(`${room} ${seq}`))
  const [ann, bob] = [await one.join('ann'), await two.join('bob')]
  const sql = sqlOf()
  const startedAt = performance.now()
  await sql.begin(transaction => one.chat.post({ as: bot, content: 'fast', transaction }))
  for (const socket of [ann, bob]) expect(await socket.nextOf('message')).toMatchObject({ content: 'fast', seq: 1 })
  expect(performance.now() - startedAt, 'faster than the poll').toBeLessThan(4000)

  // The notification of this entry is lost, so only the poll finds the entry.
  await sql.begin(async transaction => {
    const silent = Object.assign((...given: never[]) => (transaction as never as CallableFunction)(...given), {
      unsafe: transaction.unsafe,
      savepoint: (work: (inner: unknown) => unknown) =>
        transaction.savepoint(inner =>
          work({
            unsafe: (text: string, ...more: never[]) =>
              text.includes('pg_notify') ? inner.unsafe('select $1, $2', ...more) : inner.unsafe(text, ...more)
          })
        )
    })
    await one.chat.post({ as: bot, content: 'slow', transaction: silent as never })
  })
  for (const socket of [ann, bob]) expect(await socket.nextOf('message')).toMatchObject({ content: 'slow', seq: 2 })
  // Only the process that published an entry emits `entry`. If both processes emitted it, `entries` would have four elements.
  await expect.poll(() => entries).toHaveLength(2)
  expect(entries).toEqual(['general 1', 'general 2'])
})

test('posts for users whom a room restricts, also in a transaction', async () => {
  const { chat, sql, database, history } = await startShop()
  await chat.post({ as: bot, content: 'first' })
  const rooms = `"${database.schema}".rooms`
  await database.client.query(`update ${rooms} set slow_mode_seconds = 3600, guarded = true where name = 'general'`)
  await chat.post({ as: bot, content: 'second' })
  await chat.post({ as: bot, content: 'third' })
  await sql.begin(transaction => chat.post({ as: bot, content: 'fourth', transaction }))
  await expect.poll(history).toEqual(['first', 'second', 'third', 'fourth'])
  await database.client.query(`update ${rooms} set archived = true where name = 'general'`)
  await sql.begin(async transaction => {
    const posting = chat.post({ as: bot, content: 'x', transaction })
    await expect(posting).rejects.toBeInstanceOf(ChatError)
  })
  await database.client.query(`update ${rooms} set archived = false, slow_mode_seconds = 0, guarded = false`)
})
