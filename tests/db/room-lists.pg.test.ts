/** Tests that a list of rooms does not read the private rooms of other people, also with a generic plan. */
import { expect, test } from 'vitest'
import { createDatabase } from '../../src/db/database.ts'
import { analyze, testDatabase } from '../support/database.ts'
import { lastQuery, recordQueries } from '../support/plans.ts'

const OTHERS = 20_000

/** The plan of a query, as PostgreSQL explains it in JSON. */
interface Plan {
  readonly 'Relation Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly Plan[]
}

/** Returns how many rows of the table of rooms a plan read. */
const roomsRead = (plan: Plan): number => {
  const own = (plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0)) * plan['Actual Loops']
  const below = (plan.Plans ?? []).reduce((sum, part) => sum + roomsRead(part), 0)
  return below + (plan['Relation Name'] === 'rooms' ? own : 0)
}

test.each([true, false])('a list of rooms reads only what the user may read (mine: %s)', async isMine => {
  const { client, schema, users } = await testDatabase()
  const { id } = await users.create({ username: 'ada', hashedPassword: null })
  const sql = (text: string) => client.query(text.replaceAll('@', `"${schema}".`))
  await sql(
    `insert into @rooms (name, visibility, guarded) select 'p.' || n, 'private', true from generate_series(1, ${OTHERS}) as n`
  )
  await sql(`insert into @members (room_id, user_id)
    select id, case when id % 200 = 0 then ${id} else 7 end from @rooms where visibility = 'private'`)
  await analyze(schema, 'rooms', 'members')
  recordQueries(client)
  const { rooms } = createDatabase(client, schema)
  const found = await rooms.search({ userId: id, after: '', query: 'absent', isMine, examined: 1000, limit: 10 })
  expect(found.rooms).toEqual([])

  const { query, params } = lastQuery()
  const plan = await client.transaction(async transaction => {
    await transaction.exec('set local plan_cache_mode = force_generic_plan')
    await transaction.exec(`prepare listed (integer, text, text, integer, integer) as ${query}`)
    const values = params.map(value => (typeof value === 'string' ? `'${value}'` : value)).join(', ')
    const rows = await transaction.query<{ 'QUERY PLAN': unknown }>(
      `explain (analyze, format json) execute listed (${values})`
    )
    await transaction.exec('deallocate listed')
    const text = rows[0]?.['QUERY PLAN']
    return (typeof text === 'string' ? JSON.parse(text) : text)[0].Plan as Plan
  })
  expect(roomsRead(plan)).toBeLessThan(OTHERS / 50)
})
