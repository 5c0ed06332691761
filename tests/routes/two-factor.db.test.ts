/** Tests authenticator apps, recovery codes and the login that requires them, over HTTP and with two processes. */
import { describe, expect, test } from 'vitest'
import { createMail } from '../../src/accounts/mail/mail.ts'
import { createTwoFactor } from '../../src/accounts/two-factor/two-factor.ts'
import { accountsContext } from '../support/accounts.ts'
import { fakeClock } from '../support/clock.ts'
import { testDatabase } from '../support/database.ts'
import { PASSWORD, type Person, type RunningChat, type StartOptions, startChat } from '../support/start-chat.ts'
import { challengeOf, codeAt, enrol, enterCode, enterPassword, STEP_MS } from '../support/two-factor.ts'

/** Starts a service whose clock the test controls, with a user who has an authenticator app. */
const start = async (options: StartOptions = {}) => {
  const clock = fakeClock(Date.now())
  const chat = await startChat({ clock, ...options })
  const john = await chat.register('john')
  const { secret, recoveryCodes } = await enrol(chat, john, clock.now())
  /** Returns a code of the next time step, because a code is accepted only once. */
  const nextCode = (): string => {
    clock.advance(STEP_MS)
    return codeAt(secret, clock.now())
  }
  const run = (statement: string, params: unknown[] = []) =>
    chat.database.client.query<Record<string, unknown>>(statement.replaceAll('{}', `"${chat.database.schema}"`), params)
  return { clock, chat, john, secret, recoveryCodes, nextCode, run }
}

const wrong = '000000'
const statusesOf = (responses: { status: number }[]): number[] => responses.map(({ status }) => status).sort()
const eventsOf = (rows: Record<string, unknown>[]) => rows.map(({ event }) => event)

describe('an authenticator app', () => {
  test('takes effect with its first code', async () => {
    const chat = await startChat()
    const { token } = await chat.register('john')
    const { secret, uri } = (await chat.call('POST', '/api/auth/totp', { token })).body
    expect(uri).toContain(secret)
    expect((await enterPassword(chat, 'john')).status).toBe(200)
    const refused = await chat.call('POST', '/api/auth/totp/confirm', { token, body: { code: wrong } })
    expect(refused).toMatchObject({ status: 401, body: { code: 'invalid_code' } })
    const code = codeAt(secret, Date.now())
    const confirmed = await chat.call('POST', '/api/auth/totp/confirm', { token, body: { code } })
    expect(confirmed.status).toBe(200)
    expect(confirmed.body.recovery_codes).toHaveLength(10)
    expect(confirmed.headers.get('cache-control')).toBe('no-store')
    expect((await enterPassword(chat, 'john')).status).toBe(401)
  })

  test('is listed, and cannot be replaced before it is removed', async () => {
    const { chat, john } = await start()
    const { token } = john
    expect((await chat.call('GET', '/api/auth/factors', { token })).body).toEqual({
      totp: { is_enabled: true },
      recovery_codes: { left: 10 },
      passkeys: { is_available: false, items: [] }
    })
    expect(await chat.call('POST', '/api/auth/totp', { token })).toMatchObject({
      status: 409,
      body: { code: 'totp_enabled' }
    })
    expect((await chat.call('DELETE', '/api/auth/totp', { token })).status).toBe(204)
    expect((await chat.call('POST', '/api/auth/totp', { token })).status).toBe(200)
  })

  test('can be set up again with another secret until it is confirmed', async () => {
    const chat = await startChat()
    const { token } = await chat.register('john')
    const first = (await chat.call('POST', '/api/auth/totp', { token })).body
    const second = (await chat.call('POST', '/api/auth/totp', { token })).body
    const confirm = (secret: string) =>
      chat.call('POST', '/api/auth/totp/confirm', { token, body: { code: codeAt(secret, Date.now()) } })
    expect((await confirm(first.secret)).status).toBe(401)
    expect((await confirm(second.secret)).status).toBe(200)
  })

  test('deletes the recovery codes when it is removed as the last factor', async () => {
    const { chat, john, run } = await start()
    await chat.call('DELETE', '/api/auth/totp', { token: john.token })
    expect(await run('select * from {}.recovery_codes')).toEqual([])
    expect((await enterPassword(chat, 'john')).status).toBe(200)
    const refused = await chat.call('POST', '/api/auth/recovery-codes', { token: john.token })
    expect(refused).toMatchObject({ status: 409, body: { code: 'no_second_factor' } })
  })

  test('leaves nothing of its secret in the database when it is removed', async () => {
    const { chat, john, secret, run } = await start()
    const stored = async () => {
      const tables = await run(`select table_name as name from information_schema.tables where table_schema = $1`, [
        chat.database.schema
      ])
      const rows = await Promise.all(tables.map(({ name }) => run(`select t::text as row from {}."${name}" as t`)))
      return JSON.stringify(rows)
    }
    const [{ secret: encrypted } = {}] = await run('select secret from {}.totp')
    expect(await stored()).toContain(encrypted)
    expect(await stored()).not.toContain(secret)
    expect((await chat.call('DELETE', '/api/auth/totp', { token: john.token })).status).toBe(204)
    expect(await stored()).not.toContain(encrypted)
    expect(await stored()).not.toContain(secret)
  })

  test('is changed only with a recent proof', async () => {
    const { chat, john, run } = await start()
    await run(`update {}.sessions set proven_at = clock_timestamp() - interval '11 minutes'`)
    for (const [method, path, body] of [
      ['POST', '/api/auth/totp', undefined],
      ['POST', '/api/auth/totp/confirm', { code: wrong }],
      ['DELETE', '/api/auth/totp', undefined],
      ['POST', '/api/auth/recovery-codes', undefined],
      ['POST', '/api/auth/passkeys/options', undefined],
      ['DELETE', '/api/auth/passkeys/x', undefined]
    ] as const) {
      const refused = await chat.call(method, path, { token: john.token, body })
      expect(refused, path).toMatchObject({ status: 403, body: { code: 'proof_required' } })
    }
    expect((await chat.call('GET', '/api/auth/factors', { token: john.token })).status).toBe(200)
  })

  test('is confirmed once if two processes receive its code at the same time', async () => {
    const one = await startChat()
    const two = await startChat({ database: one.database })
    const { token } = await one.register('john')
    const { secret } = (await one.call('POST', '/api/auth/totp', { token })).body
    const body = { code: codeAt(secret, Date.now()) }
    const both = await Promise.all(
      [one, two, one, two].map(({ call }) => call('POST', '/api/auth/totp/confirm', { token, body }))
    )
    expect(statusesOf(both)).toEqual([200, 401, 401, 401])
    const codes = both.find(({ status }) => status === 200)?.body.recovery_codes
    const login = await enterCode(two, await challengeOf(two, 'john'), codes[3])
    expect(login.status).toBe(200)
  })
})

describe('a login with a second factor', () => {
  test('responds to the password with a challenge and the methods, and to the code with a token', async () => {
    const { chat, john, nextCode } = await start()
    const first = await enterPassword(chat, 'john')
    expect(first).toMatchObject({
      status: 401,
      body: {
        code: 'second_factor_required',
        challenge: expect.stringMatching(/^[\w-]{43}$/),
        methods: ['totp', 'recovery_code']
      }
    })
    const second = await enterCode(chat, first.body.challenge, nextCode())
    expect(second).toMatchObject({ status: 200, body: { token_type: 'bearer', expires_in: 1800 } })
    const me = await chat.call('GET', '/api/users/me', { token: second.body.access_token })
    expect(me.body).toMatchObject({ id: john.id, username: 'john' })
  })

  test('keeps the options of the first step', async () => {
    const { chat, nextCode } = await start()
    const first = await enterPassword(chat, 'john', { session: true })
    const { body } = await enterCode(chat, first.body.challenge, nextCode())
    expect(body).toMatchObject({ session_id: expect.any(String), refresh_token: expect.any(String) })
    const origin = { origin: chat.url }
    const byCookie = await chat.call('POST', '/api/auth/login', {
      body: { username: 'john', password: PASSWORD, cookie: true },
      headers: origin
    })
    const second = await chat.call('POST', '/api/auth/totp/login', {
      body: { challenge: byCookie.body.challenge, code: nextCode() },
      headers: origin
    })
    expect(second.status).toBe(200)
    expect(second.body.refresh_token).toBeUndefined()
    expect(second.headers.get('set-cookie')).toMatch(/HttpOnly/)
  })

  test('responds to a wrong password as for any other user', async () => {
    const { chat } = await start()
    const refused = await chat.call('POST', '/api/auth/login', { body: { username: 'john', password: 'Wrong1234' } })
    expect(refused).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } })
    expect(refused.body.challenge).toBeUndefined()
  })

  test('accepts each code once, including the code that confirmed the app', async () => {
    const { chat, clock, secret, nextCode } = await start()
    const confirming = codeAt(secret, clock.now())
    expect((await enterCode(chat, await challengeOf(chat, 'john'), confirming)).status).toBe(401)
    const code = nextCode()
    expect((await enterCode(chat, await challengeOf(chat, 'john'), code)).status).toBe(200)
    expect((await enterCode(chat, await challengeOf(chat, 'john'), code)).body.code).toBe('invalid_code')
    expect((await enterCode(chat, await challengeOf(chat, 'john'), confirming)).body.code).toBe('invalid_code')
    expect((await enterCode(chat, await challengeOf(chat, 'john'), nextCode())).status).toBe(200)
  })

  test.for(['app', 'recovery'])('accepts the %s code once if two processes receive it', async kind => {
    const { chat, clock, nextCode, recoveryCodes } = await start()
    const other = await startChat({ database: chat.database, clock })
    const challenges = await Promise.all([chat, other, chat, other].map(one => challengeOf(one, 'john')))
    const code = kind === 'app' ? nextCode() : (recoveryCodes[0] ?? '')
    const logins = await Promise.all(
      challenges.map((challenge, at) => enterCode(at % 2 ? other : chat, challenge, code))
    )
    expect(statusesOf(logins)).toEqual([200, 401, 401, 401])
  })

  test('continues a challenge once, even with two right codes at the same time', async () => {
    const { chat, nextCode, recoveryCodes, run } = await start()
    const challenge = await challengeOf(chat, 'john')
    const codes = [nextCode(), recoveryCodes[0] ?? '', recoveryCodes[1] ?? '']
    const logins = await Promise.all(codes.map(code => enterCode(chat, challenge, code)))
    expect(statusesOf(logins)).toEqual([200, 401, 401])
    // The refused requests did not use up their codes.
    const [{ used } = {}] = await run(
      'select count(*)::integer as used from {}.recovery_codes where used_at is not null'
    )
    expect(used).toBeLessThanOrEqual(1)
  })

  test('ends a challenge after five wrong codes', async () => {
    const { chat, nextCode } = await start()
    const challenge = await challengeOf(chat, 'john')
    const guesses = await Promise.all(Array.from({ length: 9 }, () => enterCode(chat, challenge, wrong)))
    const codes = guesses.map(({ body }) => body.code).sort()
    expect(codes).toEqual([
      ...Array.from({ length: 4 }, () => 'invalid_challenge'),
      ...Array.from({ length: 5 }, () => 'invalid_code')
    ])
    expect((await enterCode(chat, challenge, nextCode())).body.code).toBe('invalid_challenge')
  })

  test('accepts the fifth code of a challenge if it is right', async () => {
    const { chat, nextCode } = await start()
    const challenge = await challengeOf(chat, 'john')
    for (let times = 0; times < 4; times++) await enterCode(chat, challenge, wrong)
    expect((await enterCode(chat, challenge, nextCode())).status).toBe(200)
  })

  test('refuses every code for a day after twenty wrong ones, over all processes', async () => {
    const { chat, clock, nextCode, run } = await start()
    const other = await startChat({ database: chat.database, clock })
    for (let times = 0; times < 4; times++) {
      const challenge = await challengeOf(chat, 'john')
      await Promise.all(Array.from({ length: 5 }, (_, at) => enterCode(at % 2 ? other : chat, challenge, wrong)))
    }
    const refused = await enterCode(other, await challengeOf(chat, 'john'), nextCode())
    expect(refused).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(23 * 60 * 60)
    await run(`update {}.rate_limits set expires_at = clock_timestamp()`)
    expect((await enterCode(chat, await challengeOf(chat, 'john'), nextCode())).status).toBe(200)
  })

  test('does not count right codes', async () => {
    const { chat, nextCode } = await start()
    for (let times = 0; times < 25; times++) {
      expect((await enterCode(chat, await challengeOf(chat, 'john'), nextCode())).status).toBe(200)
    }
  })

  test.for([
    ['has expired', `update {}.challenges set expires_at = clock_timestamp()`],
    ['is of another flow', `update {}.challenges set purpose = 'passkey_login'`],
    ['is of a user who has another password now', `update {}.users set hashed_password = 'other'`],
    ['is of a user whose sessions were all ended', 'update {}.users set generation = generation + 1'],
    ['is of a user who was suspended', `update {}.users set status = 'suspended'`],
    ['is of a user who is being deleted', `update {}.users set status = 'deleting'`],
    ['is of a user who was deleted', 'delete from {}.users']
  ] as const)('refuses a challenge that %s', async ([, change]) => {
    const { chat, nextCode, run } = await start()
    const challenge = await challengeOf(chat, 'john')
    const code = nextCode()
    await run(change)
    expect(await enterCode(chat, challenge, code)).toMatchObject({ status: 401, body: { code: 'invalid_challenge' } })
    expect(await run('select count(*)::integer as logins from {}.audit where event = $1', ['login'])).toEqual([
      { logins: 1 }
    ])
  })

  test.for(['a', 'x'.repeat(43), `${'a'.repeat(42)}=`])('refuses the invented challenge %s', async challenge => {
    const { chat, nextCode } = await start()
    expect((await enterCode(chat, challenge, nextCode())).status).toBeGreaterThanOrEqual(401)
  })

  test('refuses the code of another user', async () => {
    const { chat, clock, nextCode } = await start()
    const jane = await chat.register('jane')
    const hers = await enrol(chat, jane, clock.now())
    const challenge = await challengeOf(chat, 'john')
    clock.advance(STEP_MS)
    expect((await enterCode(chat, challenge, codeAt(hers.secret, clock.now()))).status).toBe(401)
    expect((await enterCode(chat, challenge, hers.recoveryCodes[0] ?? '')).status).toBe(401)
    expect((await enterCode(chat, challenge, nextCode())).status).toBe(200)
  })
})

describe('recovery codes', () => {
  test('work once each, in any case and with or without hyphens', async () => {
    const { chat, john, recoveryCodes } = await start()
    const [first = '', second = ''] = recoveryCodes
    expect((await enterCode(chat, await challengeOf(chat, 'john'), first)).status).toBe(200)
    expect((await enterCode(chat, await challengeOf(chat, 'john'), first)).body.code).toBe('invalid_code')
    const typed = second.toLowerCase().replaceAll('-', ' ')
    expect((await enterCode(chat, await challengeOf(chat, 'john'), typed)).status).toBe(200)
    const { body } = await chat.call('GET', '/api/auth/factors', { token: john.token })
    expect(body.recovery_codes).toEqual({ left: 8 })
  })

  test('replace earlier ones', async () => {
    const { chat, john, recoveryCodes } = await start()
    const { body } = await chat.call('POST', '/api/auth/recovery-codes', { token: john.token })
    expect(body.recovery_codes).toHaveLength(10)
    expect((await enterCode(chat, await challengeOf(chat, 'john'), recoveryCodes[0] ?? '')).status).toBe(401)
    expect((await enterCode(chat, await challengeOf(chat, 'john'), body.recovery_codes[0])).status).toBe(200)
  })

  test('are no longer offered when all are used', async () => {
    const { chat, recoveryCodes } = await start()
    for (const code of recoveryCodes) await enterCode(chat, await challengeOf(chat, 'john'), code)
    expect((await enterPassword(chat, 'john')).body.methods).toEqual(['totp'])
  })
})

describe('a proof with the password', () => {
  const prove = (chat: RunningChat, { token }: Person, code?: string) =>
    chat.call('POST', '/api/auth/proof', { token, body: { password: PASSWORD, ...(code ? { code } : {}) } })

  test('needs a code of the app or a recovery code, once each', async () => {
    const { chat, john, nextCode, recoveryCodes, run } = await start()
    await run('update {}.sessions set proven_at = null')
    expect(await prove(chat, john)).toMatchObject({
      status: 401,
      body: { code: 'second_factor_required', methods: ['totp', 'recovery_code'] }
    })
    expect((await prove(chat, john, wrong)).body.code).toBe('invalid_code')
    expect((await chat.call('DELETE', '/api/auth/totp', { token: john.token })).body.code).toBe('proof_required')
    const code = nextCode()
    expect(await prove(chat, john, code)).toMatchObject({ status: 200, body: { expires_in: 600 } })
    expect((await prove(chat, john, code)).body.code).toBe('invalid_code')
    expect((await prove(chat, john, recoveryCodes[0])).status).toBe(200)
    expect((await prove(chat, john, recoveryCodes[0])).body.code).toBe('invalid_code')
    expect((await chat.call('DELETE', '/api/auth/totp', { token: john.token })).status).toBe(204)
  })

  test('needs no code without a second factor', async () => {
    const chat = await startChat()
    const john = await chat.register('john')
    expect((await prove(chat, john)).status).toBe(200)
    expect((await prove(chat, john, wrong)).status).toBe(200)
  })

  test('counts wrong codes like a login', async () => {
    const { chat, john, nextCode } = await start()
    for (let times = 0; times < 20; times++) await prove(chat, john, wrong)
    expect(await prove(chat, john, nextCode())).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
    expect((await enterCode(chat, await challengeOf(chat, 'john'), nextCode())).status).toBe(429)
  })
})

test('a user changes factors at most twenty times an hour', async () => {
  const { call, register } = await startChat()
  const [john, jane] = [await register('john'), await register('jane')]
  const setUp = ({ token }: Person) => call('POST', '/api/auth/totp', { token })
  for (let at = 0; at < 20; at++) expect((await setUp(john)).status).toBe(200)
  const { status, body, headers } = await setUp(john)
  expect([status, body.code]).toEqual([429, 'rate_limited'])
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(3000)
  expect((await call('DELETE', '/api/auth/totp', { token: john.token })).status).toBe(429)
  expect((await setUp(jane)).status).toBe(200)
})

test('the owner receives a mail about every change', async () => {
  const database = await testDatabase()
  const user = await database.users.create({ username: 'john', hashedPassword: null })
  const context = accountsContext(database)
  const mail = createMail({ keyring: context.keyring, isConfigured: true })
  const { factors } = createTwoFactor({ context: { ...context, mail }, party: undefined, issuer: 'test' })
  const actor = { user, client: { address: '192.0.2.1', agent: undefined } }
  const { secret } = await factors.enrolTotp(actor)
  await factors.confirmTotp(actor, codeAt(secret, Date.now()))
  await factors.renewRecoveryCodes(actor)
  await factors.removeTotp(actor)
  const mails = await database.client.query<{ kind: string }>(
    `select kind from "${database.schema}".outbox order by created_at, kind`
  )
  expect(mails.map(({ kind }) => kind).sort()).toEqual([
    'factor_added',
    'factor_removed',
    'recovery_codes_created',
    'recovery_codes_created'
  ])
})

test('the audit log contains every change, and no secret is in the audit log, the log or the database', async () => {
  const { chat, john, secret, recoveryCodes, nextCode, run } = await start()
  const challenge = await challengeOf(chat, 'john')
  await enterCode(chat, challenge, wrong)
  await enterCode(chat, challenge, nextCode())
  await enterCode(chat, await challengeOf(chat, 'john'), recoveryCodes[0] ?? '')
  await chat.call('POST', '/api/auth/recovery-codes', { token: john.token })
  await chat.call('DELETE', '/api/auth/totp', { token: john.token })
  const audit = await run('select event, user_id, address, detail::text as detail from {}.audit order by id')
  expect(eventsOf(audit)).toEqual([
    'login',
    'factor_added',
    'recovery_codes_created',
    'second_factor_failed',
    'login',
    'recovery_code_used',
    'login',
    'recovery_codes_created',
    'factor_removed'
  ])
  for (const { user_id, address } of audit) expect([user_id, address]).toEqual([john.id, '127.0.0.1'])
  expect(audit[5]).toMatchObject({ detail: '{"left": 9}' })
  const [{ stored } = {}] = await run(`select
    (select coalesce(string_agg(one::text, ''), '') from {}.audit as one) ||
    (select coalesce(string_agg(one::text, ''), '') from {}.challenges as one) ||
    (select coalesce(string_agg(one::text, ''), '') from {}.totp as one) as stored`)
  for (const text of [String(stored), chat.log()]) {
    for (const hidden of [secret, challenge, PASSWORD, ...recoveryCodes]) expect(text).not.toContain(hidden)
  }
})
