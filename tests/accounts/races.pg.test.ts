/**
 * Tests concurrent requests to two processes. In most tests, one of two requests succeeds, and the other gets the documented
 * error and changes nothing. Other files test further races: sessions/concurrent.pg.test.ts (refreshes),
 * tests/routes/two-factor.db.test.ts (codes), admin/administration.db.test.ts (administrators), export.db.test.ts (exports).
 */
import { expect, test } from 'vitest'
import { hashToken, newToken } from '../../src/accounts/mail/token.ts'
import { accountsContext } from '../support/accounts.ts'
import { createAuthenticator } from '../support/authenticator.ts'
import { PASSWORD, type Person, type RunningChat } from '../support/start-chat.ts'
import { startTwoProcesses, type TwoProcesses } from '../support/two-processes.ts'

interface Outcome {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test reads any field of a response.
  readonly body: any
}

/** Returns the responses as `204` or `410 link_expired`, sorted. */
const outcomesOf = (responses: readonly Outcome[]): string[] =>
  responses.map(({ status, body }) => (status < 300 ? `${status}` : `${status} ${body.code}`)).sort()

const eventsOf = async ({ one }: TwoProcesses, event: string): Promise<number> =>
  (await one.database.audit.list({}, 100)).filter(row => row.event === event).length

const canLogIn = async ({ call }: RunningChat, username: string, password = PASSWORD): Promise<boolean> =>
  (await call('POST', '/api/auth/login', { body: { username, password } })).status === 200

const promoted = async ({ one }: TwoProcesses, ...names: string[]): Promise<Person[]> => {
  const people: Person[] = []
  for (const name of names) people.push(await one.register(name))
  for (const { id } of people) await one.database.administration.change(null, id, { role: 'admin' })
  return people
}

const adminsOf = async ({ one }: TwoProcesses): Promise<number> => (await one.database.administration.countAdmins()).all

test('of two resets with one link, one sets its password', async () => {
  const pair = await startTwoProcesses()
  const { one, two, race } = pair
  const { id: userId } = await one.register('john')
  const token = newToken()
  const link = { hash: hashToken(token), purpose: 'reset_password', userId, addressHash: null } as const
  await one.database.oneTimeTokens.issue({ ...link, lifetimeMs: 60_000 })
  const passwords = ['FirstPass111', 'SecondPass222'] as const
  const reset = ({ call }: RunningChat, password: string) =>
    call('POST', '/api/auth/password/reset', { body: { token, password } })
  const both = await race(
    () => reset(one, passwords[0]),
    () => reset(two, passwords[1])
  )
  expect(outcomesOf(both)).toEqual(['204', '410 link_expired'])
  const works = await Promise.all(passwords.map(password => canLogIn(one, 'john', password)))
  expect(works).toEqual(both.map(({ status }) => status === 204))
  expect(await canLogIn(two, 'john')).toBe(false)
  expect(await eventsOf(pair, 'password_reset')).toBe(1)
})

test('of two registrations with one invitation, one creates a user', async () => {
  const pair = await startTwoProcesses({ settings: { registration: 'invite' } })
  const { one, two, race, sql } = pair
  const invitation = newToken()
  await sql(
    `insert into @one_time_tokens (hash, purpose, expires_at) values ($1, 'invite', now() + interval '1 hour')`,
    [hashToken(invitation)]
  )
  const register = ({ call }: RunningChat, username: string) =>
    call('POST', '/api/auth/register', { body: { username, password: PASSWORD, invitation } })
  const both = await race(
    () => register(one, 'john'),
    () => register(two, 'jane')
  )
  expect(outcomesOf(both)).toEqual(['201', '403 invalid_invitation'])
  const names = (await sql<{ username: string }>('select username from @users')).map(({ username }) => username)
  expect(names).toEqual([both[0].status === 201 ? 'john' : 'jane'])
  expect(await eventsOf(pair, 'invitation_used')).toBe(1)
})

test('of two registrations with one name, one creates a user', async () => {
  const { one, two, race, sql } = await startTwoProcesses()
  const register = ({ call }: RunningChat, username: string, password: string) =>
    call('POST', '/api/auth/register', { body: { username, password } })
  const both = await race(
    () => register(one, 'john', 'FirstPass111'),
    () => register(two, 'JOHN', 'SecondPass222'),
    [`insert into @users (username) values ('John')`]
  )
  expect(outcomesOf(both)).toEqual(['201', '409 username_taken'])
  expect(await sql('select from @users')).toHaveLength(1)
  const isFirst = both[0].status === 201
  expect(await canLogIn(two, 'john', isFirst ? 'FirstPass111' : 'SecondPass222')).toBe(true)
})

test('a name is given out neither while its account is deleted nor right after it', async () => {
  const { one, two, sql } = await startTwoProcesses()
  const { token } = await one.register('john')
  const codes = new Set<string>()
  const isDeleted = async () => (await sql(`select from @users where status = 'deleted'`)).length > 0
  const register = async (chat: RunningChat): Promise<void> => {
    const { status, body } = await chat.call('POST', '/api/auth/register', {
      body: { username: 'john', password: PASSWORD }
    })
    codes.add(`${status} ${body.code}`)
  }
  const deletion = one.call('DELETE', '/api/users/me', { token, body: {} })
  for (let left = 5; left > 0; left -= (await isDeleted()) ? 1 : 0) await Promise.all([register(one), register(two)])
  expect((await deletion).status).toBe(202)
  expect([...codes]).toEqual(['409 username_taken'])
})

/** Adds a pending address to a user. Returns the token of the link that confirms the address. */
const pendingLink = async ({ database }: RunningChat, userId: number, address: string): Promise<string> => {
  const { keyring, lookupKeys } = accountsContext(database)
  const addressHash = await lookupKeys.hash('emails', address)
  const encrypted = keyring.encrypt(address)
  await database.emails.setPending({ userId, address: encrypted.token, keyId: encrypted.keyId, addressHash })
  const token = newToken()
  const link = { hash: hashToken(token), purpose: 'verify_email', userId, addressHash } as const
  await database.oneTimeTokens.issue({ ...link, lifetimeMs: 60_000 })
  return token
}

const verify = ({ call }: RunningChat, token: string) => call('POST', '/api/auth/email/verify', { body: { token } })

test('of two people who confirm one address, one has it, and the other one keeps the former address', async () => {
  const pair = await startTwoProcesses()
  const { one, two, race, sql } = pair
  const [john, jane] = [await one.register('john'), await one.register('jane')]
  for (const { id, username } of [john, jane]) {
    await verify(one, await pendingLink(one, id, `${username}@example.com`))
  }
  const tokens = [
    await pendingLink(one, john.id, 'both@example.com'),
    await pendingLink(one, jane.id, 'both@example.com')
  ]
  const both = await race(
    () => verify(one, tokens[0] ?? ''),
    () => verify(two, tokens[1] ?? '')
  )
  expect(outcomesOf(both)).toEqual(['204', '410 link_expired'])
  const rows = await sql<{ id: number }>(
    `select user_id as id from @emails where state = 'verified' and address_hash = $1`,
    [await accountsContext(one.database).lookupKeys.hash('emails', 'both@example.com')]
  )
  expect(rows).toEqual([{ id: both[0].status === 204 ? john.id : jane.id }])
  expect(await sql(`select from @emails where state = 'verified'`)).toHaveLength(2)
  expect(await eventsOf(pair, 'email_verified')).toBe(3)
})

test('of two confirmations with one link, one confirms the address', async () => {
  const pair = await startTwoProcesses()
  const { one, two, race, sql } = pair
  const { id } = await one.register('john')
  const token = await pendingLink(one, id, 'john@example.com')
  const both = await race(
    () => verify(one, token),
    () => verify(two, token)
  )
  expect(outcomesOf(both)).toEqual(['204', '410 link_expired'])
  expect(await sql('select from @emails')).toHaveLength(1)
  expect(await eventsOf(pair, 'email_verified')).toBe(1)
})

test('of the last two administrators who delete their accounts, one stays', async () => {
  const pair = await startTwoProcesses()
  const { one, two, race } = pair
  const [ada, bob] = (await promoted(pair, 'ada', 'bob')) as [Person, Person]
  const remove = ({ call }: RunningChat, { token }: Person) => call('DELETE', '/api/users/me', { token, body: {} })
  const both = await race(
    () => remove(one, ada),
    () => remove(two, bob)
  )
  expect(outcomesOf(both)).toEqual(['202', '409 last_admin'])
  expect(await adminsOf(pair)).toBe(1)
  const stays = both[0].status === 202 ? bob : ada
  expect(await canLogIn(one, stays.username)).toBe(true)
})

test('of the last two administrators who suspend each other, one stays', async () => {
  const pair = await startTwoProcesses()
  const { one, two, race } = pair
  const [ada, bob] = (await promoted(pair, 'ada', 'bob')) as [Person, Person]
  const suspend = ({ call }: RunningChat, { token }: Person, { id }: Person) =>
    call('PATCH', `/api/admin/users/${id}`, { token, body: { status: 'suspended' } })
  const both = await race(
    () => suspend(one, ada, bob),
    () => suspend(two, bob, ada)
  )
  // The request that runs first suspends the administrator who sent the other request.
  expect(outcomesOf(both)).toEqual(['200', '403 not_allowed'])
  expect(await adminsOf(pair)).toBe(1)
  const stays = both[0].status === 200 ? ada : bob
  expect(await canLogIn(one, stays.username)).toBe(true)
  expect(await eventsOf(pair, 'user_suspended')).toBe(1)
})

const ORIGIN = 'https://chat.example.com'
const withPasskeys = { settings: { publicUrl: ORIGIN } }

const startAdding = async ({ call }: RunningChat, { token }: Person) =>
  (await call('POST', '/api/auth/passkeys/options', { token })).body

test('of two requests that add a passkey with one challenge, one adds it', async () => {
  const pair = await startTwoProcesses(withPasskeys)
  const { one, two, race, sql } = pair
  const john = await one.register('john')
  const { challenge, options } = await startAdding(one, john)
  const send = ({ call }: RunningChat) => {
    const body = { challenge, name: 'Key', response: createAuthenticator(ORIGIN).create(options) }
    return call('POST', '/api/auth/passkeys', { token: john.token, body })
  }
  const both = await race(
    () => send(one),
    () => send(two)
  )
  expect(outcomesOf(both)).toEqual(['201', '401 invalid_challenge'])
  expect(await sql('select from @passkeys')).toHaveLength(1)
  expect(await sql('select from @recovery_codes')).toHaveLength(10)
})

test('of two passkeys that are added at once, one comes with the recovery codes', async () => {
  const pair = await startTwoProcesses(withPasskeys)
  const { one, two, race, sql } = pair
  const john = await one.register('john')
  const requests = [await startAdding(one, john), await startAdding(two, john)]
  const send = ({ call }: RunningChat, { challenge, options }: { challenge: string; options: object }) => {
    const body = { challenge, name: 'Key', response: createAuthenticator(ORIGIN).create(options) }
    return call('POST', '/api/auth/passkeys', { token: john.token, body })
  }
  const both = await race(
    () => send(one, requests[0]),
    () => send(two, requests[1])
  )
  expect(outcomesOf(both)).toEqual(['201', '201'])
  expect(both.map(({ body }) => body.recovery_codes?.length ?? 0).sort((a, b) => a - b)).toEqual([0, 10])
  expect(await sql('select from @passkeys')).toHaveLength(2)
  const [code] = both.flatMap(({ body }) => body.recovery_codes ?? [])
  const { body } = await two.call('POST', '/api/auth/login', { body: { username: 'john', password: PASSWORD } })
  const login = await two.call('POST', '/api/auth/totp/login', { body: { challenge: body.challenge, code } })
  expect(login.status).toBe(200)
})

test('of two logins with one challenge of a passkey, one starts a session', async () => {
  const pair = await startTwoProcesses(withPasskeys)
  const { one, two, race, sql } = pair
  const john = await one.register('john')
  const key = createAuthenticator(ORIGIN)
  const adding = await startAdding(one, john)
  const added = { challenge: adding.challenge, name: 'Key', response: key.create(adding.options) }
  await one.call('POST', '/api/auth/passkeys', { token: john.token, body: added })
  const sessions = async () => (await sql('select from @sessions')).length
  const before = await sessions()
  const { challenge, options } = (await one.call('POST', '/api/auth/passkeys/login/options', { body: {} })).body
  const logIn = ({ call }: RunningChat) =>
    call('POST', '/api/auth/passkeys/login', { body: { challenge, response: key.get(options) } })
  const both = await race(
    () => logIn(one),
    () => logIn(two)
  )
  expect(outcomesOf(both)).toEqual(['200', '401 invalid_challenge'])
  expect(await sessions()).toBe(before + 1)
})
