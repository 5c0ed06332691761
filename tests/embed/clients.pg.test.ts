/**
 * Tests the chat over a host's own database client. The chat qualifies every name with the chat's schema. The chat neither
 * changes nor closes the client.
 */
import { PGlite } from '@electric-sql/pglite'
import postgres from 'postgres'
import { expect, inject, onTestFinished, test } from 'vitest'
import { testSchema } from '../support/database.ts'
import { startHost } from '../support/start-host.ts'

const clientOf = (options: postgres.Options<Record<string, postgres.PostgresType>>) => {
  const sql = postgres(inject('testListenUrl'), { onnotice: () => {}, ...options })
  onTestFinished(() => sql.end({ timeout: 1 }))
  return sql
}

/** Sends a message, and reads it on a second host. The second host has to load the message from the database. */
const chatOver = async (client: postgres.Sql | PGlite, databaseSchema: string) => {
  const first = await startHost({ client, databaseSchema })
  const ann = await first.join('ann:Ann')
  ann.send({ type: 'message', content: 'hello', meta: { a: 1 } })
  await ann.nextOf('message')
  await first.app.close()
  const second = await startHost({ client, databaseSchema })
  const response = await second.call('GET', '/support/api/chat/messages', { as: 'bob:Bob' })
  expect(response.body).toMatchObject([{ username: 'Ann', content: 'hello', meta: { a: 1 } }])
  expect(response.body[0].created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/)
  await second.app.close()
}

test('works over a client of postgres.js with its own types, names and search path', async () => {
  const elsewhere = await testSchema()
  const sql = clientOf({
    transform: postgres.camel,
    connection: { search_path: elsewhere },
    types: { bigint: postgres.BigInt }
  })
  await sql.unsafe(`create schema ${elsewhere}`)
  await sql.unsafe(`create table ${elsewhere}.users (id text); create table ${elsewhere}.rooms (id text)`).simple()
  await chatOver(sql, await testSchema())
  const [row] = await sql`select now() as the_time, 1::bigint as big`
  expect(row?.theTime).toBeInstanceOf(Date)
  expect(row?.big).toBe(1n)
  expect(await sql`select * from users`).toEqual([])
})

test('works over a client that may not prepare statements', async () => {
  await chatOver(clientOf({ prepare: false }), await testSchema())
})

test('works over a client that knows no array types', async () => {
  await chatOver(clientOf({ fetch_types: false }), await testSchema())
})

test('works over a client that parses and serializes every type differently', async () => {
  const own = (to: number, from: number[]) => ({
    to,
    from,
    serialize: () => 'wrong',
    parse: (text: string) => ({ text })
  })
  const types = {
    int: { ...own(23, [21, 23, 26]), serialize: (value: unknown) => String(value) },
    float: { ...own(701, [700, 701]), serialize: (value: unknown) => String(value) },
    bool: own(16, [16]),
    json: own(114, [114, 3802]),
    date: own(1184, [1082, 1114, 1184])
  }
  await chatOver(clientOf({ types, transform: { ...postgres.pascal, undefined: null } }), await testSchema())
})

test.each([
  ['isolation', { default_transaction_isolation: 'serializable' as const }],
  ['timeouts', { statement_timeout: 5000, lock_timeout: 4000 }],
  ['floats and arrays', { extra_float_digits: -15, array_nulls: 'off', datestyle: 'German' }]
])('works over a client with other defaults, and keeps them: %s', async (_, connection) => {
  const sql = clientOf({ connection })
  await chatOver(sql, await testSchema())
  const [name, value] = Object.entries(connection)[0] ?? []
  const [row] = await sql`select setting from pg_settings where name = ${name ?? ''}`
  expect(row?.setting, 'the setting of the host must not change').toBe(String(value))
})

test('rejects a client that transforms whole rows', async () => {
  const sql = clientOf({ transform: { row: row => row } })
  await expect(startHost({ client: sql, databaseSchema: 'chat' })).rejects.toThrow(/transform\.row/)
})

test('works over a client with one connection', async () => {
  await chatOver(clientOf({ max: 1 }), await testSchema())
})

test('qualifies names in the schema "public" too, regardless of the search path', async () => {
  const name = `chat_${Math.random().toString(36).slice(2, 10)}`
  const admin = clientOf({})
  await admin.unsafe(`create database ${name}`)
  const sql = postgres(inject('testListenUrl'), {
    database: name,
    onnotice: () => {},
    connection: { search_path: 'nowhere' }
  })
  onTestFinished(async () => {
    await sql.end({ timeout: 1 })
    await admin.unsafe(`drop database ${name} with (force)`)
  })
  await chatOver(sql, 'public')
})

test('works over a PGlite with other defaults and parsers', async () => {
  const pglite = await PGlite.create({ parsers: { 23: text => ({ text }), 701: text => ({ text }) } })
  onTestFinished(() => pglite.close())
  await pglite.exec(`set default_transaction_isolation to serializable; set datestyle to german; set array_nulls to off;
    set extra_float_digits to -15`)
  await chatOver(pglite, 'chat')
  expect((await pglite.query('show default_transaction_isolation')).rows).toEqual([
    { default_transaction_isolation: 'serializable' }
  ])
})

test('works over a PGlite', async () => {
  const pglite = await PGlite.create()
  onTestFinished(() => pglite.close())
  await chatOver(pglite, 'chat')
  expect((await pglite.query('select 1 as one')).rows).toEqual([{ one: 1 }])
}, 300_000)
