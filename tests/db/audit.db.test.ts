/** Tests the audit log: how events are read, counted, blanked and deleted, and which changes the database rejects. */
import { describe, expect, test } from 'vitest'
import { type ChatDatabase, createDatabase } from '../../src/db/database.ts'
import type { NewAuditEvent } from '../../src/db/repositories/audit.ts'
import { analyze, testClient, testDatabase } from '../support/database.ts'

const CLIENT = { address: '192.0.2.7', agent: 'curl/8' }

const tableOf = ({ schema }: ChatDatabase): string => `"${schema}".audit`

/** Makes every event `days` days older. Disables the triggers for this update. The service never disables them. */
const age = async ({ schema }: ChatDatabase, days: number): Promise<void> => {
  const owner = await testClient()
  await owner.transaction(async transaction => {
    await transaction.exec(`alter table "${schema}".audit disable trigger user`)
    const ago = `${days} * interval '1 day'`
    await transaction.exec(
      `update "${schema}".audit set at = at - ${ago}, kept_until = kept_until - ${ago}, hour = hour - ${ago}`
    )
    await transaction.exec(`alter table "${schema}".audit enable trigger user`)
  })
}

const eventsOf = async ({ audit }: ChatDatabase): Promise<string[]> => (await audit.list({}, 100)).map(row => row.event)

describe('recording', () => {
  test('stores an event in the transaction that it belongs to', async () => {
    const database = await testDatabase()
    await database.transaction(({ audit }) =>
      audit.record({ event: 'login', userId: 1, actorId: 2, sessionId: 's', ...CLIENT, detail: { days: 3 } })
    )
    const failed = database.transaction(async ({ audit }) => {
      await audit.record({ event: 'login', userId: 2 })
      throw new Error('rolled back')
    })
    await expect(failed).rejects.toThrow('rolled back')
    const rows = await database.audit.list({}, 100)
    expect(rows).toEqual([
      {
        id: expect.any(Number),
        at: expect.any(Number),
        event: 'login',
        userId: 1,
        actorId: 2,
        sessionId: 's',
        ...CLIENT,
        detail: { days: 3 },
        count: 1
      }
    ])
    expect(Math.abs((rows[0]?.at ?? 0) - Date.now())).toBeLessThan(60_000)
  })

  test('reports an event after its commit, and reports no event of a transaction that was rolled back', async () => {
    const { client, schema } = await testDatabase()
    const reported: NewAuditEvent[] = []
    const database = createDatabase(client, schema, { audit: { onRecorded: event => reported.push(event) } })
    await database.transaction(async ({ audit }) => {
      await audit.record({ event: 'one', userId: 1 })
      expect(reported).toEqual([])
    })
    const failed = database.transaction(async ({ audit }) => {
      await audit.record({ event: 'two' })
      throw new Error('rolled back')
    })
    await expect(failed).rejects.toThrow('rolled back')
    await database.audit.record({ event: 'three' })
    expect(reported).toEqual([{ event: 'one', userId: 1 }, { event: 'three' }])
  })
})

describe('counting failed logins', () => {
  test('uses one row per account, network and hour, and one account for all unknown names', async () => {
    const database = await testDatabase()
    const { audit } = database
    const failed = (userId: number | undefined, network: string) => audit.countFailedLogin({ userId, network })
    for (let at = 0; at < 3; at++) await failed(1, '192.0.2.7')
    await failed(1, '2001:db8:0:1::/64')
    await failed(2, '192.0.2.7')
    await failed(undefined, '192.0.2.7')
    await failed(undefined, '192.0.2.7')
    await age(database, 1)
    await failed(1, '192.0.2.7')
    const rows = await audit.list({ event: 'login_failed' }, 100)
    expect(rows.map(({ userId, address, count }) => [userId, address, count])).toEqual([
      [1, '192.0.2.7', 1],
      [null, '192.0.2.7', 2],
      [2, '192.0.2.7', 1],
      [1, '2001:db8:0:1::/64', 1],
      [1, '192.0.2.7', 3]
    ])
  })

  test('counts every concurrent failure, and reports only the first of a row', async () => {
    const { client, schema } = await testDatabase()
    const reported: NewAuditEvent[] = []
    const { audit } = createDatabase(client, schema, { audit: { onRecorded: event => reported.push(event) } })
    await Promise.all(Array.from({ length: 20 }, () => audit.countFailedLogin({ userId: 1, network: '192.0.2.7' })))
    expect(await audit.list({}, 10)).toMatchObject([{ count: 20 }])
    expect(reported).toEqual([{ event: 'login_failed', userId: 1 }])
  })
})

describe('reading', () => {
  test('returns pages, newest first, of all events or of those of a user and an event', async () => {
    const { audit } = await testDatabase()
    for (const event of ['a', 'b', 'a', 'b', 'a']) {
      await audit.record({ event, userId: 1 })
      await audit.record({ event, userId: 2, actorId: 1 })
      await audit.record({ event, userId: 3 })
    }
    const all = await audit.list({}, 100)
    expect(all.map(({ userId }) => userId)).toEqual([3, 2, 1, 3, 2, 1, 3, 2, 1, 3, 2, 1, 3, 2, 1])
    const first = await audit.list({ userId: 1 }, 7)
    const second = await audit.list({ userId: 1, before: first.at(-1)?.id }, 7)
    expect([...first, ...second]).toEqual(all.filter(({ userId }) => userId !== 3))
    expect(await audit.list({ event: 'b' }, 100)).toEqual(all.filter(({ event }) => event === 'b'))
    expect(await audit.list({ userId: 1, event: 'b' }, 100)).toEqual(
      all.filter(({ userId, event }) => userId !== 3 && event === 'b')
    )
    expect(await audit.list({ userId: 4 }, 100)).toEqual([])
  })

  test('uses an index for every filter', async () => {
    const { client, schema, audit } = await testDatabase()
    await client.query(`insert into "${schema}".audit (event, user_id, actor_id)
      select 'event' || n % 50, n % 1000, case when n % 7 = 0 then n % 1000 end from generate_series(1, 60000) as n`)
    await analyze(schema, 'audit')
    const texts: string[] = []
    const recording = createDatabase(
      {
        ...client,
        query: (text, params) => {
          texts.push(text)
          return client.query(text, params)
        }
      },
      schema
    ).audit
    for (const filter of [{}, { userId: 3 }, { event: 'event4' }, { userId: 3, event: 'event3' }]) {
      await recording.list(filter, 50)
      const params = [Number.MAX_SAFE_INTEGER, 50, ...Object.values(filter)]
      const plan = await client.query<{ 'QUERY PLAN': string }>(`explain ${texts.at(-1)}`, params)
      const shown = plan.map(row => row['QUERY PLAN']).join('\n')
      expect(shown).toContain('Index')
      expect(shown).not.toContain('Seq Scan')
    }
    expect(await audit.list({ userId: 3 }, 5)).toHaveLength(5)
  })
})

describe('blanking and deletion', () => {
  test('blank the addresses of old events, and delete events after the days for which they are kept', async () => {
    const { client, schema } = await testDatabase()
    const database = createDatabase(client, schema, { audit: { days: 90 } })
    const { audit } = database
    await audit.record({ event: 'old', userId: 1, ...CLIENT })
    // Adds two rows for one hour. These rows have the same key after their addresses are removed.
    await audit.countFailedLogin({ userId: 1, network: '192.0.2.7' })
    await audit.countFailedLogin({ userId: 1, network: '192.0.2.8' })
    await age(database, 31)
    await audit.record({ event: 'new', userId: 1, ...CLIENT })
    expect(await audit.blankOlderThan(30, 2)).toBe(2)
    expect(await audit.blankOlderThan(30, 2)).toBe(1)
    expect(await audit.blankOlderThan(30, 2)).toBe(0)
    expect((await audit.list({}, 10)).map(({ event, address, agent }) => [event, address, agent])).toEqual([
      ['new', '192.0.2.7', 'curl/8'],
      ['login_failed', null, null],
      ['login_failed', null, null],
      ['old', null, null]
    ])
    expect(await audit.deleteExpired(10)).toBe(0)
    await age(database, 60)
    expect(await audit.deleteExpired(2)).toBe(2)
    expect(await audit.deleteExpired(2)).toBe(1)
    expect(await eventsOf(database)).toEqual(['new'])
  })

  test('keep an event for as long as the setting said when it was recorded', async () => {
    const { client, schema } = await testDatabase()
    const long = createDatabase(client, schema, { audit: { days: 365 } })
    await long.audit.record({ event: 'kept' })
    const short = createDatabase(client, schema, { audit: { days: 1 } })
    await short.audit.record({ event: 'deleted' })
    await age(short, 2)
    expect(await short.audit.deleteExpired(10)).toBe(1)
    expect(await eventsOf(short)).toEqual(['kept'])
  })

  test('blank what a deleted user sent, and not what an administrator sent', async () => {
    const { client, schema, audit } = await testDatabase()
    await client.query(
      `insert into "${schema}".audit (event, user_id, address, agent)
       select 'login', 1, '192.0.2.7', 'curl/8' from generate_series(1, 2500)`
    )
    await audit.record({ event: 'promoted', userId: 1, actorId: 2, ...CLIENT })
    await audit.record({ event: 'promoted', userId: 2, actorId: 1, ...CLIENT })
    await audit.record({ event: 'login', userId: 2, ...CLIENT })
    await audit.blankUser(1)
    const kept = (await audit.list({}, 3000)).filter(({ address, agent }) => address !== null || agent !== null)
    expect(kept.map(({ userId, actorId }) => [userId, actorId])).toEqual([
      [2, null],
      [1, 2]
    ])
  })
})

describe('the trigger', () => {
  // The owner of the table has all privileges. So only the trigger can reject a write.
  test.for([
    ['an event', `set event = 'other'`],
    ['a user', 'set user_id = 9'],
    ['a detail', `set detail = '{}'`],
    ['a time', `set at = at - interval '1 day'`],
    ['the end of the retention', 'set kept_until = now()'],
    ['an address', `set address = '192.0.2.9'`],
    ['an agent', `set agent = 'other'`],
    ['the count of an event that is not counted', 'set count = 5']
  ] as const)('rejects another value of %s, also from the owner of the table', async ([, change]) => {
    const { schema, audit } = await testDatabase()
    const owner = await testClient()
    await audit.record({ event: 'login', userId: 1, ...CLIENT, detail: { a: 1 } })
    const before = await audit.list({}, 10)
    await expect(owner.query(`update "${schema}".audit ${change}`)).rejects.toMatchObject({ code: '23001' })
    expect(await audit.list({}, 10)).toEqual(before)
  })

  test('rejects a lower count of failed logins', async () => {
    const { schema, audit } = await testDatabase()
    const owner = await testClient()
    for (let at = 0; at < 2; at++) await audit.countFailedLogin({ network: '192.0.2.7' })
    await expect(owner.query(`update "${schema}".audit set count = 1`)).rejects.toMatchObject({ code: '23001' })
  })

  test('rejects a delete before the end of the retention, a truncate, and restoring a blanked address', async () => {
    const database = await testDatabase()
    const { audit } = database
    const owner = await testClient()
    await audit.record({ event: 'login', userId: 1, ...CLIENT })
    const table = tableOf(database)
    await age(database, 364)
    await expect(owner.query(`delete from ${table}`)).rejects.toMatchObject({ code: '23001' })
    await expect(owner.query(`truncate ${table}`)).rejects.toMatchObject({ code: '23001' })
    await audit.blankUser(1)
    const restored = owner.query(`update ${table} set address = '192.0.2.7', agent = 'curl/8'`)
    await expect(restored).rejects.toMatchObject({ code: '23001' })
    expect(await eventsOf(database)).toEqual(['login'])
    await age(database, 2)
    await owner.query(`delete from ${table}`)
    expect(await eventsOf(database)).toEqual([])
  })
})
