/** Tests the waits between login attempts, with several networks, names and processes. */
import { expect, test } from 'vitest'
import { createLookupKeys } from '../../../src/accounts/lookup-keys.ts'
import { createLoginThrottle, type LoginThrottle } from '../../../src/accounts/passwords/throttle.ts'
import { createPasswords } from '../../../src/accounts/passwords.ts'
import { createKeyring } from '../../../src/crypto/keyring.ts'
import type { ChatDatabase } from '../../../src/db/database.ts'
import { ChatError } from '../../../src/protocol/errors.ts'
import { loginOf, testAccounts } from '../../support/accounts.ts'
import { analyze, testDatabase } from '../../support/database.ts'
import { ENCRYPTION_KEY } from '../../support/settings.ts'

const PASSWORD = 'SecurePass123'

const throttleOf = (database: ChatDatabase): LoginThrottle => {
  const keyring = createKeyring({ current: ENCRYPTION_KEY, now: Date.now })
  return createLoginThrottle({ database, lookupKeys: createLookupKeys({ repository: database.lookupKeys, keyring }) })
}

const setup = async () => {
  const database = await testDatabase()
  const throttle = throttleOf(database)
  const table = `"${database.schema}".login_throttles`
  /** Makes an attempt. Returns 0 if the attempt is allowed, or else the wait in seconds before the next attempt. */
  const attempt = async (name: string, address: string, by = throttle): Promise<number> => {
    try {
      await by.admit({ username: name, client: { address } })
      return 0
    } catch (error) {
      if (!(error instanceof ChatError) || error.code !== 'rate_limited') throw error
      return Math.ceil((error.retryAfterMs ?? 0) / 1000)
    }
  }
  const attempts = async (count: number, name: string, address: string): Promise<number[]> => {
    const waits: number[] = []
    for (let at = 0; at < count; at++) waits.push(await attempt(name, address))
    return waits
  }
  /** Moves every stored time into the past by a number of seconds. */
  const pass = (seconds: number) =>
    database.client.query(
      `update ${table} set allowed_at = allowed_at - $1::double precision * interval '1 second',
         expires_at = expires_at - $1::double precision * interval '1 second'`,
      [seconds]
    )
  const counted = async (): Promise<number[]> =>
    (await database.client.query<{ n: number }>(`select attempts as n from ${table} order by 1`)).map(({ n }) => n)
  return { database, throttle, attempt, attempts, pass, counted, table }
}

test('an address may make five attempts for a name, and then must wait 1 s to 5 min before each attempt', async () => {
  const { attempts, attempt, pass } = await setup()
  expect(await attempts(7, 'john', '192.0.2.1')).toEqual([0, 0, 0, 0, 0, 1, 1])
  const waits = []
  for (let at = 0; at < 11; at++) {
    const wait = await attempt('john', '192.0.2.1')
    waits.push(wait)
    await pass(wait)
    expect(await attempt('john', '192.0.2.1')).toBe(0)
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
  expect(await attempt('john', '192.0.2.2')).toBe(0)
  expect(await attempt('jane', '192.0.2.1')).toBe(0)
})

test('a refused attempt is not counted, and the count of an address ends an hour after its last attempt', async () => {
  const { attempts, attempt, pass, counted } = await setup()
  await attempts(4, 'john', '192.0.2.1')
  await pass(3000)
  await attempts(20, 'john', '192.0.2.1')
  expect(await counted()).toEqual([5, 5])
  await pass(3000)
  expect(await attempts(2, 'john', '192.0.2.1')).toEqual([0, 2])
  await pass(3601)
  expect(await attempts(6, 'john', '192.0.2.1')).toEqual([0, 0, 0, 0, 0, 1])
  expect(await attempt('john', '192.0.2.9')).toBe(0)
})

test('a name may be tried 100 times an hour from all addresses together, and then once a minute', async () => {
  const { attempt, pass } = await setup()
  for (let at = 0; at < 100; at++) expect(await attempt(at % 2 ? 'john' : 'JOHN', `192.0.2.${at}`)).toBe(0)
  expect(await attempt('john', '198.51.100.1')).toBe(60)
  await pass(59)
  expect(await attempt('john', '198.51.100.1')).toBe(1)
  await pass(1)
  expect(await attempt('john', '198.51.100.1')).toBe(0)
  expect(await attempt('john', '198.51.100.2')).toBe(60)
  await pass(3600)
  for (let at = 0; at < 50; at++) expect(await attempt('john', `203.0.113.${at}`)).toBe(0)
})

test('the limit of a name does not apply to networks from which the user logged in within 30 days', async () => {
  const { database, attempt, pass } = await setup()
  const { knownNetworks } = database
  const john = await database.users.create({ username: 'John', hashedPassword: 'h' })
  await knownNetworks.record(john.id, '192.0.2.1')
  await knownNetworks.record(john.id, '2001:db8:0:1::/64')
  for (let at = 0; at < 100; at++) await attempt('john', `198.51.100.${at}`)
  expect(await attempt('john', '198.51.100.200')).toBe(60)
  expect(await attempt('JOHN', '192.0.2.1')).toBe(0)
  expect(await attempt('john', '2001:db8:0:1::6')).toBe(0)
  expect(await attempt('john', '2001:db8:0:2::6')).toBe(60)

  const networks = `"${database.schema}".known_networks`
  await database.client.query(`update ${networks} set last_login_at = last_login_at - interval '30 days 1 minute'`)
  await pass(1)
  expect(await attempt('john', '192.0.2.1')).toBe(59)
  await knownNetworks.record(john.id, '203.0.113.1')
  expect(await knownNetworks.sweep(10)).toBe(2)
  expect(await database.client.query(`select network from ${networks}`)).toEqual([{ network: '203.0.113.1' }])
  await knownNetworks.record(john.id, '203.0.113.1')
})

test('IPv6 addresses are counted by /64, and by /48 at 16 times the limit', async () => {
  const { attempt, attempts } = await setup()
  await attempts(5, 'john', '2001:db8:5:1::1')
  expect(await attempt('john', '2001:db8:5:1:ffff::2')).toBe(1)
  for (let at = 2; at <= 16; at++) expect(await attempts(5, 'john', `2001:db8:5:${at}::1`)).toEqual([0, 0, 0, 0, 0])
  expect(await attempt('john', '2001:db8:5:ffff::1')).toBe(1)
  expect(await attempt('john', '2001:db8:6:1::1')).toBe(0)
})

test('a success ends the count of its network, and does not count for the name', async () => {
  const { throttle, attempts, attempt, counted } = await setup()
  await attempts(4, 'john', '192.0.2.1')
  await attempts(3, 'john', '192.0.2.2')
  await (await throttle.admit({ username: 'john', client: { address: '192.0.2.1' } })).succeed()
  expect(await counted()).toEqual([3, 7])
  expect(await attempts(6, 'john', '192.0.2.1')).toEqual([0, 0, 0, 0, 0, 1])
  expect(await attempt('john', '192.0.2.2')).toBe(0)
})

test('a success after 100 attempts for a name lets the next attempt through', async () => {
  const { throttle, attempt } = await setup()
  for (let at = 0; at < 99; at++) await attempt('john', `192.0.2.${at}`)
  const hundredth = await throttle.admit({ username: 'john', client: { address: '198.51.100.1' } })
  expect(await attempt('john', '198.51.100.2')).toBe(60)
  await hundredth.succeed()
  expect(await attempt('john', '198.51.100.2')).toBe(0)
  expect(await attempt('john', '198.51.100.3')).toBe(60)
})

test('concurrent attempts in several processes are counted once each', async () => {
  const { database, attempt, counted } = await setup()
  const processes = [throttleOf(database), throttleOf(database)]
  const waits = await Promise.all(
    Array.from({ length: 40 }, (_, at) => attempt('john', '192.0.2.1', processes[at % 2]))
  )
  expect(waits.filter(wait => wait === 0)).toHaveLength(5)
  expect(await counted()).toEqual([5, 5])
  const spread = Array.from({ length: 40 }, (_, at) =>
    attempt('jane', `2001:db8:${at % 2}:${at}::1`, processes[at % 2])
  )
  expect((await Promise.all(spread)).every(wait => wait === 0)).toBe(true)
  expect(Math.max(...(await counted()))).toBe(40)
})

test('counts contain neither names nor addresses, and are not confused by a newline in a name', async () => {
  const { database, attempt, attempts, table } = await setup()
  for (let at = 0; at < 20; at++) await attempt('john\n192.0.2.1', `198.51.100.${at}`)
  for (let at = 0; at < 20; at++) await attempt('192.0.2.1\njohn', `198.51.100.${at}`)
  await attempt('a\u0000b', '192.0.2.1')
  expect(await attempts(6, 'john', '192.0.2.1')).toEqual([0, 0, 0, 0, 0, 1])
  const keys = await database.client.query<{ key: string }>(`select key from ${table}`)
  expect(keys.every(({ key }) => /^[0-9a-f]{64}$/.test(key))).toBe(true)
})

test('a count that would expire too late, because the clock was set back, is treated as expired', async () => {
  const { attempts, pass } = await setup()
  await attempts(6, 'john', '192.0.2.1')
  await pass(-86_400)
  expect(await attempts(6, 'john', '192.0.2.1')).toEqual([0, 0, 0, 0, 0, 1])
})

test('the look-up of a known network uses indexes', async () => {
  const { database } = await setup()
  const { client, schema } = database
  await client.query(`insert into "${schema}".users (username) select 'user' || n from generate_series(1, 5000) as n`)
  await client.query(`insert into "${schema}".known_networks (user_id, network)
    select id, '192.0.2.' || n from "${schema}".users, generate_series(1, 4) as n`)
  await analyze(schema, 'users', 'known_networks')
  const rows = await client.query<{ 'QUERY PLAN': string }>(
    `explain (costs off) select from "${schema}".known_networks as known join "${schema}".users as u on u.id = known.user_id
     where lower(u.username collate "C") = lower('user77' collate "C") and u.external_id is null
       and known.network = '192.0.2.1' and known.last_login_at > clock_timestamp() - interval '30 days'`
  )
  const plan = rows.map(row => row['QUERY PLAN']).join('\n')
  expect(plan).toContain('users_username_key')
  expect(plan).toContain('known_networks_pkey')
  expect(plan).not.toContain('Seq Scan')
})

test('an attempt whose password could not be checked is not counted, even after a wait', async () => {
  const { database, throttle, counted, pass, table } = await setup()
  const client = { address: '192.0.2.1', agent: undefined }
  const accounts = testAccounts(database, { throttle })
  const { id: userId } = await accounts.register('john', PASSWORD)
  const { sessionId } = await accounts.login(loginOf('john', PASSWORD))
  const busy = async () => {
    throw new ChatError('busy', '')
  }
  const passwords = { ...createPasswords({ rounds: 4 }), verify: busy }
  const { login, proofs } = testAccounts(database, { throttle, passwords })
  await database.client.query(`delete from ${table}`)
  await database.client.query(`delete from "${database.schema}".known_networks`)
  const failing = [
    () => login({ ...loginOf('john', PASSWORD), client }),
    () => proofs.prove({ userId, sessionId, password: PASSWORD, client })
  ]
  for (const attempt of failing) {
    for (let at = 0; at < 7; at++) await expect(attempt()).rejects.toMatchObject({ code: 'busy' })
    expect(await counted()).toEqual([0, 0])
  }
  for (let at = 0; at < 5; at++)
    await expect(accounts.login({ ...loginOf('john', 'wrong'), client })).rejects.toMatchObject({
      code: 'invalid_credentials'
    })
  await pass(1)
  for (const attempt of failing) await expect(attempt()).rejects.toMatchObject({ code: 'busy' })
  await accounts.login({ ...loginOf('john', PASSWORD), client })
})

test('attempts and their results do not wait for each other', async () => {
  const { database } = await setup()
  const limits = { free: 1000, firstWaitMs: 1, maxWaitMs: 1, windowMs: 60_000, isSliding: true }
  const { loginThrottles } = database
  const work = Array.from({ length: 300 }, (_, at) =>
    at % 2
      ? loginThrottles.count([
          { key: 'a', ...limits },
          { key: 'b', ...limits }
        ])
      : loginThrottles.forgive(at % 4 ? ['b'] : ['a'], at % 4 ? ['a'] : ['b'])
  )
  await Promise.all(work)
})
