/** Tests that a rolling upgrade can be finished only when no process of an older release runs. */
import postgres from 'postgres'
import { expect, inject, onTestFinished, test } from 'vitest'
import type { SqlClient } from '../../src/db/client/types.ts'
import { createDatabase } from '../../src/db/database.ts'
import { readMigrations } from '../../src/db/migrate/files.ts'
import { migrateDown, migrateUp } from '../../src/db/migrate.ts'
import { finishUpgrade, isOlder } from '../../src/db/upgrade.ts'
import { testClient, testSchema } from '../support/database.ts'

/** Returns the tags of a migration and of all migrations after it. */
const since = (tag: string): string[] =>
  readMigrations()
    .map(migration => migration.tag)
    .filter(one => one >= tag)

/** Reverts a migration and all migrations after it, the newest first. */
const revertFrom = async (client: SqlClient, schema: string, tag: string): Promise<void> => {
  for (const one of since(tag).reverse()) expect(await migrateDown(client, schema)).toBe(one)
}

/**
 * Creates a database in the state after an upgrade from an older release. To do so, applies all migrations, reverts those that
 * the older release does not have, and applies these again.
 */
const start = async () => {
  const [client, schema] = [await testClient(), await testSchema()]
  await migrateUp(client, schema)
  while ((await migrateDown(client, schema)) !== '0008_append_entries');
  await migrateUp(client, schema)
  const database = createDatabase(client, schema)
  const room = await database.rooms.findByName('general')
  const entry = { roomId: room?.id ?? 0, userId: 1, content: 't', meta: null, keyId: 'k' }
  const append = (writeId: string, kind = 'message') => database.messages.append([{ ...entry, writeId, kind }])
  /** Appends a message with the SQL function that older releases call. */
  const appendAsOlder = (writeId: string) =>
    client.query(`select seq from "${schema}".chat_append($1, '{1}', $2, '{message}', '{t}', '{null}', '{k}')`, [
      [room?.id],
      [writeId]
    ])
  const finish = (version = '1.2.0') => finishUpgrade(client, schema, version)
  return { client, schema, database, append, appendAsOlder, finish }
}

test('an upgrade cannot be finished while a connection of an older release is open', async () => {
  const { append, appendAsOlder, finish } = await start()
  const older = postgres(inject('testListenUrl'), { max: 1, connection: { application_name: 'fastify-chat' } })
  onTestFinished(() => older.end())
  const [row] = await older`select pg_backend_pid() as pid`
  await expect(finish()).rejects.toThrow(`(pid ${row?.pid})`)
  expect(await appendAsOlder('a')).toEqual([{ seq: 1 }])
  expect(await append('b', 'wave')).toEqual([{ refused: 'upgrade_pending' }])

  await older.end()
  await expect.poll(() => finish().then(() => 'finished', String)).toBe('finished')
  await expect(appendAsOlder('c')).rejects.toMatchObject({ code: '55000' })
  expect(await append('a')).toMatchObject([{ seq: 1, outcome: 'replayed' }])
  expect(await append('b', 'wave')).toMatchObject([{ seq: 2 }])
  await finish()
})

test('an upgrade cannot be finished until a minute after a process of an older version was last seen', async () => {
  const { client, schema, database, finish } = await start()
  const process = (id: string, version: string) =>
    database.processes.refresh({ id, version, keyId: 'k1', keyIds: ['k1', 'k2'] })
  await process('one', '1.2.0')
  expect(await process('two', '1.1.9')).toEqual({ finishedSteps: [] })
  expect(await database.processes.live()).toEqual([
    { id: 'one', version: '1.2.0', keyId: 'k1', keyIds: ['k1', 'k2'] },
    { id: 'two', version: '1.1.9', keyId: 'k1', keyIds: ['k1', 'k2'] }
  ])
  await expect(finish()).rejects.toThrow('the process two of version 1.1.9')
  await client.query(`update "${schema}".processes set seen_at = seen_at - interval '61 seconds' where id = 'two'`)
  await finish()
  expect(await process('one', '1.2.0')).toEqual({ finishedSteps: ['kinds', 'changes', 'rooms'] })
})

test('a finished upgrade can be reverted with its migration if there is data', async () => {
  const { client, schema, append, appendAsOlder, finish, database } = await start()
  await append('a')
  await finish()
  await revertFrom(client, schema, '0009_upgrade_guard')
  expect(await appendAsOlder('b')).toEqual([{ seq: 2 }])
  expect(await migrateUp(client, schema)).toEqual(since('0009_upgrade_guard'))
  expect(await append('c', 'wave')).toEqual([{ refused: 'upgrade_pending' }])
  await finish()
  expect(await append('c', 'wave')).toMatchObject([{ seq: 3 }])
  expect(await database.processes.live()).toEqual([])
})

test('a running process continues to append when the append function is replaced, and when the replacement is reverted', async () => {
  const { client, schema, append } = await start()
  expect(await append('a')).toMatchObject([{ seq: 1 }])
  await revertFrom(client, schema, '0010_append_messages')
  expect(await append('b')).toMatchObject([{ seq: 2 }])
  await migrateUp(client, schema)
  expect(await append('c')).toMatchObject([{ seq: 3 }])
  expect(await append('a')).toMatchObject([{ seq: 1, outcome: 'replayed' }])
})

test('the upgrade of a new database is finished from the start', async () => {
  const [client, schema] = [await testClient(), await testSchema()]
  await migrateUp(client, schema)
  const { processes } = createDatabase(client, schema)
  expect(await processes.refresh({ id: 'p', version: '1.0.0', keyId: null, keyIds: [] })).toEqual({
    finishedSteps: ['kinds', 'changes', 'rooms']
  })
})

test.for([
  ['1.2.3', '1.2.4', true],
  ['1.9.0', '1.10.0', true],
  ['2.0.0', '1.9.9', false],
  ['1.2.3', '1.2.3', false],
  ['1.2.3-rc.1', '1.2.3', false]
] as const)('version %s is older than %s: %s', ([one, other, isExpected]) => {
  expect(isOlder(one, other)).toBe(isExpected)
})

/** Creates a database with a user and a room. Returns functions that append entries of every kind, and that read the log. */
const startWithEntries = async () => {
  const [client, schema] = [await testClient(), await testSchema()]
  await migrateUp(client, schema)
  const database = createDatabase(client, schema)
  const { messages, reactions } = database
  const user = await database.users.create({ username: 'john', hashedPassword: null })
  const room = (await database.rooms.findByName('general'))?.id ?? 0
  let count = 0
  const append = async (kind: string, targetSeq: number | null, content: string | null, detail: object | null) => {
    const writeId = `w${count++}`
    const entry = { roomId: room, userId: user.id, writeId, kind, targetSeq, content, meta: null, keyId: null }
    const [appended] = await messages.append([{ ...entry, detail: detail && JSON.stringify(detail) }])
    expect(appended).toMatchObject({ outcome: 'stored' })
  }
  const read = async () => [await messages.range(room, 1, 99), await reactions.own(room, [1], user.id)]
  return { client, schema, database, user, room, append, read }
}

test('entries that changed messages while the migration was applied have the same effect after it was reverted and applied again', async () => {
  const { client, schema, database, user, room, append, read } = await startWithEntries()
  const { messages } = database
  const react = (key: string, action: string) => append('reaction', 1, null, { key, action })
  for (const text of ['first', 'second', 'third']) await append('message', null, text, null)
  await append('edit', 1, 'edited', {})
  await append('edit', 1, 'edited again', { mentions: [user.id] })
  await react('a', 'added')
  for (const target of [1, 2, 3]) await append('pin', target, null, { action: 'added', host: true })
  await append('pin', 3, null, { action: 'removed', host: true })
  await react('b', 'added')
  await react('b', 'removed')
  await append('edit', 2, 'edited before it was deleted', { mentions: [user.id] })
  await append('deletion', 2, null, null)
  const before = await read()
  expect(await messages.range(room, 1, 3)).toMatchObject([
    { content: 'edited again', state: { reactions: { a: 1 }, mentions: [user.id] } },
    { content: null, state: { mentions: null } },
    { content: 'third' }
  ])
  while ((await migrateDown(client, schema)) !== '0012_message_changes');
  await migrateUp(client, schema)
  expect(await read()).toEqual(before)
  await client.query(`select "${schema}".chat_finish_upgrade()`)
  await append('deletion', 1, null, null)
  expect(await client.query(`select from "${schema}".messages where content like 'edited%'`)).toEqual([])
})

test('each migration since 0012 is reverted and applied again with data, and the log stays the same', async () => {
  const { client, schema, database, user, room, append, read } = await startWithEntries()
  const inSchema = (text: string) => client.query(text.replaceAll('@', `"${schema}".`))
  for (const text of ['first', 'Grüße 🌍', 'third']) await append('message', null, text, null)
  await append('membership', null, null, { subject: user.id, event: 'added', host: true })
  await append('edit', 1, 'edited', { mentions: [user.id] })
  await append('reaction', 1, null, { key: 'a', action: 'added' })
  await append('pin', 1, null, { action: 'added', host: true })
  await append('room', null, null, { topic: 'a topic', host: true })
  await append('deletion', 3, null, null)
  await inSchema('insert into @blocks (user_id, blocked_id) values (1, 2)')
  const numbers = async () =>
    (await database.inbox.rooms([room])).map(({ messages, lastSeq }) => ({ messages, lastSeq }))
  const before = [await read(), await numbers()]
  expect(before[1]).toEqual([{ messages: 3, lastSeq: 9 }])
  const tags = readMigrations().map(({ tag }) => tag)
  for (const tag of tags.slice(tags.indexOf('0012_message_changes')).reverse()) {
    while ((await migrateDown(client, schema)) !== tag);
    expect((await migrateUp(client, schema))[0]).toBe(tag)
    expect([tag, await read(), await numbers()]).toEqual([tag, ...before])
    await finishUpgrade(client, schema, '1.2.0')
  }
  await append('edit', 1, 'edited again', {})
  await append('message', null, 'fourth', null)
  expect(await numbers()).toEqual([{ messages: 4, lastSeq: 11 }])
})

test('a database refuses entries that change messages until its upgrade is finished again', async () => {
  const { client, schema, append, finish } = await start()
  await finish()
  await client.query(`delete from "${schema}".upgrades where step = 'changes'`)
  expect(await append('a')).toMatchObject([{ seq: 1 }])
  expect(await append('b', 'wave')).toMatchObject([{ seq: 2 }])
  expect(await append('c', 'edit')).toEqual([{ refused: 'upgrade_pending' }])
})

test('the migration of members is not reverted while there are private rooms, and gives the reason', async () => {
  const { client, schema } = await start()
  while ((await migrateDown(client, schema)) !== '0015_moderation');
  await client.query(`insert into "${schema}".rooms (name, visibility, guarded) values ('p', 'private', true)`)
  await expect(migrateDown(client, schema)).rejects.toThrow(
    /^The migration 0014_members can't be reverted: the database has private or direct rooms.*\. Delete these rooms first/
  )
  await client.query(`delete from "${schema}".rooms where name = 'p'`)
  expect(await migrateDown(client, schema)).toBe('0014_members')
})

test('the migration of moderation is not reverted while somebody is banned, and gives the reason', async () => {
  const { client, schema } = await start()
  while ((await migrateDown(client, schema)) !== '0016_mentions');
  await client.query(`insert into "${schema}".restrictions (room_id, user_id, kind) values (1, 1, 'ban')`)
  await expect(migrateDown(client, schema)).rejects.toThrow(
    /^The migration 0015_moderation can't be reverted: the database has muted or banned users.*\. End these restrictions first/
  )
  await client.query(`update "${schema}".restrictions set until = now() - interval '1 minute'`)
  expect(await migrateDown(client, schema)).toBe('0015_moderation')
})
