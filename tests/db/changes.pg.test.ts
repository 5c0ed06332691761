/** Tests how the service reads changes that other sessions of a PostgreSQL server make, and how it is notified of them. */
import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { expect, inject, onTestFinished, test } from 'vitest'
import { createPostgresBus } from '../../src/bus/drivers/postgres.ts'
import { openClient } from '../../src/db/client/open.ts'
import { createDatabase } from '../../src/db/database.ts'
import { migrateUp } from '../../src/db/migrate.ts'
import { testClient, testDatabase } from '../support/database.ts'
import { createDeferred } from '../support/deferred.ts'

const connect = () => {
  const sql = postgres(inject('testListenUrl'), { max: 1, onnotice: () => {} })
  onTestFinished(() => sql.end({ timeout: 1 }))
  return sql
}

test('a change in a long transaction is read after its commit, even if later changes were read before', async () => {
  const { schema, users, changes } = await testDatabase()
  const [john, ann] = [
    await users.create({ username: 'john', hashedPassword: null }),
    await users.create({ username: 'ann', hashedPassword: null })
  ]
  let { snapshot } = await changes.read(undefined)
  const seen = async () => {
    const read = await changes.read(snapshot)
    snapshot = read.snapshot
    return read.changes?.deletedUsers
  }
  const [long, short] = [connect(), connect()]
  const open = await long.reserve()
  await open.unsafe('begin')
  await open.unsafe(`delete from "${schema}".users where id = ${john.id}`)
  // Sets the time of the row to the past, so that a reader that selects changes by time would miss the row.
  await open.unsafe(`update "${schema}".revocations set at = now() - interval '50 minutes'`)
  expect(await seen()).toEqual([])
  await short.unsafe(`delete from "${schema}".users where id = ${ann.id}`)
  expect(await seen()).toEqual([ann.id])
  await open.unsafe('commit')
  open.release()
  expect(await seen()).toEqual([john.id])
  expect(await seen()).toEqual([])
})

test('changes are read while all other queries wait, and reading fails soon if a table is locked', async () => {
  const { schema } = await testDatabase()
  const client = await openClient({ url: inject('testDatabaseUrl'), poolMax: 3 })
  onTestFinished(() => client.close())
  const { changes } = createDatabase(client, schema)
  const [waiting, locking] = [await connect().reserve(), await connect().reserve()]
  await waiting.unsafe('select pg_advisory_lock(7312557)')
  const blocked = Array.from({ length: 5 }, () => client.query('select pg_advisory_xact_lock(7312557)'))
  const { snapshot } = await changes.read(undefined)
  await locking.unsafe(`begin; lock table "${schema}".users in access exclusive mode`)
  await expect(changes.read(snapshot)).rejects.toMatchObject({ code: '55P03' })
  await locking.unsafe('rollback')
  expect(await changes.read(snapshot)).toMatchObject({ changes: { deletedUsers: [] } })
  expect(client.waiting?.()).toBe(3)
  await waiting.unsafe('select pg_advisory_unlock(7312557)')
  await Promise.all(blocked)
  for (const session of [waiting, locking]) session.release()
})

test('a role needs no further privilege to delete users and erase messages, and every process is notified', async () => {
  const { client, schema, users, rooms } = await testDatabase()
  const owner = await testClient()
  await users.create({ username: 'john', hashedPassword: null })
  const role = `operator_${randomBytes(6).toString('hex')}`
  await owner.query(`create role ${role}`)
  onTestFinished(async () => {
    await owner.query(`drop owned by ${role}`)
    await owner.query(`drop role ${role}`)
  })
  await owner.query(`grant usage on schema "${schema}" to ${role}`)
  await owner.query(`grant select, update, delete on "${schema}".users, "${schema}".messages to ${role}`)
  const instance = async () => [schema, (await rooms.findByName('general'))?.epoch ?? '']
  if (!client.notifications) throw new Error('PostgreSQL notifies')
  const bus = createPostgresBus({ database: client.notifications, instance })
  onTestFinished(() => bus.close())
  const received = createDeferred<unknown>()
  await bus.listen({ grown: () => {}, reset: () => {}, event: (event, from) => received.resolve([event, from]) })
  const sql = connect()
  await sql.unsafe(`set role ${role}`)
  await sql.unsafe(`update "${schema}".messages set content = null`)
  await sql.unsafe(`delete from "${schema}".users`)
  expect(await received.promise).toEqual([{ kind: 'changed' }, 'database'])
})

test('notifications are delivered for any name of the schema', async () => {
  const client = await testClient()
  const schema = `t_${randomBytes(4).toString('hex')} "quoted" \\ ü`
  onTestFinished(async () => {
    await client.query(`drop schema "${schema.replaceAll('"', '""')}" cascade`)
  })
  await migrateUp(client, schema)
  const { users, rooms } = createDatabase(client, schema)
  const { id } = await users.admit({ externalId: 'x', username: 'Ann' })
  const instance = async () => [schema, (await rooms.findByName('general'))?.epoch ?? '']
  if (!client.notifications) throw new Error('PostgreSQL notifies')
  const bus = createPostgresBus({ database: client.notifications, instance })
  onTestFinished(() => bus.close())
  const received = createDeferred<string>()
  await bus.listen({ grown: () => {}, reset: () => {}, event: event => received.resolve(event.kind) })
  await users.admit({ externalId: 'x', username: 'Ann Other' })
  expect(await received.promise).toBe('changed')
  expect((await users.findByIds([id])).get(id)?.username).toBe('Ann Other')
})
