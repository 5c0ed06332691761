/** Tests that the tables of accounts do not grow without limit. */
import { expect, test } from 'vitest'
import { createRetention, retentionJobs } from '../../src/accounts/retention.ts'
import { loginOf, testAccounts } from '../support/accounts.ts'
import { fakeClock } from '../support/clock.ts'
import { testDatabase } from '../support/database.ts'
import { silentLog } from '../support/memory-chat.ts'

const ROWS = 2500

test('every row that is no longer needed is deleted, even without further logins, and all other rows stay', async () => {
  const database = await testDatabase()
  const { client, schema } = database
  const { id } = await database.users.create({ username: 'john', hashedPassword: 'h' })
  const insert = (table: string, values: string) =>
    client.query(
      `insert into "${schema}".${table} select ${values} from generate_series(1, ${ROWS + 1}) as n,
         lateral (select clock_timestamp() + case when n > ${ROWS} then interval '1 hour' else interval '-1 hour' end as at) as t`
    )
  await insert('login_throttles', `'k' || n, 1, at, at`)
  await insert('rate_limits', `'k' || n, 1, at`)
  await insert(
    'known_networks',
    `${id}, 'n' || n, at - case when n > ${ROWS} then interval '29 days' else interval '30 days' end`
  )
  await insert('sessions', `'s' || n, ${id}, 0, at, at, at`)
  const clock = fakeClock()
  const retention = createRetention({ jobs: retentionJobs(database, 30), clock, log: silentLog })
  retention.start()
  clock.advance(10 * 60_000)
  for (const table of ['login_throttles', 'rate_limits', 'known_networks', 'sessions']) {
    const count = () => client.query<{ n: number }>(`select count(*)::integer as n from "${schema}".${table}`)
    await expect.poll(count).toEqual([{ n: 1 }])
  }
  await retention.stop()
})

test('failed logins with invented names are counted per network of /48', async () => {
  const database = await testDatabase()
  const accounts = testAccounts(database)
  await accounts.register('john', 'SecurePass123')
  for (let at = 0; at < 4; at++) {
    for (const name of ['john', `invented${at}`]) {
      const client = { address: `2001:db8:1:${at}::1`, agent: undefined }
      await expect(accounts.login({ ...loginOf(name, 'WrongPass123'), client })).rejects.toMatchObject({
        code: 'invalid_credentials'
      })
    }
  }
  const events = await database.audit.list({ event: 'login_failed' }, 100)
  const unknown = events.filter(({ userId }) => userId === null)
  expect(unknown).toMatchObject([{ address: '2001:db8:1::/48', count: 4 }])
  expect(events).toHaveLength(5)
})
