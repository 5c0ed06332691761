/** Tests migrations while other transactions hold locks on the tables. */

import postgres from 'postgres'
import { expect, onTestFinished, test } from 'vitest'
import { readMigrations } from '../../src/db/migrate/files.ts'
import { migrateDown, migrateUp, migrationStatus } from '../../src/db/migrate.ts'
import { testClient, testDatabaseUrl, testSchema } from '../support/database.ts'

/** Creates a schema in which the migrations from 0005 on are pending. Starts a transaction that locks the table `messages`. */
const start = async () => {
  const [client, schema] = [await testClient(), await testSchema()]
  await migrateUp(client, schema)
  const tags = readMigrations().map(({ tag }) => tag)
  const pending = tags.slice(tags.indexOf('0005_changes'))
  for (const _ of pending) await migrateDown(client, schema)
  const sql = postgres(await testDatabaseUrl(), { max: 1, onnotice: () => {} })
  onTestFinished(() => sql.end({ timeout: 1 }))
  await sql.unsafe(`begin; lock table "${schema}".messages in row exclusive mode`)
  return { client, schema, pending, commit: () => sql.unsafe('commit').execute() }
}

test('it fails if a table stays locked, names the table, and changes nothing', async () => {
  const { client, schema, pending, commit } = await start()
  const attempt = migrateUp(client, schema, { lockMs: 50, pausesMs: [1] })
  await expect(attempt).rejects.toThrow(
    /table lock, in: CREATE TRIGGER .* ON "t_\w+"."messages" … .*run the migration again/
  )
  const states = (await migrationStatus(client, schema)).slice(-pending.length).map(({ state }) => state)
  expect(new Set(states)).toEqual(new Set(['pending']))
  await commit()
})

test('it applies the migrations after a pause in which the other transaction has ended', async () => {
  const { client, schema, pending, commit } = await start()
  // After each failed attempt, the migration takes the next pause from `pausesMs`. When it takes the second one, the commit of
  // the other transaction starts. On a busy server, more attempts may fail before the commit is complete.
  let committed: Promise<unknown> | undefined
  const pausesMs = (function* () {
    yield 1
    committed = commit()
    for (let pause = 0; pause < 100; pause++) yield 1
  })()
  const attempt = migrateUp(client, schema, { lockMs: 200, pausesMs })
  expect(await attempt).toEqual(pending)
  await committed
})

test('it waits for an append that has locked its room, without a deadlock', async () => {
  const [client, schema] = [await testClient(), await testSchema()]
  await migrateUp(client, schema)
  while ((await migrateDown(client, schema)) !== '0005_changes');
  const sql = postgres(await testDatabaseUrl(), { max: 1, onnotice: () => {} })
  onTestFinished(() => sql.end({ timeout: 1 }))
  // Executes the statements of an append in the same order as the service.
  await sql.unsafe(`begin; select from "${schema}".rooms where id = 1 for no key update`)
  const attempt = migrateUp(client, schema, { lockMs: 30_000, pausesMs: [] })
  const waits = `select from pg_locks where not granted and relation in
    (select oid from pg_class where relnamespace = '"${schema}"'::regnamespace)`
  await expect.poll(async () => (await client.query(waits)).length).toBeGreaterThan(0)
  await sql.unsafe(`insert into "${schema}".messages (room_id, seq, kind, user_id, write_id, created_at)
    values (1, 1, 'message', 1, 'w', now()); commit`)
  expect((await attempt)[0]).toBe('0005_changes')
})
