import { describe, expect, test } from 'vitest'
import { createRoomsRepository } from '../../src/db/repositories/rooms.ts'
import { createSessionsRepository } from '../../src/db/repositories/sessions.ts'
import { createUsersRepository } from '../../src/db/repositories/users.ts'
import { createTables } from '../../src/db/tables.ts'
import { ChatError } from '../../src/protocol/errors.ts'
import { analyze, testDatabase } from '../support/database.ts'
import { planOf, recordQueries } from '../support/plans.ts'

describe('users', () => {
  test('are found by name regardless of case, and by id', async () => {
    const { users } = await testDatabase()
    const john = await users.create({ username: 'JohnI', hashedPassword: 'h' })
    expect(await users.findByUsername('johni')).toEqual(john)
    expect(await users.findByUsername('JOHNI')).toEqual(john)
    expect(await users.findByIds([john.id, john.id + 1])).toEqual(new Map([[john.id, john]]))
    expect(Math.abs(john.createdAt - Date.now())).toBeLessThan(60_000)
  })

  test('have a unique name regardless of case', async () => {
    const { users } = await testDatabase()
    await users.create({ username: 'john', hashedPassword: null })
    const error = await users.create({ username: 'JOHN', hashedPassword: null }).catch(thrown => thrown)
    expect(error).toBeInstanceOf(ChatError)
    expect(error.code).toBe('username_taken')
  })

  test('have a unique external id', async () => {
    const { users } = await testDatabase()
    await users.create({ username: 'john', hashedPassword: null, externalId: 'ext-1', displayName: 'John' })
    const again = users.create({ username: 'jane', hashedPassword: null, externalId: 'ext-1' })
    await expect(again).rejects.toThrow()
    await expect(again).rejects.not.toBeInstanceOf(ChatError)
  })

  test('get a new password hash only if it replaces the hash that was checked', async () => {
    const { users, client, schema } = await testDatabase()
    const { id } = await users.create({ username: 'john', hashedPassword: 'old' })
    const john = { id, hashedPassword: 'old', generation: 0 }
    expect(await users.renewPasswordHash(john, 'new')).toBe(true)
    expect(await users.renewPasswordHash(john, 'stale')).toBe(false)
    expect((await users.findByIds([id])).get(id)).toMatchObject({ hashedPassword: 'new' })
    const renewed = { ...john, hashedPassword: 'new' }
    expect(await users.renewPasswordHash({ ...renewed, generation: 1 }, 'newer')).toBe(false)
    expect(await users.renewPasswordHash({ ...renewed, id: id + 1 }, 'newer')).toBe(false)
    await client.query(`update "${schema}".users set status = 'suspended'`)
    expect(await users.renewPasswordHash(renewed, 'newer')).toBe(false)
  })

  test('who have registered are found by name, and users of a host application are not', async () => {
    const { users } = await testDatabase()
    for (const externalId of ['a', 'b', 'c']) await users.admit({ externalId, username: 'John' })
    expect(await users.findByUsername('john')).toBeUndefined()
    const john = await users.create({ username: 'john', hashedPassword: 'h' })
    await users.admit({ externalId: 'd', username: 'JOHN' })
    expect(await users.findByUsername('John')).toEqual(john)
  })

  test('are looked up with the same index for known, unknown and host users', async () => {
    const { client, schema } = await testDatabase()
    recordQueries(client)
    const users = createUsersRepository(client, createTables(schema), schema)
    const sessions = createSessionsRepository(client, schema)
    await client.query(`insert into "${schema}".users (username, external_id)
      select 'user' || n, case when n % 2 = 0 then 'ext' || n end from generate_series(1, 100000) as n`)
    await analyze(schema, 'users')
    const ask = {
      name: (name: string) => users.findByUsername(name),
      host: (name: string) => users.findByExternalId(name),
      ids: (id: string) => users.findByIds([Number(id)]),
      session: (id: string) => sessions.find([{ userId: Number(id), sessionId: id }])
    }
    const known = {
      name: ['USER1', 'nobody', 'user2'],
      host: ['ext2', 'nobody'],
      ids: ['1', '999999'],
      session: ['1', '999999']
    }
    for (const look of ['name', 'host', 'ids', 'session'] as const) {
      const plans = []
      for (const wanted of known[look]) plans.push(await planOf(client, () => ask[look](wanted)))
      expect(plans[0]).toMatch(/Index (Only )?Scan|Bitmap Index Scan/)
      expect(plans[0]).not.toContain('Seq Scan')
      expect(new Set(plans).size).toBe(1)
    }
  })
})

describe('rooms', () => {
  test('are found and listed with an index', async () => {
    const { client, schema } = await testDatabase()
    recordQueries(client)
    const rooms = createRoomsRepository(client, createTables(schema), schema)
    await client.query(`insert into "${schema}".rooms (name) select 'room-' || n from generate_series(1, 60000) as n`)
    await analyze(schema, 'rooms')
    for (const name of ['room-1', 'absent']) {
      expect(await planOf(client, () => rooms.findByName(name))).toContain('rooms_name_key')
    }
    const page = { userId: 1, after: 'room-3', query: '', isMine: false, examined: 100, limit: 100 }
    const plan = await planOf(client, () => rooms.search(page))
    expect(plan).toContain('rooms_public_name_idx')
    expect(plan).not.toMatch(/Seq Scan/)
  })
})

describe('rate limits', () => {
  test('count the hits of a key in the window that the first hit starts, and start over after it', async () => {
    const { rateLimits, client, schema } = await testDatabase()
    expect(await rateLimits.hit('a', 60_000)).toEqual({ current: 1, ttlMs: 60_000 })
    const second = await rateLimits.hit('a', 60_000)
    expect(second.current).toBe(2)
    expect(second.ttlMs).toBeLessThanOrEqual(60_000)
    expect(await rateLimits.hit('b', 60_000)).toMatchObject({ current: 1 })
    await client.query(`update "${schema}".rate_limits set expires_at = now() - interval '1 second'`)
    expect(await rateLimits.hit('a', 1000)).toEqual({ current: 1, ttlMs: 1000 })
  })

  test('start over if the clock of the database was set back', async () => {
    const { rateLimits, client, schema } = await testDatabase()
    await rateLimits.hit('a', 60_000)
    await client.query(`update "${schema}".rate_limits set expires_at = expires_at + interval '1 hour'`)
    expect(await rateLimits.hit('a', 60_000)).toEqual({ current: 1, ttlMs: 60_000 })
    expect(await rateLimits.hit('a', 60_000)).toMatchObject({ current: 2 })
  })

  test('count all concurrent hits', async () => {
    const { rateLimits } = await testDatabase()
    const hits = await Promise.all(Array.from({ length: 40 }, () => rateLimits.hit('a', 60_000)))
    expect(hits.map(({ current }) => current).sort((a, b) => a - b)).toEqual(hits.map((_, at) => at + 1))
  })
})
