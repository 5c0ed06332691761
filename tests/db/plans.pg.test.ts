/**
 * Tests that PostgreSQL plans the statements that run for messages and readers once per connection, instead of at each call. See
 * src/db/repositories/plans.ts.
 */
import { expect, onTestFinished, test } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import { createDatabase } from '../../src/db/database.ts'
import { analyze, testClient, testDatabase, testDatabaseUrl } from '../support/database.ts'

const MESSAGES = 20_000
/** PostgreSQL plans the first five calls for their values, and then compares the costs of both plans. */
const CALLS = 12

test('statements that run for each message or reader are planned once per connection', async () => {
  const { schema } = await testDatabase()
  const owner = await testClient()
  const sql = <Row extends object>(text: string) => owner.query<Row>(text.replaceAll('@', `"${schema}".`))
  const users = await sql<{ id: number }>(
    `insert into @users (username) select 'user-' || n from generate_series(1, 500) as n returning id`
  )
  const rooms = await sql<{ id: number }>(
    `insert into @rooms (name, last_seq, last_at) select 'room-' || n, ${MESSAGES / 20}, now() from generate_series(1, 20) as n
     returning id`
  )
  const [userId, roomId] = [users.at(-1)?.id ?? 0, rooms.at(-1)?.id ?? 0]
  await sql(`insert into @messages (room_id, seq, kind, user_id, content, key_id, write_id, created_at)
    select room.id, n, 'message', ${userId}, 'token', 'key', room.name || '-' || n, now()
    from @rooms as room cross join generate_series(1, ${MESSAGES / 20}) as n where room.name like 'room-%'`)
  await sql(`insert into @members (room_id, user_id)
    select room.id, person.id from @rooms as room cross join @users as person where room.name like 'room-%'`)
  await analyze(schema, 'messages', 'members', 'rooms', 'users')

  const client = await openClient({ url: await testDatabaseUrl(), poolMax: 1 })
  onTestFinished(() => client.close())
  const { messages, standings, readMarks, rooms: heads } = createDatabase(client, schema)
  const works: ((call: number) => Promise<unknown>)[] = [
    call => messages.range(roomId, call, call + 49),
    call =>
      messages.some(
        roomId,
        Array.from({ length: call === CALLS ? 50 : call }, (_, at) => 1 + at * 7)
      ),
    call =>
      messages.oneOfEach(
        rooms.map(({ id }) => ({ roomId: id, seq: call })),
        userId
      ),
    call => messages.runsBefore(roomId, 100 + call, 50),
    call => messages.runsAfter(roomId, call, 100, 50),
    call => messages.extent(roomId, call, call + 49),
    call => messages.extent(roomId, call, call + 49, 'messages'),
    call => standings(users.slice(0, call).map(({ id }) => ({ room: 'room-20', userId: id }))),
    call => {
      const readers = users.slice(0, call)
      return readMarks.write(readers.map(({ id }) => ({ userId: id, room: 'room-20', upTo: call, isUnread: false })))
    },
    call => heads.changed([{ id: roomId, epoch: 'another', lastSeq: call, oldestSeq: 1 }])
  ]
  for (let call = 1; call <= CALLS; call++) for (const work of works) await work(call)
  const planned = await client.query<{ statement: string; generic: number; custom: number }>(
    `select statement, generic_plans::integer as generic, custom_plans::integer as custom from pg_prepared_statements
     where strpos(statement, $1) > 0 and generic_plans + custom_plans >= ${CALLS}`,
    [schema]
  )
  // Two pairs of these calls share a statement.
  expect(planned).toHaveLength(works.length - 2)
  expect(planned.filter(({ custom }) => custom > 5)).toEqual([])
})
