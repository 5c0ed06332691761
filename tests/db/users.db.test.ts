import { describe, expect, test } from 'vitest'
import { ChatError } from '../../src/errors.ts'
import { testDatabase } from '../support/database.ts'

describe('users', () => {
  test('are found by name in any case, and by id', async () => {
    const { users } = await testDatabase()
    const john = await users.create({ username: 'JohnI', hashedPassword: 'h' })
    expect(await users.findByUsername('johni')).toEqual(john)
    expect(await users.findByUsername('JOHNI')).toEqual(john)
    expect(await users.findByIds([john.id, john.id + 1])).toEqual(new Map([[john.id, john]]))
    expect(Math.abs(john.createdAt - Date.now())).toBeLessThan(60_000)
  })

  test('have a name that nobody else has, whatever the case', async () => {
    const { users } = await testDatabase()
    await users.create({ username: 'john', hashedPassword: null })
    const error = await users.create({ username: 'JOHN', hashedPassword: null }).catch(thrown => thrown)
    expect(error).toBeInstanceOf(ChatError)
    expect(error.code).toBe('username_taken')
  })

  test('may come from elsewhere, each once', async () => {
    const { users } = await testDatabase()
    await users.create({ username: 'john', hashedPassword: null, externalId: 'ext-1', displayName: 'John' })
    const again = users.create({ username: 'jane', hashedPassword: null, externalId: 'ext-1' })
    await expect(again).rejects.toThrow()
    await expect(again).rejects.not.toBeInstanceOf(ChatError)
  })

  test('get a new password hash', async () => {
    const { users } = await testDatabase()
    const { id } = await users.create({ username: 'john', hashedPassword: 'old' })
    await users.updatePasswordHash(id, 'new')
    expect((await users.findByIds([id])).get(id)).toMatchObject({ hashedPassword: 'new' })
  })
})

describe('rate limits', () => {
  test('count hits of a key within the window that the first began, and start over after it', async () => {
    const { rateLimits, client, schema } = await testDatabase()
    expect(await rateLimits.hit('a', 60_000)).toEqual({ current: 1, ttlMs: 60_000 })
    const second = await rateLimits.hit('a', 60_000)
    expect(second.current).toBe(2)
    expect(second.ttlMs).toBeLessThanOrEqual(60_000)
    expect(await rateLimits.hit('b', 60_000)).toMatchObject({ current: 1 })
    await client.query(`update "${schema}".rate_limits set expires_at = now() - interval '1 second'`)
    expect(await rateLimits.hit('a', 1000)).toEqual({ current: 1, ttlMs: 1000 })
  })

  test('start over when the clock of the database was set back', async () => {
    const { rateLimits, client, schema } = await testDatabase()
    await rateLimits.hit('a', 60_000)
    await client.query(`update "${schema}".rate_limits set expires_at = expires_at + interval '1 hour'`)
    expect(await rateLimits.hit('a', 60_000)).toEqual({ current: 1, ttlMs: 60_000 })
    expect(await rateLimits.hit('a', 60_000)).toMatchObject({ current: 2 })
  })

  test('lose no hit when many come at once', async () => {
    const { rateLimits } = await testDatabase()
    const hits = await Promise.all(Array.from({ length: 40 }, () => rateLimits.hit('a', 60_000)))
    expect(hits.map(({ current }) => current).sort((a, b) => a - b)).toEqual(hits.map((_, at) => at + 1))
  })
})
