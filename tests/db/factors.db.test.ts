/** Tests the repositories of challenges and second factors, in particular with concurrent requests and with revoked users. */
import { expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'

const setup = async () => {
  const database = await testDatabase()
  const john = await database.users.create({ username: 'john', hashedPassword: 'hash' })
  const run = (statement: string, params: unknown[] = []) =>
    database.client.query(statement.replaceAll('{}', `"${database.schema}"`), params)
  return { database, john, run }
}

const challenge = { hash: 'h', purpose: 'login', userId: null, generation: 0, data: '{"a":1}', lifetimeMs: 60_000 }

test('a challenge is found for its purpose only, and taken once', async () => {
  const { database } = await setup()
  await database.challenges.create(challenge)
  expect(await database.challenges.find('h', 'other')).toBeUndefined()
  expect(await database.challenges.find('h', 'login')).toEqual({ userId: null, generation: 0, data: '{"a":1}' })
  const taken = await Promise.all(Array.from({ length: 5 }, () => database.challenges.take('h', 'login')))
  expect(taken.filter(one => one !== undefined)).toHaveLength(1)
})

test('a challenge has a limited number of attempts, even if they are concurrent', async () => {
  const { database } = await setup()
  await database.challenges.create(challenge)
  const attempts = await Promise.all(Array.from({ length: 12 }, () => database.challenges.attempt('h', 'login', 5)))
  expect(attempts.filter(one => one !== undefined)).toHaveLength(5)
})

test('an expired challenge is neither found nor taken, and the next challenge deletes it', async () => {
  const { database, run } = await setup()
  await database.challenges.create({ ...challenge, lifetimeMs: -1 })
  expect(await database.challenges.find('h', 'login')).toBeUndefined()
  expect(await database.challenges.attempt('h', 'login', 5)).toBeUndefined()
  expect(await database.challenges.take('h', 'login')).toBeUndefined()
  await database.challenges.create({ ...challenge, hash: 'next' })
  expect(await run('select hash from {}.challenges')).toEqual([{ hash: 'next' }])
})

test('a time step is accepted once, and no earlier one after it', async () => {
  const { database, john } = await setup()
  const { totp } = database
  expect(await totp.enrol({ userId: john.id, secret: 's', keyId: 'k' })).toBe(true)
  expect(await totp.acceptStep(john.id, 100)).toBe(false)
  const confirmed = await Promise.all([totp.confirm(john.id, 100), totp.confirm(john.id, 101)])
  expect(confirmed.filter(Boolean)).toHaveLength(1)
  const accepted = await Promise.all(Array.from({ length: 5 }, () => totp.acceptStep(john.id, 200)))
  expect(accepted.filter(Boolean)).toHaveLength(1)
  expect(await totp.acceptStep(john.id, 199)).toBe(false)
  expect(await totp.enrol({ userId: john.id, secret: 'other', keyId: 'k' })).toBe(false)
  expect(await totp.find(john.id)).toEqual({ userId: john.id, secret: 's', keyId: 'k', isConfirmed: true })
})

test('a recovery code is used once', async () => {
  const { database, john } = await setup()
  const { recoveryCodes, factors } = database
  await recoveryCodes.replace(john.id, [
    { prefix: 'AA', hash: '1' },
    { prefix: 'BB', hash: '2' }
  ])
  const used = await Promise.all(
    Array.from({ length: 5 }, () => recoveryCodes.use(john.id, { prefix: 'AA', hash: '1' }))
  )
  expect(used.filter(Boolean)).toHaveLength(1)
  expect(await recoveryCodes.use(john.id, { prefix: 'BB', hash: '1' })).toBe(false)
  expect(await factors.summary(john.id, undefined)).toMatchObject({ recoveryCodes: 1 })
  await recoveryCodes.replace(john.id, [{ prefix: 'AA', hash: '3' }])
  expect(await factors.summary(john.id, undefined)).toMatchObject({ recoveryCodes: 1 })
})

test('a passkey belongs to one user and one host name, and reports the counter before each use', async () => {
  const { database, john } = await setup()
  const { passkeys, factors } = database
  const jane = await database.users.create({ username: 'jane', hashedPassword: null })
  const key = { id: 'c', userId: john.id, publicKey: 'p', counter: 7, rpId: 'a.test', name: 'Key', isBackedUp: false }
  expect(await passkeys.handleOf(john.id, 'first')).toBe('first')
  expect(await passkeys.handleOf(john.id, 'second')).toBe('first')
  await passkeys.handleOf(jane.id, 'third')
  expect(await passkeys.add({ ...key, transports: ['usb', 'nfc'] })).toBeGreaterThan(0)
  expect(await passkeys.add({ ...key, userId: jane.id, transports: [] })).toBeUndefined()
  expect(await passkeys.find('c')).toMatchObject({
    ...key,
    transports: ['usb', 'nfc'],
    handle: 'first',
    lastUsedAt: null
  })
  expect(await passkeys.use({ id: 'c', userId: jane.id, counter: 8, isBackedUp: true })).toBeUndefined()
  expect(await passkeys.use({ id: 'c', userId: john.id, counter: 3, isBackedUp: true })).toBe(7)
  expect(await passkeys.list(john.id)).toMatchObject([{ counter: 3, isBackedUp: true, lastUsedAt: expect.any(Number) }])
  expect(await factors.summary(john.id, 'a.test')).toMatchObject({ passkeys: 1, allPasskeys: 1 })
  expect(await factors.summary(john.id, 'b.test')).toMatchObject({ passkeys: 0, allPasskeys: 1 })
  expect(await passkeys.countOthers('b.test')).toEqual({ passkeys: 1, users: 1 })
  expect(await passkeys.remove(jane.id, 'c')).toBe(false)
  expect(await passkeys.remove(john.id, 'c')).toBe(true)
})

test('the lock of a user fails after any change of what was checked', async () => {
  const { database, john, run } = await setup()
  const lock = (changed = {}) =>
    database.transaction(({ users }) => users.lockActive({ id: john.id, generation: 0, ...changed }))
  await run(
    `insert into {}.sessions (id, user_id, generation, expires_at) values
    ('live', $1, 0, clock_timestamp() + interval '1 hour'), ('over', $1, 0, clock_timestamp() - interval '1 hour')`,
    [john.id]
  )
  expect(await lock()).toBe(true)
  expect(await lock({ hashedPassword: 'hash', sessionId: 'live' })).toBe(true)
  expect(await lock({ hashedPassword: 'other' })).toBe(false)
  expect(await lock({ hashedPassword: null })).toBe(false)
  expect(await lock({ generation: 1 })).toBe(false)
  expect(await lock({ sessionId: 'over' })).toBe(false)
  expect(await lock({ sessionId: 'none' })).toBe(false)
  expect(await lock({ sessionId: 'live', isProven: true })).toBe(false)
  await run(`update {}.sessions set proven_at = clock_timestamp()`)
  expect(await lock({ sessionId: 'live', isProven: true })).toBe(true)
  await run(`update {}.sessions set generation = -1`)
  expect(await lock({ sessionId: 'live' })).toBe(false)
  await run(`update {}.users set status = 'suspended'`)
  expect(await lock()).toBe(false)
})

test('attempts with codes are counted per user and period, even if concurrent, and an attempt can be removed from the count', async () => {
  const { database, john, run } = await setup()
  const { factors } = database
  const waits = await Promise.all(Array.from({ length: 8 }, () => factors.countCode(john.id, 3, 60_000)))
  expect(waits.filter(ms => ms === 0)).toHaveLength(3)
  for (const ms of waits.filter(one => one > 0)) expect(ms).toBeLessThanOrEqual(60_000)
  await factors.uncountCode(john.id)
  expect(await factors.countCode(john.id, 3, 60_000)).toBe(0)
  expect(await factors.countCode(john.id, 3, 60_000)).toBeGreaterThan(0)
  await run(`update {}.rate_limits set expires_at = clock_timestamp() - interval '1 second'`)
  expect(await factors.countCode(john.id, 3, 60_000)).toBe(0)
})
