import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createDatabase } from '../../src/db/database.ts'
import { readMigrations } from '../../src/db/migrate/files.ts'
import { migrateDown, migrateUp, migrationStatus, requireMigrated } from '../../src/db/migrate.ts'
import { testClient, testSchema } from '../support/database.ts'

const start = async () => ({ client: await testClient(), schema: await testSchema() })

const tagsOf = () => readMigrations().map(({ tag }) => tag)

describe('migrating', () => {
  test('applies every migration once, and returns the applied tags', async () => {
    const { client, schema } = await start()
    expect(await migrateUp(client, schema)).toEqual(tagsOf())
    expect(await migrateUp(client, schema)).toEqual([])
  })

  test('returns the state of each migration', async () => {
    const { client, schema } = await start()
    expect((await migrationStatus(client, schema)).map(({ state }) => state)).toEqual(tagsOf().map(() => 'pending'))
    await migrateUp(client, schema)
    await migrateDown(client, schema)
    const states = (await migrationStatus(client, schema)).map(({ state }) => state)
    expect(states.slice(0, -1).every(state => state === 'applied')).toBe(true)
    expect(states.at(-1)).toBe('pending')
    expect((await migrationStatus(client, schema))[0]?.appliedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  })

  test('keeps the data when migrations are reverted one by one and applied again', async () => {
    const { client, schema } = await start()
    await migrateUp(client, schema)
    const { users, rooms, messages } = createDatabase(client, schema)
    const john = await users.create({ username: 'john', hashedPassword: 'h' })
    const room = await rooms.findByName('general')
    const entry = { roomId: room?.id ?? 0, userId: john.id, kind: 'message', content: 't', meta: null, keyId: 'k' }
    await messages.append([{ ...entry, writeId: 'a' }])

    const all = tagsOf()
    // The first migration creates the tables. All others can be reverted and applied again while the tables contain data.
    for (const tag of all.slice(1).reverse()) expect(await migrateDown(client, schema)).toBe(tag)
    expect(await migrateUp(client, schema)).toEqual(all.slice(1))
    expect(await rooms.findByName('general')).toMatchObject({ id: room?.id, epoch: room?.epoch, lastSeq: 1 })
    expect(
      await messages.append([
        { ...entry, writeId: 'b' },
        { ...entry, writeId: 'a' }
      ])
    ).toMatchObject([
      { seq: 2, outcome: 'stored' },
      { seq: 1, outcome: 'replayed' }
    ])
    expect(await users.findByUsername('JOHN')).toMatchObject({ id: john.id })

    for (const tag of [...all].reverse()) expect(await migrateDown(client, schema)).toBe(tag)
    expect(await migrateDown(client, schema)).toBeUndefined()
    const left = await client.query('select table_name from information_schema.tables where table_schema = $1', [
      schema
    ])
    expect(left).toEqual([{ table_name: 'chat_migrations' }])
    expect(await migrateUp(client, schema)).toEqual(all)
  })

  test('keeps two schemas of one database independent, including their migrations and sequences', async () => {
    const [one, other] = [await start(), await start()]
    await migrateUp(one.client, one.schema)
    await migrateUp(other.client, other.schema)
    const [first, second] = [one, other].map(({ client, schema }) => createDatabase(client, schema))
    await first?.users.create({ username: 'john', hashedPassword: null })
    expect(await second?.users.findByUsername('john')).toBeUndefined()
    expect((await second?.users.create({ username: 'john', hashedPassword: null }))?.id).toBe(1)
    const strays = await one.client.query(
      `select table_schema, table_name from information_schema.tables
       where table_schema = 'public' and table_name in ('users', 'rooms', 'messages', 'rate_limits', 'chat_migrations')`
    )
    expect(strays).toEqual([])
  })

  test('fails if an applied file was changed, and reports it in the status', async () => {
    const { client, schema } = await start()
    await migrateUp(client, schema)
    await client.query(`update "${schema}".chat_migrations set hash = 'other' where tag = $1`, [tagsOf()[0]])
    await expect(migrateUp(client, schema)).rejects.toThrow(/have changed: 0000_tables/)
    expect((await migrationStatus(client, schema))[0]).toMatchObject({ tag: '0000_tables', state: 'changed' })
  })

  test('lets an older release start on a newer database, and does not revert unknown migrations', async () => {
    const { client, schema } = await start()
    await migrateUp(client, schema)
    await client.query(`insert into "${schema}".chat_migrations (tag, hash) values ('9999_later', 'h')`)
    expect(await migrateUp(client, schema)).toEqual([])
    expect((await migrationStatus(client, schema)).at(-1)).toMatchObject({ tag: '9999_later', state: 'unknown' })
    await expect(migrateDown(client, schema)).rejects.toThrow(/9999_later/)
  })

  test('is requested by an error with advice if a service that must not migrate finds pending migrations', async () => {
    const { client, schema } = await start()
    await expect(requireMigrated(client, schema)).rejects.toThrow(/0000_tables.*Run `fastify-chat migrate up`/s)
    await migrateUp(client, schema)
    await requireMigrated(client, schema)
    await migrateDown(client, schema)
    await expect(requireMigrated(client, schema)).rejects.toThrow(tagsOf().at(-1))
  })

  test('succeeds for all of several concurrent runs, of which one applies the migrations', async () => {
    const { client, schema } = await start()
    const applied = await Promise.all(Array.from({ length: 4 }, () => migrateUp(client, schema)))
    expect(applied.map(tags => tags.length).sort()).toEqual([0, 0, 0, tagsOf().length])
  })

  test('has a down migration and an entry in Drizzle’s journal for every file', () => {
    const drizzle = join(import.meta.dirname, '../../drizzle')
    for (const { tag, down } of readMigrations())
      expect({ tag, down }).toMatchObject({ down: expect.stringMatching(/\w/) })
    const { entries } = JSON.parse(readFileSync(join(drizzle, 'meta/_journal.json'), 'utf8'))
    expect(entries.length).toBe(readMigrations().length)
  })
})
