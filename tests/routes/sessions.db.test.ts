/** Tests the HTTP routes of sessions. */
import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { loginOf, testAccounts } from '../support/accounts.ts'
import { testDatabase } from '../support/database.ts'
import { auditOf, passTime } from '../support/sessions.ts'
import { SECRET_KEY } from '../support/settings.ts'
import { PASSWORD, type RunningChat, startChat } from '../support/start-chat.ts'

const DAY_S = 24 * 60 * 60

const start = async (settings: Parameters<typeof startChat>[0] = {}) => {
  const chat = await startChat(settings)
  await chat.call('POST', '/api/auth/register', { body: { username: 'john', password: PASSWORD } })
  return { ...chat, ...clientOf(chat) }
}

/** Returns functions that send the requests of one client. */
const clientOf = ({ call, database }: RunningChat) => ({
  login: async (options: object = { session: true }) =>
    (await call('POST', '/api/auth/login', { body: { username: 'john', password: PASSWORD, ...options } })).body,
  refresh: (refresh_token: string) => call('POST', '/api/auth/refresh', { body: { refresh_token } }),
  me: (token: string) => call('GET', '/api/users/me', { token }),
  pass: (seconds: number) => passTime(database, seconds),
  run: (text: string) => database.client.query(text.replace(/\b(users|sessions)\b/, `"${database.schema}".$1`))
})

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

describe('a login', () => {
  test('without `session` returns the same fields as older releases, and its token belongs to a session', async () => {
    const { login, me, database } = await start()
    const body = await login({})
    expect(body).toEqual({ access_token: expect.any(String), token_type: 'bearer', expires_in: 1800 })
    const { sid, gen, rtn } = claimsOf(body.access_token)
    expect({ gen, rtn }).toEqual({ gen: 0, rtn: undefined })
    expect(await auditOf(database, 'login')).toMatchObject([{ session_id: sid }])
    expect((await me(body.access_token)).status).toBe(200)
  })

  test('with `session` returns a refresh token, and when the session ends', async () => {
    const { login } = await start()
    const body = await login()
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'bearer',
      expires_in: 1800,
      session_id: expect.stringMatching(/^[\w-]{22}$/),
      refresh_token: expect.stringContaining(`${body.session_id}.1.`),
      refresh_expires_in: expect.any(Number)
    })
    const days = body.refresh_expires_in / DAY_S
    expect(days).toBeGreaterThan(13.9)
    expect(days).toBeLessThan(14.1)
  })

  test('is rejected with 403 if the user is suspended, and only with the right password', async () => {
    const { call, run } = await start()
    await run(`update users set status = 'suspended', generation = generation + 1`)
    const login = (password: string) => call('POST', '/api/auth/login', { body: { username: 'john', password } })
    expect(await login(PASSWORD)).toMatchObject({ status: 403, body: { code: 'account_suspended' } })
    expect(await login('Wrong1234')).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } })
  })

  test('ends the least recently used session of a user who has 100', async () => {
    const { login, refresh, run, database } = await start()
    const first = await login()
    await run(`insert into sessions (id, user_id, generation, expires_at, last_used_at)
      select 's' || n, 1, 0, clock_timestamp() + interval '1 day', clock_timestamp() - n * interval '1 second'
      from generate_series(1, 99) as n`)
    await login()
    const ids = await database.client.query<{ id: string }>(`select id from "${database.schema}".sessions`)
    expect(ids).toHaveLength(100)
    expect(ids.map(({ id }) => id)).not.toContain('s99')
    expect((await refresh(first.refresh_token)).status).toBe(200)
  })
})

describe('an access token', () => {
  test('of a release without sessions counts as generation 0', async () => {
    const { me, run, settings } = await start()
    const token = legacyToken(1, settings.audience)
    expect((await me(token)).status).toBe(200)
    await run('update users set generation = generation + 1')
    await expect.poll(async () => (await me(token)).status).toBe(401)
  })

  test('is invalid when its session ends, and 403 when its user is suspended', async () => {
    const { login, me, run, call } = await start()
    const [one, two] = [await login(), await login({})]
    expect(await call('POST', '/api/auth/logout', { token: one.access_token })).toMatchObject({ status: 204, body: '' })
    await expect.poll(async () => (await me(one.access_token)).body.code).toBe('invalid_token')
    expect((await me(two.access_token)).status).toBe(200)
    await run(`update users set status = 'suspended', generation = generation + 1`)
    await expect.poll(async () => (await me(two.access_token)).body.code).toBe('account_suspended')
  })

  test('expires no later than its session', async () => {
    const { login, refresh, run } = await start()
    const { refresh_token } = await login()
    await run(`update sessions set created_at = clock_timestamp() - interval '90 days' + interval '10 minutes',
      rotated_at = rotated_at - interval '1 minute'`)
    const { body } = await refresh(refresh_token)
    expect(body.expires_in).toBeGreaterThan(590)
    expect(body.expires_in).toBeLessThanOrEqual(600)
  })
})

/** Returns a token without `sid` and `gen`, like the tokens of a release without sessions. */
const legacyToken = (uid: number, aud: string): string => {
  const iat = Math.floor(Date.now() / 1000)
  const claims = { sub: 'john', uid, jti: 'j', iat, exp: iat + 600, aud }
  const parts = [{ alg: 'HS256', typ: 'JWT' }, claims].map(part =>
    Buffer.from(JSON.stringify(part)).toString('base64url')
  )
  return `${parts.join('.')}.${createHmac('sha256', SECRET_KEY).update(parts.join('.')).digest('base64url')}`
}

describe('a refresh', () => {
  test('returns the same token within 30 s, and then the next one', async () => {
    const { login, refresh, pass } = await start()
    const { refresh_token: first, session_id } = await login()
    const repeated = await refresh(first)
    expect(repeated).toMatchObject({ status: 200, body: { refresh_token: first, session_id, token_type: 'bearer' } })
    await pass(31)
    const next = await refresh(first)
    expect(next.body.refresh_token).toContain(`${session_id}.2.`)
    expect(claimsOf(next.body.access_token)).toMatchObject({ sid: session_id, rtn: 2 })
  })

  test('with the previous token returns the same successor, as long as the successor is unused', async () => {
    const { login, refresh, pass } = await start()
    const { refresh_token: first } = await login()
    await pass(31)
    const { body: one } = await refresh(first)
    await pass(DAY_S)
    const { body: two } = await refresh(first)
    expect(two.refresh_token).toBe(one.refresh_token)
  })

  test.for(['refresh token', 'access token'] as const)(
    'with the previous token ends the session 30 s after the first use of the successor’s %s',
    async used => {
      const { login, refresh, me, pass, database, run } = await start()
      const { refresh_token: first, session_id } = await login()
      await pass(31)
      const { body: next } = await refresh(first)
      if (used === 'refresh token') await refresh(next.refresh_token)
      else await me(next.access_token)
      await expect.poll(() => run('select 1 as one from sessions where successor_used_at is not null')).toHaveLength(1)
      expect((await refresh(first)).body.refresh_token).toBe(next.refresh_token)
      await pass(31)
      expect(await refresh(first)).toMatchObject({ status: 401, body: { code: 'invalid_refresh_token' } })
      expect(await refresh(next.refresh_token)).toMatchObject({ status: 401, body: { code: 'invalid_refresh_token' } })
      await expect.poll(async () => (await me(next.access_token)).status).toBe(401)
      expect(await auditOf(database, 'refresh_reused')).toMatchObject([{ user_id: 1, session_id }])
    }
  )

  test('with an older token ends the session at any time', async () => {
    const { login, refresh, pass, database } = await start()
    const { refresh_token: first } = await login()
    await pass(31)
    const { body: second } = await refresh(first)
    await pass(31)
    const { body: third } = await refresh(second.refresh_token)
    expect((await refresh(first)).status).toBe(401)
    expect((await refresh(third.refresh_token)).status).toBe(401)
    expect(await auditOf(database, 'refresh_reused')).toHaveLength(1)
  })

  test('with an invented token is a 401 and ends nothing', async () => {
    const { login, refresh, database } = await start()
    const { refresh_token, session_id } = await login()
    const [, , secret, mac = ''] = refresh_token.split('.')
    const other = `${mac.startsWith('A') ? 'B' : 'A'}${mac.slice(1)}`
    const invented = [
      `${session_id}.1.${secret}.${other}`,
      `${session_id}.2.${secret}.${mac}`,
      `${session_id}.1.${other}.${mac}`,
      `${'A'.repeat(22)}.1.${secret}.${mac}`,
      'nonsense',
      `${refresh_token}x`,
      '\u0000'
    ]
    for (const token of invented) {
      expect(await refresh(token)).toMatchObject({ status: 401, body: { code: 'invalid_refresh_token' } })
    }
    expect((await refresh(refresh_token)).status).toBe(200)
    expect(await auditOf(database, 'refresh_reused')).toEqual([])
  })

  test('is rejected after SESSION_IDLE_DAYS without a use, and after SESSION_MAX_DAYS even if it is used', async () => {
    const { login, refresh, pass } = await start({ settings: { sessionIdleDays: 2, sessionMaxDays: 3 } })
    const idle = await login()
    await pass(2 * DAY_S + 1)
    expect((await refresh(idle.refresh_token)).status).toBe(401)
    let { refresh_token: current } = await login()
    for (let day = 0; day < 2; day++) {
      await pass(DAY_S)
      current = (await refresh(current)).body.refresh_token
    }
    await pass(DAY_S)
    expect((await refresh(current)).status).toBe(401)
  })

  test('is rejected when the user is suspended, deleted, or has ended all sessions', async () => {
    const { login, refresh, run, call } = await start()
    const one = await login()
    expect((await call('POST', '/api/auth/logout-all', { token: one.access_token })).status).toBe(204)
    expect(await refresh(one.refresh_token)).toMatchObject({ status: 401, body: { code: 'invalid_refresh_token' } })
    const two = await login()
    await run(`update users set status = 'suspended', generation = generation + 1`)
    expect(await refresh(two.refresh_token)).toMatchObject({ status: 403, body: { code: 'account_suspended' } })
    await run(`update users set status = 'active'`)
    expect(await refresh(two.refresh_token)).toMatchObject({ status: 401, body: { code: 'invalid_refresh_token' } })
    const three = await login()
    await run('delete from users')
    expect(await refresh(three.refresh_token)).toMatchObject({ status: 401, body: { code: 'invalid_refresh_token' } })
  })

  test('without a token is a 403 for a client that is not a page of the service', async () => {
    const { call } = await start()
    expect(await call('POST', '/api/auth/refresh')).toMatchObject({ status: 403, body: { code: 'origin_not_allowed' } })
    expect(await call('POST', '/api/auth/refresh', { body: {} })).toMatchObject({ status: 403 })
  })
})

describe('a logout', () => {
  test('ends the session of the refresh token, and may be repeated', async () => {
    const { login, refresh, call, database } = await start()
    const { refresh_token, session_id } = await login()
    for (let time = 0; time < 2; time++) {
      expect((await call('POST', '/api/auth/logout', { body: { refresh_token } })).status).toBe(204)
    }
    expect((await refresh(refresh_token)).status).toBe(401)
    expect(await auditOf(database, 'logout')).toMatchObject([{ session_id }])
  })

  test('with an invented token ends nothing, and without any token is a 401', async () => {
    const { login, refresh, call } = await start()
    const { refresh_token } = await login()
    const invented = refresh_token.replace(/..$/, refresh_token.endsWith('AA') ? 'BA' : 'AA')
    expect((await call('POST', '/api/auth/logout', { body: { refresh_token: invented } })).status).toBe(204)
    expect((await refresh(refresh_token)).status).toBe(200)
    expect(await call('POST', '/api/auth/logout')).toMatchObject({ status: 401, body: { code: 'missing_token' } })
  })

  test('of all sessions needs a recent proof, and ends every one', async () => {
    const { login, me, call, pass, refresh } = await start()
    const [one, two] = [await login(), await login({})]
    await pass(601)
    const all = () => call('POST', '/api/auth/logout-all', { token: one.access_token })
    expect(await all()).toMatchObject({ status: 403, body: { code: 'proof_required' } })
    const prove = (password: string) => call('POST', '/api/auth/proof', { token: one.access_token, body: { password } })
    expect(await prove('Wrong1234')).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } })
    expect((await all()).status).toBe(403)
    expect(await prove(PASSWORD)).toMatchObject({ status: 200, body: { expires_in: 600 } })
    expect((await all()).status).toBe(204)
    for (const { access_token } of [one, two]) await expect.poll(async () => (await me(access_token)).status).toBe(401)
    expect((await refresh(one.refresh_token)).status).toBe(401)
    expect((await login()).session_id).toEqual(expect.any(String))
  })
})

describe('the list of sessions', () => {
  test('contains those of the user that have not ended, the most recently used first', async () => {
    const { login, call, register, pass } = await start()
    const jane = await register('jane')
    await login({})
    await pass(31 * 60)
    const old = await login()
    await pass(60)
    const current = await login()
    const { status, body } = await call('GET', '/api/auth/sessions', {
      token: current.access_token,
      headers: { 'user-agent': 'other' }
    })
    expect(status).toBe(200)
    expect(body.sessions).toEqual([
      {
        id: current.session_id,
        device: 'node',
        address: '127.0.0.1',
        created_at: expect.any(String),
        last_used_at: expect.any(String),
        current: true
      },
      expect.objectContaining({ id: old.session_id, current: false })
    ])
    // Ignores the session of this request. It is in the list only if the service has already stored that this request used it.
    const { sessions } = (await call('GET', '/api/auth/sessions', { token: jane.token })).body
    expect(sessions.filter(({ current }: { current: boolean }) => !current)).toEqual([])
  })

  test('another session is ended with a recent proof only, and the current one without', async () => {
    const { login, call, pass, refresh, register } = await start()
    const [one, two] = [await login(), await login()]
    const jane = await register('jane')
    const end = (id: string, token = one.access_token) => call('DELETE', `/api/auth/sessions/${id}`, { token })
    expect(await end(two.session_id, jane.token)).toMatchObject({ status: 404, body: { code: 'not_found' } })
    await pass(601)
    expect(await end(two.session_id)).toMatchObject({ status: 403, body: { code: 'proof_required' } })
    await call('POST', '/api/auth/proof', { token: one.access_token, body: { password: PASSWORD } })
    expect((await end(two.session_id)).status).toBe(204)
    expect((await end(two.session_id)).status).toBe(404)
    expect((await refresh(two.refresh_token)).status).toBe(401)
    await pass(601)
    expect((await end(one.session_id)).status).toBe(204)
    expect((await refresh(one.refresh_token)).status).toBe(401)
  })
})

describe('the use of a session', () => {
  test('is stored at most every five minutes, and extends the session', async () => {
    const { login, me, pass, run } = await start()
    const { access_token } = await login()
    const times = async () => {
      const [row] = (await run(`select (extract(epoch from clock_timestamp() - last_used_at))::integer as used,
        (extract(epoch from expires_at - clock_timestamp()))::integer as left from sessions`)) as {
        used: number
        left: number
      }[]
      return row ?? { used: 0, left: 0 }
    }
    await pass(290)
    await me(access_token)
    await new Promise(setImmediate)
    expect((await times()).used).toBeGreaterThanOrEqual(290)
    await pass(20)
    await expect
      .poll(async () => {
        await me(access_token)
        return (await times()).used
      })
      .toBeLessThan(60)
    expect((await times()).left).toBeGreaterThan(14 * DAY_S - 60)
  })

  test('sessions without refresh tokens that nobody can use anymore do not end others', async () => {
    const database = await testDatabase()
    const accounts = testAccounts(database)
    await accounts.register('john', PASSWORD)
    const { sessionId } = await accounts.login(loginOf('john', PASSWORD, { session: true }))
    await passTime(database, 3600)
    await database.client.query(
      `insert into "${database.schema}".sessions (id, user_id, generation, created_at, last_used_at, expires_at)
       select 's' || n, user_id, generation, now() - interval '30 minutes', now() - interval '30 minutes', expires_at
       from "${database.schema}".sessions, generate_series(1, 99) as n`
    )
    const { sessionId: newest } = await accounts.login(loginOf('john', PASSWORD))
    const rows = await database.client.query<{ id: string }>(`select id from "${database.schema}".sessions`)
    expect(rows).toHaveLength(100)
    expect(rows.map(({ id }) => id)).toEqual(expect.arrayContaining([sessionId, newest]))
  })

  test('sessions that have ended are deleted', async () => {
    const database = await testDatabase()
    const accounts = testAccounts(database)
    await accounts.register('john', PASSWORD)
    await accounts.login(loginOf('john', PASSWORD, { session: true }))
    await passTime(database, 14 * DAY_S + 1)
    const { sessionId } = await accounts.login(loginOf('john', PASSWORD))
    expect(await database.sessions.sweep(10)).toBe(1)
    const stored = () => database.client.query(`select id from "${database.schema}".sessions`)
    await expect.poll(stored).toEqual([{ id: sessionId }])
  })
})

test('a proof is limited per minute, and accepts any form of a long password', async () => {
  const { call, database } = await startChat({ settings: { loginRateLimit: 3 } })
  const password = `Aé1${'é'.repeat(125)}`
  await call('POST', '/api/auth/register', { body: { username: 'ada', password } })
  const { body } = await call('POST', '/api/auth/login', { body: { username: 'ada', password } })
  const prove = (given: string) =>
    call('POST', '/api/auth/proof', { token: body.access_token, body: { password: given } })
  expect((await prove(password.normalize('NFD'))).status).toBe(200)
  expect((await prove(password)).status).toBe(200)
  expect((await prove('wrong')).status).toBe(401)
  expect(await prove(password)).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
  expect((await auditOf(database, 'login')).length).toBe(1)
})

test('an id with characters that no id has is rejected', async () => {
  const { call, login } = await start()
  const { access_token: token } = await login()
  for (const id of ['%00', 'a%00b', '%F0%9F%98%80', 'a.b'])
    expect(await call('DELETE', `/api/auth/sessions/${id}`, { token })).toMatchObject({ status: 422 })
  expect(await call('DELETE', '/api/auth/sessions/unknown', { token })).toMatchObject({ status: 404 })
  // The service compares the ids of passkeys itself, so this id never reaches the database.
  expect(await call('DELETE', '/api/auth/passkeys/%00', { token })).toMatchObject({ status: 404 })
})

test('the list of sessions counts towards the limit of reads', async () => {
  const chat = await startChat({ settings: { readRateLimit: 1 } })
  const { token } = await chat.register('john')
  const list = () => chat.call('GET', '/api/auth/sessions', { token })
  const statuses = new Set((await Promise.all(Array.from({ length: 30 }, list))).map(({ status }) => status))
  expect([...statuses].sort()).toEqual([200, 429])
})
