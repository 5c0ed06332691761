import { expect, test } from 'vitest'
import type { ChatDatabase } from '../../src/db/database.ts'
import { migrateDown, migrateUp } from '../../src/db/migrate.ts'
import { testClient, testDatabase } from '../support/database.ts'

/** Creates a database with a room of ten entries by one user. `seen` returns the changes since its last call. */
const start = async (given?: ChatDatabase) => {
  const database = given ?? (await testDatabase())
  const { client, schema, users, rooms, messages, changes } = database
  const john = await users.create({ username: 'john', hashedPassword: null })
  const room = await rooms.create({ name: 'tea', title: 'Tea' })
  const entry = { roomId: room.id, userId: john.id, kind: 'message', content: 't', meta: null, keyId: 'k' }
  await messages.append(Array.from({ length: 10 }, (_, at) => ({ ...entry, writeId: `w${at}` })))
  let { snapshot } = await changes.read(undefined)
  const seen = async () => {
    const read = await changes.read(snapshot)
    snapshot = read.snapshot
    return read.changes
  }
  const run = (text: string, params: unknown[] = []) =>
    client.query(text.replaceAll(/\b(users|messages|rooms|revocations|log_changes)\b/g, `"${schema}".$1`), params)
  return { database, john, room, entry, seen, run }
}

const NOTHING = { deletedUsers: [], renamedUsers: [], revokedSessions: [], revokedUsers: [], rooms: [], entries: [] }

test('the first read returns a snapshot and no changes', async () => {
  const { changes } = await testDatabase()
  expect(await changes.read(undefined)).toEqual({ snapshot: expect.any(String), changes: undefined })
})

test('registering, appending, creating a room and replacing a password hash are not changes', async () => {
  const { database, entry, seen, john } = await start()
  const ann = await database.users.create({ username: 'ann', hashedPassword: 'h' })
  await database.users.admit({ externalId: 'x', username: 'Host user' })
  await database.users.admit({ externalId: 'x', username: 'Host user' })
  await database.users.renewPasswordHash(ann, 'h2')
  await database.messages.append([{ ...entry, userId: john.id, writeId: 'another' }])
  await database.rooms.create({ name: 'new', title: null })
  expect(await seen()).toEqual(NOTHING)
  expect(await database.client.query(`select from "${database.schema}".log_changes`)).toEqual([])
})

test('a deleted user is reported once', async () => {
  const { seen, run, john } = await start()
  await run('delete from users where id = $1', [john.id])
  expect(await seen()).toEqual({ ...NOTHING, deletedUsers: [john.id] })
  expect(await seen()).toEqual(NOTHING)
  expect(await run('select uid, sid, reason from revocations')).toEqual([
    { uid: john.id, sid: null, reason: 'deleted' }
  ])
})

test('a session that is ended is reported, and one that had expired or is used is not', async () => {
  const { database, seen, run, john } = await start()
  const session = (id: string, days: number, generation = 0) =>
    run(
      `insert into "${database.schema}".sessions (id, user_id, generation, expires_at)
      values ($1, $2, $3, clock_timestamp() + $4::integer * interval '1 day')`,
      [id, john.id, generation, days]
    )
  await session('live', 1)
  await session('expired', -1)
  await database.sessions.touch(['live'], { idleMs: 1000, maxMs: 1000 })
  expect(await seen()).toEqual(NOTHING)
  await run(`delete from "${database.schema}".sessions`)
  expect(await seen()).toEqual({ ...NOTHING, revokedSessions: ['live'] })
})

test('a user with another generation or status is reported with the sessions of that generation', async () => {
  const { database, seen, run, john } = await start()
  await run('update users set generation = 3')
  await run(`insert into "${database.schema}".sessions (id, user_id, generation, expires_at)
    select 's' || n, ${john.id}, n, clock_timestamp() + interval '1 day' from generate_series(2, 3) as n`)
  const user = { id: john.id, status: 'active', generation: 3, keptSessions: ['s3'] }
  expect(await seen()).toEqual({ ...NOTHING, revokedUsers: [user] })
  await run(`update users set status = 'suspended', generation = 4`)
  const suspended = { id: john.id, status: 'suspended', generation: 4, keptSessions: [] }
  expect(await seen()).toEqual({ ...NOTHING, revokedUsers: [suspended] })
  await run(`update users set role = 'admin', display_name = 'John'`)
  expect(await seen()).toEqual(NOTHING)
})

test('a renamed user is reported with the new name, and a user with a changed id as deleted', async () => {
  const { seen, run, john } = await start()
  await run(`update users set username = 'johnny'`)
  expect(await seen()).toEqual({ ...NOTHING, renamedUsers: [{ id: john.id, username: 'johnny' }] })
  await run('update users set id = 4711')
  expect(await seen()).toEqual({
    ...NOTHING,
    deletedUsers: [john.id],
    renamedUsers: [{ id: 4711, username: 'johnny' }]
  })
})

test('a new name from the host application is reported', async () => {
  const { database, seen } = await start()
  const { id } = await database.users.admit({ externalId: 'x', username: 'Ann' })
  await database.users.admit({ externalId: 'x', username: 'Ann Other' })
  expect(await seen()).toEqual({ ...NOTHING, renamedUsers: [{ id, username: 'Ann Other' }] })
})

test('a few erased or deleted entries are reported one by one, and many as a range of seqs', async () => {
  const { seen, run, room } = await start()
  const entries = async () => (await seen())?.entries.toSorted((one, other) => one.from - other.from)
  const one = (seq: number) => ({ roomId: room.id, from: seq, to: seq })
  await run('update messages set content = null where seq between 3 and 5')
  expect(await entries()).toEqual([one(3), one(4), one(5)])
  await run('delete from messages where seq in (2, 7)')
  expect(await entries()).toEqual([one(2), one(7)])
  await run('delete from messages where seq = 99')
  expect(await seen()).toEqual(NOTHING)
  await run(`insert into messages (room_id, seq, kind, user_id, content, write_id, created_at)
    select ${room.id}, n, 'message', 1, 'text', 'many' || n, now() from generate_series(1001, 1101) as n`)
  await run('update messages set content = null where seq > 1000')
  expect(await entries()).toEqual([{ roomId: room.id, from: 1001, to: 1101 }])
})

test('a message and its edits are reported once each, without the entries between them', async () => {
  const { database, seen, run, room, john, entry } = await start()
  const edit = (targetSeq: number) => ({
    ...entry,
    kind: 'edit',
    targetSeq,
    writeId: `edit ${targetSeq}`,
    detail: '{}'
  })
  expect(await database.messages.append([edit(1), edit(9)])).toMatchObject([{ seq: 11 }, { seq: 12 }])
  await seen()
  const entries = async () => (await seen())?.entries.toSorted((first, second) => first.from - second.from)
  const one = (seq: number) => ({ roomId: room.id, from: seq, to: seq })
  await run('update messages set content = null where user_id = $1 and seq in (1, 9, 11)', [john.id])
  expect(await entries()).toEqual([one(1), one(9), one(11), one(12)])
  await run('delete from messages where seq in (1, 11, 12)')
  expect(await entries()).toEqual([one(1), one(9), one(11), one(12)])
})

test('a room with a new title and a deleted room are reported, but not an unchanged title', async () => {
  const { seen, run, room } = await start()
  await run(`update rooms set title = 'Coffee' where id = $1`, [room.id])
  expect(await seen()).toEqual({
    ...NOTHING,
    rooms: [
      { id: room.id, title: 'Coffee', topic: null, oldestSeq: 1, guarded: false, archived: false, isDeleted: false }
    ]
  })
  await run('update rooms set title = title, last_seq = last_seq')
  expect(await seen()).toEqual(NOTHING)
  await run('delete from rooms where id = $1', [room.id])
  expect(await seen()).toEqual({
    ...NOTHING,
    rooms: [{ id: room.id, title: null, topic: null, oldestSeq: 1, guarded: false, archived: false, isDeleted: true }]
  })
})

test.for(['users', 'messages', 'rooms'])('truncating %s is reported as an unknown change', async table => {
  const { database, seen } = await start()
  const owner = await testClient()
  await owner.query(`truncate "${database.schema}".${table} cascade`)
  expect(await seen()).toBeUndefined()
  expect(await seen()).toEqual(NOTHING)
})

test('many changes at once are reported as an unknown change', async () => {
  const { seen, run } = await start()
  await run(`update users set username = 'jonathan'`)
  await run(`insert into users (username) select 'user' || n from generate_series(1, 5000) as n`)
  await seen()
  await run(`update users set username = username || 'x'`)
  expect(await seen()).toBeUndefined()
  await run('delete from users')
  expect(await seen()).toBeUndefined()
  expect(await seen()).toEqual(NOTHING)
})

test('changes that were rolled back are not reported', async () => {
  const { database, seen, run } = await start()
  const undone = database.client.transaction(async transaction => {
    await transaction.exec(`delete from "${database.schema}".users`)
    throw new Error('undo')
  })
  await expect(undone).rejects.toThrow('undo')
  expect(await seen()).toEqual(NOTHING)
  expect(await run('select from revocations')).toEqual([])
})

test('changes since a snapshot from the future are reported as unknown', async () => {
  const { changes } = await testDatabase()
  const { snapshot } = await changes.read(undefined)
  const [xmin = '0', xmax = '0'] = snapshot.split(':')
  const ahead = `${BigInt(xmin) + 1_000_000n}:${BigInt(xmax) + 1_000_000n}:`
  expect((await changes.read(ahead)).changes).toBeUndefined()
})

test('rows of a restored backup are not reported as new changes', async () => {
  const { seen, run } = await start()
  await run(
    `insert into revocations (uid, reason, xid) values (1, 'deleted', (pg_current_xact_id()::text::bigint + 1000000)::text::xid8)`
  )
  expect(await seen()).toEqual(NOTHING)
})

test('rows are deleted when they are older than an hour', async () => {
  const { database, run } = await start()
  await run(
    `insert into revocations (uid, reason, at) values (1, 'deleted', now() - interval '2 hours'), (2, 'deleted', now())`
  )
  await run(`insert into log_changes (user_id, at) values (1, now() - interval '2 hours'), (2, now())`)
  await database.changes.sweep()
  expect(await run('select uid from revocations')).toEqual([{ uid: 2 }])
  expect(await run('select user_id from log_changes')).toEqual([{ user_id: 2 }])
})

test('changes are reported again after the migration was reverted and applied again', async () => {
  const { database, run } = await start()
  const { schema, changes } = database
  const owner = await testClient()
  while ((await migrateDown(owner, schema)) !== '0005_changes') {}
  await run(`update users set username = 'unseen'`)
  await run('delete from messages where seq = 1')
  await migrateUp(owner, schema)
  const { snapshot } = await changes.read(undefined)
  await run('delete from users')
  expect((await changes.read(snapshot)).changes?.deletedUsers).toHaveLength(1)
})
