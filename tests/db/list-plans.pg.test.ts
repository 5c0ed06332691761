/**
 * Tests that lists of rooms, members and users read only the rows that they return, in a database with 10,000 public rooms,
 * 100,000 private rooms of other people, and 100,000 users.
 */
import { expect, test } from 'vitest'
import { createInboxRepository } from '../../src/db/repositories/inbox.ts'
import { createMembersRepository } from '../../src/db/repositories/members.ts'
import { createRoomsRepository } from '../../src/db/repositories/rooms.ts'
import { createUsersRepository } from '../../src/db/repositories/users.ts'
import { createTables } from '../../src/db/tables.ts'
import { analyze, testDatabase } from '../support/database.ts'
import { preparedPlanOf, recordQueries } from '../support/plans.ts'

/** The id of a user with 200 memberships of private rooms. The other members of private rooms have ids of at most 90,000. */
const USER = 99_999

test('lists of rooms, members and users use indexes, with a custom plan and with a generic one', async () => {
  const { client, schema } = await testDatabase()
  const fill = (text: string) => client.query(text.replaceAll('@', `"${schema}".`))
  await fill(`insert into @users (username) select 'user-' || n from generate_series(1, 100000) as n`)
  await fill(`insert into @rooms (name) select 'room-' || n from generate_series(1, 10000) as n`)
  await fill(`insert into @rooms (name, visibility, guarded)
    select 'p.' || md5(n::text), 'private', true from generate_series(1, 100000) as n`)
  await fill(`insert into @members (room_id, user_id) select id, 1 + id % 90000 from @rooms where guarded`)
  await fill(`insert into @members (room_id, user_id) select id, ${USER} from @rooms where guarded and id % 500 = 0`)
  await fill(`insert into @members (room_id, user_id) select 1, id from @users`)
  await analyze(schema, 'users', 'rooms', 'members')
  recordQueries(client)
  const rooms = createRoomsRepository(client, createTables(schema), schema)
  const members = createMembersRepository(client, schema)
  const inbox = createInboxRepository(client, schema)
  const users = createUsersRepository(client, createTables(schema), schema)

  const page = { userId: USER, after: '', query: '', isMine: false, examined: 51, limit: 51 }
  const found = await rooms.search({ ...page, examined: 20_000, limit: 20_000 })
  expect(found.rooms.filter(({ visibility }) => visibility === 'private')).toHaveLength(200)
  expect(found.rooms.filter(({ visibility }) => visibility === 'public')).toHaveLength(10_001)
  expect((await rooms.search({ ...page, isMine: true, examined: 500, limit: 500 })).rooms).toHaveLength(201)

  const looks: Record<string, () => Promise<unknown>> = {
    'all rooms': () => rooms.search(page),
    'the last rooms': () => rooms.search({ ...page, after: 'room-99' }),
    'a search for rooms': () => rooms.search({ ...page, query: 'room-9', examined: 1000 }),
    'the rooms of a user': () => rooms.search({ ...page, isMine: true }),
    'the members of a room': () => members.search(1, { after: 0, query: '', examined: 51, limit: 51 }),
    'a search for members': () => members.search(1, { after: 50_000, query: '999', examined: 1000, limit: 51 }),
    'the memberships of a user': () => members.ofUser(USER, 0, 100),
    'the inbox of a user': () => inbox.ofUser(USER),
    'a search for users': () => users.findByPrefix('us', 50)
  }
  for (const [name, look] of Object.entries(looks)) {
    for (const mode of ['custom', 'generic'] as const) {
      const plan = await preparedPlanOf(client, mode, look)
      expect(plan, `${name}, ${mode}`).not.toMatch(/Seq Scan on (rooms|members|users)/)
      if (name === 'all rooms') expect(plan).toContain('rooms_public_name_idx')
    }
  }
})
