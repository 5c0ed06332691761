/** Tests passkeys over HTTP, with an authenticator in software. tests/web/passkeys.pg.e2e.test.ts tests them in Chromium. */
import { describe, expect, test } from 'vitest'
import { type Authenticator, type Ceremony, createAuthenticator } from '../support/authenticator.ts'
import { fakeClock } from '../support/clock.ts'
import { type Person, type RunningChat, type StartOptions, startChat } from '../support/start-chat.ts'
import { challengeOf, codeAt, enrol, enterCode, enterPassword, STEP_MS } from '../support/two-factor.ts'

const ORIGIN = 'https://chat.example.com'

const start = async ({ settings, ...options }: StartOptions = {}) => {
  const chat = await startChat({ settings: { publicUrl: ORIGIN, ...settings }, ...options })
  const john = await chat.register('john')
  const run = (statement: string, params: unknown[] = []) =>
    chat.database.client.query<Record<string, unknown>>(statement.replaceAll('{}', `"${chat.database.schema}"`), params)
  return { chat, john, run }
}

/** Adds a passkey, and returns the response. */
const add = async ({ call }: RunningChat, { token }: Person, key: Authenticator, changed?: Ceremony) => {
  const { challenge, options } = (await call('POST', '/api/auth/passkeys/options', { token })).body
  const body = { challenge, name: 'Laptop', response: key.create(options, changed) }
  return call('POST', '/api/auth/passkeys', { token, body })
}

/** Logs in with a passkey. If `challenge` is given, the passkey is the second step of a login. */
const logIn = async ({ call }: RunningChat, key: Authenticator, challenge?: string, changed?: Ceremony) => {
  const started = await call('POST', '/api/auth/passkeys/login/options', { body: challenge ? { challenge } : {} })
  if (started.status !== 200) return started
  const body = { challenge: started.body.challenge, response: key.get(started.body.options, changed) }
  return call('POST', '/api/auth/passkeys/login', { body })
}

describe('adding a passkey', () => {
  test('returns it with the first recovery codes, and lists it', async () => {
    const { chat, john } = await start()
    const added = await add(chat, john, createAuthenticator(ORIGIN))
    expect(added).toMatchObject({ status: 201, body: { name: 'Laptop', created_at: expect.stringMatching(/^20/) } })
    expect(added.body.recovery_codes).toHaveLength(10)
    const second = await add(chat, john, createAuthenticator(ORIGIN))
    expect(second.body.recovery_codes).toBeUndefined()
    const { body } = await chat.call('GET', '/api/auth/factors', { token: john.token })
    expect(body).toMatchObject({ totp: { is_enabled: false }, recovery_codes: { left: 10 } })
    const { id, name, created_at } = added.body
    expect(body.passkeys.is_available).toBe(true)
    expect(body.passkeys.items[0]).toEqual({ id, name, created_at, last_used_at: null, is_usable: true })
    expect(body.passkeys.items).toHaveLength(2)
  })

  test('requests a passkey of the host, with a random user handle that stays the same', async () => {
    const { chat, john } = await start()
    const key = createAuthenticator(ORIGIN)
    await add(chat, john, key)
    const request = async () => (await chat.call('POST', '/api/auth/passkeys/options', { token: john.token })).body
    const [one, two] = [await request(), await request()]
    expect(one.options).toMatchObject({
      rp: { id: 'chat.example.com' },
      user: { name: 'john' },
      challenge: one.challenge,
      excludeCredentials: [{ id: key.id, type: 'public-key' }],
      attestation: 'none'
    })
    expect(Buffer.from(one.options.user.id, 'base64url')).toHaveLength(32)
    expect(two.options.user.id).toBe(one.options.user.id)
    expect(two.challenge).not.toBe(one.challenge)
  })

  test.for([
    ['another origin', { origin: 'https://evil.example' }],
    ['another host name', { rpId: 'evil.example' }]
  ] as const)('refuses a response of %s', async ([, changed]) => {
    const { chat, john, run } = await start()
    const refused = await add(chat, john, createAuthenticator(ORIGIN), changed)
    expect(refused).toMatchObject({ status: 401, body: { code: 'invalid_passkey' } })
    expect(await run('select * from {}.passkeys')).toEqual([])
  })

  test('accepts each challenge once, before it expires, and from the user who requested it', async () => {
    const { chat, john, run } = await start()
    const jane = await chat.register('jane')
    const request = async () => (await chat.call('POST', '/api/auth/passkeys/options', { token: john.token })).body
    const send = ({ challenge, options }: { challenge: string; options: object }, { token }: Person) =>
      chat.call('POST', '/api/auth/passkeys', {
        token,
        body: { challenge, name: 'Key', response: createAuthenticator(ORIGIN).create(options) }
      })
    expect((await send(await request(), jane)).body.code).toBe('invalid_challenge')
    const expired = await request()
    await run('update {}.challenges set expires_at = clock_timestamp()')
    expect((await send(expired, john)).body.code).toBe('invalid_challenge')
    const current = await request()
    const both = await Promise.all([send(current, john), send(current, john)])
    expect(both.map(({ status }) => status).sort()).toEqual([201, 401])
  })

  test('refuses an authenticator that was added before, even to another account', async () => {
    const { chat, john } = await start()
    const jane = await chat.register('jane')
    const key = createAuthenticator(ORIGIN)
    expect((await add(chat, john, key)).status).toBe(201)
    expect((await add(chat, john, key)).body.code).toBe('invalid_passkey')
    expect((await add(chat, jane, key)).body.code).toBe('invalid_passkey')
  })

  test('stops at twenty, even if several are added at the same time', async () => {
    const { chat, john, run } = await start()
    for (let at = 0; at < 18; at++) await add(chat, john, createAuthenticator(ORIGIN))
    const { token } = john
    await run('delete from {}.rate_limits')
    const requests = []
    for (let at = 0; at < 6; at++)
      requests.push((await chat.call('POST', '/api/auth/passkeys/options', { token })).body)
    const more = await Promise.all(
      requests.map(({ challenge, options }) => {
        const body = { challenge, name: 'Key', response: createAuthenticator(ORIGIN).create(options) }
        return chat.call('POST', '/api/auth/passkeys', { token, body })
      })
    )
    expect(more.map(({ status }) => status).sort()).toEqual([201, 201, 409, 409, 409, 409])
    expect(await run('select count(*)::integer as keys from {}.passkeys')).toEqual([{ keys: 20 }])
    const refused = await chat.call('POST', '/api/auth/passkeys/options', { token: john.token })
    expect(refused).toMatchObject({ status: 409, body: { code: 'too_many_passkeys' } })
  })

  test.for([undefined, 'https://192.0.2.1', 'http://chat.example.com'])(
    'is not possible if PUBLIC_URL is %s',
    async publicUrl => {
      const { chat, john } = await start({ settings: { publicUrl: publicUrl as string } })
      const { token } = john
      const refused = await chat.call('POST', '/api/auth/passkeys/options', { token })
      expect(refused).toMatchObject({ status: 404, body: { code: 'passkeys_unavailable' } })
      expect((await chat.call('POST', '/api/auth/passkeys/login/options', { body: {} })).status).toBe(404)
      expect((await chat.call('GET', '/api/auth/factors', { token })).body.passkeys.is_available).toBe(false)
    }
  )

  test('is not possible if PASSKEYS is false', async () => {
    const { chat } = await start({ settings: { passkeys: false } })
    expect((await chat.call('POST', '/api/auth/passkeys/login/options', { body: {} })).status).toBe(404)
  })
})

describe('a login with a passkey', () => {
  test('as the second factor needs no verification by the authenticator', async () => {
    const { chat, john } = await start()
    const key = createAuthenticator(ORIGIN)
    await add(chat, john, key, { isVerified: false })
    const first = await enterPassword(chat, 'john')
    expect(first.body.methods).toEqual(['recovery_code', 'passkey'])
    const second = await logIn(chat, key, first.body.challenge, { isVerified: false })
    expect(second.status).toBe(200)
    const { token } = { token: second.body.access_token }
    expect((await chat.call('GET', '/api/users/me', { token })).body.id).toBe(john.id)
    const { body } = await chat.call('GET', '/api/auth/factors', { token })
    expect(body.passkeys.items[0].last_used_at).toMatch(/^20/)
  })

  test('without a password requires verification by the authenticator, and the user handle', async () => {
    const { chat, john } = await start()
    const key = createAuthenticator(ORIGIN)
    await add(chat, john, key)
    const { options } = (await chat.call('POST', '/api/auth/passkeys/login/options', { body: {} })).body
    expect(options).toMatchObject({ rpId: 'chat.example.com', userVerification: 'required' })
    expect(options.allowCredentials ?? []).toEqual([])
    expect((await logIn(chat, key, undefined, { isVerified: false })).body.code).toBe('invalid_passkey')
    expect((await logIn(chat, key, undefined, { userHandle: 'AAAA' })).body.code).toBe('invalid_passkey')
    expect((await logIn(chat, key)).status).toBe(200)
  })

  test('of another user does not continue a login', async () => {
    const { chat, john } = await start()
    const jane = await chat.register('jane')
    const [his, hers] = [createAuthenticator(ORIGIN), createAuthenticator(ORIGIN)]
    await add(chat, john, his)
    await add(chat, jane, hers)
    expect((await logIn(chat, hers, await challengeOf(chat, 'john'))).body.code).toBe('invalid_passkey')
    expect((await logIn(chat, his, await challengeOf(chat, 'john'))).status).toBe(200)
  })

  test('uses each challenge once, even if the response is wrong', async () => {
    const { chat, john } = await start()
    const key = createAuthenticator(ORIGIN)
    await add(chat, john, key)
    const { challenge, options } = (await chat.call('POST', '/api/auth/passkeys/login/options', { body: {} })).body
    const send = (response: object) => chat.call('POST', '/api/auth/passkeys/login', { body: { challenge, response } })
    expect((await send(key.get(options, { origin: 'https://evil.example' }))).body.code).toBe('invalid_passkey')
    expect((await send(key.get(options))).body.code).toBe('invalid_challenge')
    const login = await challengeOf(chat, 'john')
    const both = await Promise.all([logIn(chat, key, login), logIn(chat, key, login)])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 401])
  })

  test.for([
    ['changed the password', `update {}.users set hashed_password = 'other'`, 'invalid_challenge'],
    ['ended all sessions', 'update {}.users set generation = generation + 1', 'invalid_challenge'],
    ['was suspended', `update {}.users set status = 'suspended'`, 'account_suspended'],
    ['is being deleted', `update {}.users set status = 'deleting'`, 'invalid_credentials'],
    ['removed the passkey', 'delete from {}.passkeys', 'invalid_passkey']
  ] as const)('is refused for a user who %s after the password was checked', async ([, change, code]) => {
    const { chat, john, run } = await start()
    const key = createAuthenticator(ORIGIN)
    await add(chat, john, key)
    const login = await challengeOf(chat, 'john')
    const started = await chat.call('POST', '/api/auth/passkeys/login/options', { body: { challenge: login } })
    await run(change)
    const { challenge, options } = started.body
    const body = { challenge, response: key.get(options) }
    expect((await chat.call('POST', '/api/auth/passkeys/login', { body })).body.code).toBe(code)
  })

  test('reports a suspension only after the passkey was verified', async () => {
    const { chat, john, run } = await start()
    const key = createAuthenticator(ORIGIN)
    await add(chat, john, key)
    await run(`update {}.users set status = 'suspended'`)
    expect((await logIn(chat, key)).body.code).toBe('account_suspended')
    expect((await logIn(chat, key, undefined, { isVerified: false })).body.code).toBe('invalid_passkey')
  })

  test('is accepted and recorded if the counter went back', async () => {
    const { chat, john, run } = await start()
    const key = createAuthenticator(ORIGIN)
    await add(chat, john, key)
    expect((await logIn(chat, key, undefined, { counter: 9 })).status).toBe(200)
    expect((await logIn(chat, key, undefined, { counter: 4 })).status).toBe(200)
    const events = await run(`select detail::text as detail from {}.audit where event = 'passkey_counter_decreased'`)
    expect(events.map(({ detail }) => JSON.parse(String(detail)))).toEqual([{ before: 9, counter: 4 }])
  })

  test('records nothing for an authenticator without a counter', async () => {
    const { chat, john, run } = await start()
    const key = createAuthenticator(ORIGIN)
    await add(chat, john, key, { counter: 0 })
    expect((await logIn(chat, key, undefined, { counter: 0 })).status).toBe(200)
    expect(await run(`select 1 as one from {}.audit where event = 'passkey_counter_decreased'`)).toEqual([])
  })
})

describe('removing', () => {
  test('the last factor removes the recovery codes, and only the owner can remove a passkey', async () => {
    const { chat, john, run } = await start()
    const jane = await chat.register('jane')
    const { id } = (await add(chat, john, createAuthenticator(ORIGIN))).body
    const other = (await add(chat, john, createAuthenticator(ORIGIN))).body.id
    const remove = (which: string, { token }: Person) => chat.call('DELETE', `/api/auth/passkeys/${which}`, { token })
    expect((await remove(id, jane)).body.code).toBe('passkey_not_found')
    expect((await remove(id, john)).status).toBe(204)
    expect((await remove(id, john)).body.code).toBe('passkey_not_found')
    expect(await run('select count(*)::integer as codes from {}.recovery_codes')).toEqual([{ codes: 10 }])
    expect((await remove(other, john)).status).toBe(204)
    expect(await run('select count(*)::integer as codes from {}.recovery_codes')).toEqual([{ codes: 0 }])
    expect((await enterPassword(chat, 'john')).status).toBe(200)
  })

  test('the authenticator app keeps the recovery codes while there is a passkey', async () => {
    const clock = fakeClock(Date.now())
    const { chat, john } = await start({ clock })
    const { secret, recoveryCodes } = await enrol(chat, john, clock.now())
    expect((await add(chat, john, createAuthenticator(ORIGIN))).body.recovery_codes).toBeUndefined()
    expect((await enterPassword(chat, 'john')).body.methods).toEqual(['totp', 'recovery_code', 'passkey'])
    expect((await chat.call('DELETE', '/api/auth/totp', { token: john.token })).status).toBe(204)
    expect((await enterPassword(chat, 'john')).body.methods).toEqual(['recovery_code', 'passkey'])
    clock.advance(STEP_MS)
    const challenge = await challengeOf(chat, 'john')
    expect((await enterCode(chat, challenge, codeAt(secret, clock.now()))).status).toBe(401)
    expect((await enterCode(chat, challenge, recoveryCodes[0] ?? '')).status).toBe(200)
  })
})

test('a start with another host name logs how many passkeys do not work, and logins still require a second factor', async () => {
  const { chat, john } = await start()
  const key = createAuthenticator(ORIGIN)
  const { recovery_codes } = (await add(chat, john, key)).body
  const moved = await startChat({ database: chat.database, settings: { publicUrl: 'https://new.example.com' } })
  await expect.poll(moved.log).toContain('stored passkeys do not work')
  expect(moved.log()).toMatch(/"passkeys":1,"users":1,"host":"new.example.com"/)
  expect(chat.log()).not.toContain('stored passkeys do not work')
  const first = await enterPassword(moved, 'john')
  expect(first.body).toMatchObject({ code: 'second_factor_required', methods: ['recovery_code'] })
  const { body } = await moved.call('GET', '/api/auth/factors', { token: john.token })
  expect(body.passkeys.items).toMatchObject([{ is_usable: false }])
  expect((await logIn(moved, key, first.body.challenge)).body.code).toBe('invalid_passkey')
  expect((await enterCode(moved, await challengeOf(moved, 'john'), recovery_codes[0])).status).toBe(200)
})
