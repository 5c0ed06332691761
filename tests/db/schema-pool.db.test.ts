/** Tests the schema pool, from which the other tests take their schemas. */
import { beforeAll, describe, expect, it } from 'vitest'
import type { SqlClient } from '../../src/db/client/types.ts'
import { engine, testClient } from '../support/database.ts'
import { newSchema, returnSchema } from '../support/schema-pool.ts'

let client: SqlClient
beforeAll(async () => {
  client = await testClient()
})

/**
 * Returns the rows that a new schema has, without their times. Also returns the numbers of users and audit events, and the last
 * values of all sequences.
 */
const contentOf = async (schema: string) => ({
  rooms: await client.query(`select id, name, title, last_seq from ${schema}.rooms`),
  steps: await client.query(`select step from ${schema}.upgrades`),
  migrations: await client.query(`select tag, hash from ${schema}.chat_migrations order by tag`),
  others: await client.query(
    `select (select count(*) from ${schema}.users) as users, (select count(*) from ${schema}.audit) as events`
  ),
  sequences: await client.query(
    `select sequencename, last_value from pg_sequences where schemaname = $1 order by sequencename`,
    [schema]
  )
})

it('restores the rows and the sequences of a migrated schema', async () => {
  const schema = await newSchema(client)
  const before = await contentOf(schema)
  await client.transaction(async ({ exec }) => {
    await exec(
      `insert into ${schema}.users (username) values ('ann'); insert into ${schema}.audit (event) values ('login')`
    )
    await exec(`delete from ${schema}.rooms; insert into ${schema}.rooms (name, title) values ('other', 'Other')`)
  })
  expect(await contentOf(schema)).not.toEqual(before)

  await returnSchema(client, schema)
  expect(await contentOf(schema)).toEqual(before)
})

describe('does not reuse a schema', () => {
  it.each([
    ['with another column', 'alter table users add column more text'],
    ['with another function', 'create function more() returns int language sql as $$ select 1 $$'],
    ['with a changed function', 'alter function chat_users_deleted() set enable_sort = off'],
    ['with a disabled trigger', 'alter table audit disable trigger chat_audit_changed'],
    ['with another privilege', 'grant select on users to public'],
    ['with another privilege on a column', 'grant select (id) on users to public'],
    ['with another default', "alter table users alter column role set default 'admin'"],
    ['without a constraint', 'alter table messages drop constraint messages_pkey cascade'],
    ['with another storage setting', 'alter table users set (fillfactor = 50)'],
    ['with statistics', 'analyze rooms'],
    ['with a large table', 'insert into users (username) select md5(n::text) from generate_series(1, 5000) n']
  ])('%s', async (_, statement) => {
    const schema = await newSchema(client)
    const undo = new Error('undo')
    const changed = client.transaction(async ({ exec, query }) => {
      await exec(`set local search_path to ${schema}`)
      await exec(statement)
      expect(await query('select test_pool.give_back($1) as done', [schema])).toEqual([{ done: false }])
      throw undo
    })
    await expect(changed).rejects.toBe(undo)
    await returnSchema(client, schema)
  })

  // This test needs a second session, and PGlite has only one.
  if (engine === 'postgres') {
    it('that a transaction still uses', async () => {
      const schema = await newSchema(client)
      await client.transaction(async ({ exec }) => {
        await exec(`insert into ${schema}.users (username) values ('ann')`)
        await expect(client.query('select test_pool.give_back($1)', [schema])).rejects.toThrow('could not obtain lock')
      })
      await returnSchema(client, schema)
    })
  }
})
