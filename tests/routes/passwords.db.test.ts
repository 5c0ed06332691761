/** Tests the change of a password with a session, and with the token of a link. */
import { describe, expect, test } from 'vitest'
import { hashToken, newToken } from '../../src/accounts/mail/token.ts'
import { PASSWORD, type RunningChat, startChat } from '../support/start-chat.ts'

const NEW = 'OtherPass456'
const MINUTE_MS = 60_000

const login = (chat: RunningChat, password: string, username = 'john') =>
  chat.call('POST', '/api/auth/login', { body: { username, password } })

const me = async (chat: RunningChat, token: string) => (await chat.call('GET', '/api/users/me', { token })).status

const change = (chat: RunningChat, token: string, password: string) =>
  chat.call('POST', '/api/users/me/password', { token, body: { new: password } })

const hashOf = async ({ database }: RunningChat, id: number) =>
  (await database.users.findByIds([id])).get(id)?.hashedPassword

const events = async ({ database }: RunningChat, event: string) =>
  database.client.query<{ user_id: number }>(
    `select user_id, address from "${database.schema}".audit where event = '${event}'`
  )

describe('changing the password', () => {
  test('keeps the session of the request and ends every other one', async () => {
    const chat = await startChat()
    const john = await chat.register('john')
    const other = (await login(chat, PASSWORD)).body.access_token
    expect(await change(chat, john.token, NEW)).toMatchObject({ status: 204, body: '' })
    await expect.poll(() => me(chat, other)).toBe(401)
    expect(await me(chat, john.token)).toBe(200)
    expect((await login(chat, PASSWORD)).status).toBe(401)
    expect((await login(chat, NEW)).status).toBe(200)
    expect(await change(chat, john.token, PASSWORD)).toMatchObject({ status: 204 })
    expect(await events(chat, 'password_changed')).toMatchObject([{ user_id: john.id }, { user_id: john.id }])
    expect(chat.log()).not.toContain(NEW)
  })

  test('keeps the refresh tokens of the session', async () => {
    const chat = await startChat()
    await chat.register('john')
    const body = { username: 'john', password: PASSWORD, session: true }
    const session = (await chat.call('POST', '/api/auth/login', { body })).body
    expect(await change(chat, session.access_token, NEW)).toMatchObject({ status: 204 })
    const { status, body: next } = await chat.call('POST', '/api/auth/refresh', {
      body: { refresh_token: session.refresh_token }
    })
    expect(status).toBe(200)
    expect(await me(chat, next.access_token)).toBe(200)
  })

  test('is followed at once by other changes of the same session', async () => {
    const chat = await startChat()
    const { token } = await chat.register('john')
    for (const password of [NEW, PASSWORD, NEW]) expect((await change(chat, token, password)).status).toBe(204)
    expect((await chat.call('GET', '/api/users/me/export', { token })).status).toBe(200)
    expect((await chat.call('DELETE', '/api/users/me', { token })).status).toBe(202)
  })

  test('needs a recent proof', async () => {
    const chat = await startChat()
    const john = await chat.register('john')
    await chat.database.client.query(
      `update "${chat.database.schema}".sessions set proven_at = proven_at - interval '10 minutes'`
    )
    expect(await change(chat, john.token, NEW)).toMatchObject({ status: 403, body: { code: 'proof_required' } })
    expect((await login(chat, PASSWORD)).status).toBe(200)
  })

  test.for([
    ['short', 'Aa1', 'validation_failed'],
    ['common', 'Password123', 'password_too_common'],
    ['the name of the account', 'MaryAnne1999', 'password_too_common']
  ] as const)('refuses a password that is %s', async ([, password, code]) => {
    const chat = await startChat()
    const mary = await chat.register('mary-anne19')
    expect(await change(chat, mary.token, password)).toMatchObject({ status: 422, body: { code } })
  })

  test('stores the normalized password', async () => {
    const chat = await startChat()
    const john = await chat.register('john')
    const decomposed = 'Se\u0301cure-Pass-1'
    expect((await change(chat, john.token, decomposed)).status).toBe(204)
    for (const form of [decomposed, decomposed.normalize('NFC')]) expect((await login(chat, form)).status).toBe(200)
  })
})

describe('the token of a link', () => {
  const setup = async (settings = {}) => {
    const chat = await startChat({ settings })
    const john = await chat.register('john')
    const issue = async (options = {}) => {
      const token = newToken()
      await chat.database.oneTimeTokens.issue({
        hash: hashToken(token),
        purpose: 'reset_password',
        userId: john.id,
        addressHash: null,
        lifetimeMs: 30 * MINUTE_MS,
        ...options
      })
      return token
    }
    const reset = (token: string, password = NEW) =>
      chat.call('POST', '/api/auth/password/reset', { body: { token, password } })
    const sql = (text: string) => chat.database.client.query(text.replace(/@/g, `"${chat.database.schema}".`))
    return { chat, john, issue, reset, sql }
  }

  test('changes the password once, ends every session and does not log in', async () => {
    const { chat, john, issue, reset } = await setup()
    const token = await issue()
    const { status, body, headers } = await reset(token)
    expect({ status, body, cookie: headers.get('set-cookie') }).toEqual({ status: 204, body: '', cookie: null })
    await expect.poll(() => me(chat, john.token)).toBe(401)
    expect((await login(chat, PASSWORD)).status).toBe(401)
    expect((await login(chat, NEW)).status).toBe(200)
    expect(await reset(token, 'ThirdPass789')).toMatchObject({ status: 410, body: { code: 'link_expired' } })
    expect(await events(chat, 'password_reset')).toMatchObject([{ user_id: john.id }])
    expect(chat.log()).not.toMatch(new RegExp(`${NEW}|${token}`))
  })

  test('changes the password once if it is sent several times at once', async () => {
    const { issue, reset } = await setup()
    const token = await issue()
    const passwords = ['FirstPass111', 'SecondPass222', 'ThirdPass333']
    const statuses = await Promise.all(passwords.map(async password => (await reset(token, password)).status))
    expect(statuses.sort()).toEqual([204, 410, 410])
  })

  test.for([
    ['does not exist', async () => newToken()],
    ['has expired', ({ issue }) => issue({ lifetimeMs: -1 })],
    ['is for another purpose', ({ issue }) => issue({ purpose: 'verify_email' })],
    [
      'is older than another one',
      async ({ issue }) => {
        const token = await issue()
        await issue()
        return token
      }
    ],
    [
      'is older than a change of the password',
      async ({ chat, john, issue }) => {
        const token = await issue()
        await change(chat, john.token, 'ThirdPass789')
        return token
      }
    ],
    [
      'is of a suspended user',
      async ({ issue, sql }) => {
        const token = await issue()
        await sql(`update @users set status = 'suspended'`)
        return token
      }
    ],
    ['is for an address that is no longer the verified one', ({ issue }) => issue({ addressHash: 'other' })],
    [
      'is of a user of another issuer',
      async ({ issue, sql }) => {
        const token = await issue()
        await sql(
          `insert into @identities (issuer, subject, user_id) select 'https://id.example.com', 's', id from @users`
        )
        return token
      }
    ]
  ] as [string, (context: Awaited<ReturnType<typeof setup>>) => Promise<string>][])(
    'has no effect if it %s',
    async ([, make]) => {
      const context = await setup()
      const token = await make(context)
      const before = await hashOf(context.chat, context.john.id)
      expect(await context.reset(token)).toMatchObject({ status: 410, body: { code: 'link_expired' } })
      expect(await hashOf(context.chat, context.john.id)).toBe(before)
    }
  )

  test('stays valid if the new password is refused', async () => {
    const { issue, reset } = await setup()
    const token = await issue()
    expect(await reset(token, 'Password123')).toMatchObject({ status: 422, body: { code: 'password_too_common' } })
    expect((await reset(token)).status).toBe(204)
  })

  test('lets a user log in who had used up the attempts', async () => {
    const { chat, issue, reset } = await setup()
    for (let at = 0; at < 5; at++) expect((await login(chat, 'WrongPass123')).status).toBe(401)
    expect(await login(chat, NEW)).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
    expect((await reset(await issue())).status).toBe(204)
    expect((await login(chat, NEW)).status).toBe(200)
  })

  test('can be tried as often per minute as a login', async () => {
    const { reset } = await setup({ loginRateLimit: 2 })
    expect((await reset(newToken())).status).toBe(410)
    expect((await reset(newToken())).status).toBe(410)
    expect((await reset(newToken())).status).toBe(429)
  })
})

test('a login waits after five wrong passwords, and a right password does not count', async () => {
  const chat = await startChat()
  await chat.register('john')
  for (let at = 0; at < 4; at++) expect((await login(chat, 'WrongPass123')).status).toBe(401)
  expect((await login(chat, PASSWORD)).status).toBe(200)
  for (let at = 0; at < 5; at++) expect((await login(chat, 'WrongPass123')).status).toBe(401)
  const { status, headers, body } = await login(chat, PASSWORD)
  expect({ status, retryAfter: headers.get('retry-after'), code: body.code }).toEqual({
    status: 429,
    retryAfter: '1',
    code: 'rate_limited'
  })
  expect((await login(chat, PASSWORD, 'jane')).status).toBe(401)
})

test('a request for a mail gets the same response for every address', async () => {
  const chat = await startChat()
  for (const email of ['john@example.com', 'nobody@example.org', 'john@localhost'])
    expect(await chat.call('POST', '/api/auth/password/forgot', { body: { email } })).toMatchObject({ status: 202 })
  expect(await chat.call('POST', '/api/auth/password/forgot', { body: { email: 'john' } })).toMatchObject({
    status: 422
  })
})
