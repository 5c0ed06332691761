/** Tests that the rows of deleted rooms are removed completely, also after a crash in the middle. */
import { expect, test } from 'vitest'
import { ROOM_TABLES } from '../../src/db/repositories/room-cleaning.ts'
import { testClient, testDatabase } from '../support/database.ts'
import { startChat } from '../support/start-chat.ts'

test('the list contains every table with rows of rooms', async () => {
  const { client, schema } = await testDatabase()
  const tables = await client.query<{ table: string }>(
    `select table_name as "table" from information_schema.columns where table_schema = $1 and column_name = 'room_id'`,
    [schema]
  )
  // Rows of these tables stay: `deletions` stores the position of each deletion of an account, and `log_changes` keeps changes
  // for an hour.
  const kept = ['deletions', 'log_changes']
  expect(tables.map(({ table }) => table).sort()).toEqual([...kept, ...ROOM_TABLES].sort())
})

test('another process finishes the removal of a room whose process crashed after some rows', async () => {
  const database = await testDatabase()
  const { client, schema, roomCleaning } = database
  const sql = <Row extends object>(text: string) => client.query<Row>(text.replaceAll('@', `"${schema}".`))
  const { id } = await database.rooms.create({ name: 'team', title: null })
  const { id: other } = await database.rooms.create({ name: 'other', title: null })
  for (const roomId of [id, other])
    await sql(`insert into @messages (room_id, seq, id, kind, user_id, content, write_id, created_at)
      select ${roomId}, n, ${roomId} * 10000 + n, 'message', 1, 'token', 'w' || n, now() from generate_series(1, 2500) as n`)
  await sql(`insert into @members (room_id, user_id) values (${id}, 1)`)
  await sql(`insert into @restrictions (room_id, user_id, kind) values (${id}, 1, 'ban')`)
  await sql(`insert into @message_state (room_id, seq, changed_seq) values (${id}, 1, 2)`)
  expect(await roomCleaning.deleteSome()).toBe(false)

  await sql(`update @rooms set deleted_at = now(), guarded = true where id = ${id}`)
  // Performs only the first transaction, like a process that crashes after it.
  expect(await roomCleaning.deleteSome()).toBe(true)
  const rows = async (table: string, roomId: number) =>
    (await sql<{ count: number }>(`select count(*)::integer as count from @${table} where room_id = ${roomId}`))[0]
      ?.count
  expect(await rows('messages', id)).toBeGreaterThan(1000)
  expect(await database.rooms.findByName('team')).toBeUndefined()

  await startChat({ database })
  await expect.poll(() => sql(`select from @rooms where id = ${id}`), { timeout: 20_000, interval: 100 }).toEqual([])
  for (const table of ROOM_TABLES) expect(await rows(table, id), table).toBe(0)
  expect(await rows('messages', other)).toBe(2500)
})

test('only rows of the deleted room are removed where an operator has divided a table by room', async () => {
  const { schema, roomCleaning, rooms } = await testDatabase()
  const owner = await testClient()
  const sql = <Row extends object>(text: string) => owner.query<Row>(text.replaceAll('@', `"${schema}".`))
  const { id } = await rooms.create({ name: 'team', title: null })
  const { id: other } = await rooms.create({ name: 'other', title: null })
  await sql(`alter table @messages rename to former_messages`)
  await sql(`create table @messages (like @former_messages) partition by list (room_id)`)
  await sql(`create table @messages_team partition of @messages for values in (${id})`)
  await sql(`create table @messages_other partition of @messages for values in (${other})`)
  for (const roomId of [id, other])
    await sql(`insert into @messages (room_id, seq, id, kind, user_id, content, write_id, created_at)
      select ${roomId}, n, ${roomId} * 100 + n, 'message', 1, 'token', 'w' || n, now() from generate_series(1, 10) as n`)
  await sql(`update @rooms set deleted_at = now(), guarded = true where id = ${id}`)
  while (await roomCleaning.deleteSome());
  expect(await sql(`select room_id, count(*)::integer as count from @messages group by room_id`)).toEqual([
    { room_id: other, count: 10 }
  ])
})

test('an erasure continues where the last process stopped, and starts again after a further ban', async () => {
  const { client, schema, roomCleaning, ...database } = await testDatabase()
  const sql = <Row extends object>(text: string) => client.query<Row>(text.replaceAll('@', `"${schema}".`))
  const { id: userId } = await database.users.create({ username: 'john', hashedPassword: null })
  const { id } = await database.rooms.create({ name: 'team', title: null })
  await sql(`insert into @messages (room_id, seq, id, kind, user_id, content, write_id, created_at)
    select ${id}, n, 10000 + n, 'message', ${userId} + (n % 2), 'token', 'w' || n, now() - (10 - n) * interval '1 hour'
    from generate_series(1, 10) as n`)
  await sql(`insert into @ban_erasures (room_id, user_id, since, next_seq)
    values (${id}, ${userId}, now() - interval '210 minutes', 10)`)
  const leased = await roomCleaning.lease(60_000)
  if (!leased) throw new Error('no erasure was leased')
  expect(leased).toMatchObject({ room: 'team', userId, by: null, username: 'john', nextSeq: 10 })
  expect(await roomCleaning.lease(60_000)).toBeUndefined()
  expect(await roomCleaning.messagesOf(leased)).toEqual({ seqs: [10, 8], next: null })
  const advanced = await roomCleaning.advance(leased, 9, -1)
  if (!advanced) throw new Error('the erasure was not advanced')
  // `advance` has renewed the lease for -1 ms. So it has expired, as if the process had crashed some time ago.
  const again = await roomCleaning.lease(60_000)
  expect(again).toMatchObject({ nextSeq: 9 })
  expect(await roomCleaning.messagesOf(advanced)).toEqual({ seqs: [8], next: null })
  await sql(`update @ban_erasures set next_seq = 20`)
  expect(await roomCleaning.advance(advanced, 7, 60_000)).toBeUndefined()
  await roomCleaning.finish(advanced)
  expect(await sql(`select from @ban_erasures`)).toHaveLength(1)
})
