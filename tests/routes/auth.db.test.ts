import { describe, expect, test } from 'vitest'
import fc from '../support/properties.ts'
import { PASSWORD, startChat } from '../support/start-chat.ts'

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/

describe('registering', () => {
  test('returns 201 with id, username and created_at', async () => {
    const { call } = await startChat()
    const response = await call('POST', '/api/auth/register', { body: { username: 'john', password: PASSWORD } })
    expect(response.status).toBe(201)
    expect(response.body).toEqual({
      id: expect.any(Number),
      username: 'john',
      created_at: expect.stringMatching(TIMESTAMP)
    })
  })

  test('rejects a name that is taken in another case with 409', async () => {
    const { call } = await startChat()
    await call('POST', '/api/auth/register', { body: { username: 'John', password: PASSWORD } })
    const { status, body, headers } = await call('POST', '/api/auth/register', {
      body: { username: 'jOHN', password: PASSWORD }
    })
    expect(status).toBe(409)
    expect(headers.get('content-type')).toContain('application/problem+json')
    expect(body).toMatchObject({ code: 'username_taken', status: 409, instance: headers.get('x-request-id') })
  })

  test('registers a name once if it is requested concurrently', async () => {
    const { call } = await startChat()
    const responses = await Promise.all(
      Array.from({ length: 5 }, () =>
        call('POST', '/api/auth/register', { body: { username: 'only', password: PASSWORD } })
      )
    )
    expect(responses.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409])
  })

  test('reports every violated rule at once', async () => {
    const { call } = await startChat()
    const { status, body } = await call('POST', '/api/auth/register', { body: { username: 'a!', password: '-' } })
    expect(status).toBe(422)
    expect(body.code).toBe('validation_failed')
    const violations = body.errors.map(({ path, message }: { path: string; message: string }) => `${path} ${message}`)
    expect(violations.sort()).toEqual([
      '/body/password Password must have a digit.',
      '/body/password Password must have a lower-case letter.',
      '/body/password Password must have an upper-case letter.',
      '/body/password Password must have at least 8 characters.',
      '/body/username Username must have at least 3 characters.',
      expect.stringContaining('/body/username Username must have only letters')
    ])
    expect(body.detail).toContain('must have a digit')
  })

  test('measures a password after normalization, and logs in with any form of it', async () => {
    const { call } = await startChat()
    const register = (username: string, password: string) =>
      call('POST', '/api/auth/register', { body: { username, password } })
    // The password has 9 code points as sent, and 7 after normalization.
    expect((await register('short', 'Aé1é567'.normalize('NFD'))).status).toBe(422)
    // The password has 250 code points as sent, and 128 after normalization.
    const long = `Aa1567${'é'.repeat(122)}`
    expect((await register('ada', long.normalize('NFD'))).status).toBe(201)
    for (const password of [long.normalize('NFD'), long.normalize('NFC')]) {
      expect((await call('POST', '/api/auth/login', { body: { username: 'ada', password } })).status).toBe(200)
    }
    expect((await register('bob', `${long}x`)).status).toBe(422)
    expect((await register('bob', `A1${'\u0301\u0323'.repeat(3000)}`)).status).toBe(422)
  })

  test.for([
    ['nothing', '{}', 422, 'validation_failed'],
    ['an array', '[]', 422, 'validation_failed'],
    ['a number for a name', '{"username":123,"password":"SecurePass123"}', 422, 'validation_failed'],
    ['broken JSON', '{"username":', 400, 'invalid_json'],
    ['an empty body', '', 400, 'invalid_json'],
    ['too much', `{"username":"${'x'.repeat(20_000)}"}`, 413, 'payload_too_large']
  ] as const)('rejects %s', async ([, body, status, code]) => {
    const { call } = await startChat()
    const headers = { 'content-type': 'application/json' }
    expect(await call('POST', '/api/auth/register', { body, headers })).toMatchObject({
      status,
      body: { code, status }
    })
  })

  test('rejects a form and plain text with 415', async () => {
    const { call } = await startChat()
    for (const type of ['application/x-www-form-urlencoded', 'text/plain']) {
      const headers = { 'content-type': type }
      const response = await call('POST', '/api/auth/register', { body: 'username=john', headers })
      expect(response).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } })
    }
  })

  test('accepts every valid name and password, and logs in with them', async () => {
    const { call } = await startChat()
    const name = fc.stringMatching(/^[A-Za-z0-9_-]{3,50}$/)
    const password = fc.string({ minLength: 5, maxLength: 100, unit: 'grapheme' }).map(text => `Aa1${text}`)
    let unique = 0
    await fc.assert(
      fc.asyncProperty(
        name,
        password.filter(text => [...text].length <= 128),
        async (username, password) => {
          const body = { username: `${unique++}-${username}`.slice(0, 50), password }
          expect(await call('POST', '/api/auth/register', { body })).toMatchObject({ status: 201 })
          expect(await call('POST', '/api/auth/login', { body })).toMatchObject({ status: 200 })
        }
      ),
      { numRuns: 25 }
    )
  })
})

describe('logging in', () => {
  test('returns a bearer token for 30 minutes, regardless of the case of the name', async () => {
    const { call } = await startChat()
    await call('POST', '/api/auth/register', { body: { username: 'John', password: PASSWORD } })
    const { status, body } = await call('POST', '/api/auth/login', { body: { username: 'JOHN', password: PASSWORD } })
    expect(status).toBe(200)
    expect(body).toEqual({ access_token: expect.any(String), token_type: 'bearer', expires_in: 1800 })
    const me = await call('GET', '/api/users/me', { token: body.access_token })
    expect(me.body).toMatchObject({ username: 'John' })
  })

  test('returns 401 for a name that is not valid, such as one with a NUL', async () => {
    const { call } = await startChat()
    for (const username of ['\u0000', 'a\u0000b', 'Ä', ' ']) {
      const { status } = await call('POST', '/api/auth/login', { body: { username, password: PASSWORD } })
      expect({ username, status }).toEqual({ username, status: 401 })
    }
  })

  test('returns the same response for a wrong password and an unknown user', async () => {
    const { call, register } = await startChat()
    await register('john')
    const wrong = await call('POST', '/api/auth/login', { body: { username: 'john', password: 'Wrong12345' } })
    const unknown = await call('POST', '/api/auth/login', { body: { username: 'jane', password: 'Wrong12345' } })
    expect(wrong.status).toBe(401)
    expect(wrong.headers.get('www-authenticate')).toMatch(/^Bearer/)
    const { instance: _, ...problem } = wrong.body
    expect(unknown).toMatchObject({ status: 401, body: problem })
  })

  test('accepts a hash of the FastAPI backend, and replaces it if its cost is lower', async () => {
    const { call, database } = await startChat({ settings: { bcryptRounds: 5 } })
    // Creates a bcrypt hash with a cost of 4. The FastAPI backend uses passlib, and passlib writes the same format.
    const { hash } = await import('@node-rs/bcrypt')
    const hashedPassword = await hash(PASSWORD, { cost: 4 })
    const user = await database.users.create({ username: 'imported', hashedPassword })
    const login = () => call('POST', '/api/auth/login', { body: { username: 'imported', password: PASSWORD } })
    expect((await login()).status).toBe(200)
    const rehashed = (await database.users.findByIds([user.id])).get(user.id)?.hashedPassword
    expect(rehashed).toMatch(/^\$2b\$05\$/)
    expect((await login()).status).toBe(200)
  })
})

describe('the rate limits', () => {
  test('allow 5 registrations per minute per IP address, and then return 429 with Retry-After', async () => {
    const { call, log } = await startChat({ settings: { registerRateLimit: 5 } })
    const statuses: number[] = []
    for (let at = 0; at < 6; at++) {
      const body = { username: `user-${at}`, password: PASSWORD }
      const { status, headers, body: problem } = await call('POST', '/api/auth/register', { body })
      statuses.push(status)
      if (status === 429) {
        expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
        expect(problem).toMatchObject({ code: 'rate_limited', title: 'Too many requests' })
      }
    }
    expect(statuses).toEqual([201, 201, 201, 201, 201, 429])
    expect(log()).toMatch(/"level":40.*"rate_limited".*a limit rejected/)
  })

  test('count the requests of all processes, separately for each route', async () => {
    const one = await startChat({ settings: { loginRateLimit: 2, registerRateLimit: 1 } })
    const other = await startChat({ settings: { loginRateLimit: 2, registerRateLimit: 1 }, database: one.database })
    const body = { username: 'john', password: PASSWORD }
    expect((await one.call('POST', '/api/auth/register', { body })).status).toBe(201)
    expect((await other.call('POST', '/api/auth/register', { body })).status).toBe(429)
    expect((await one.call('POST', '/api/auth/login', { body })).status).toBe(200)
    expect((await other.call('POST', '/api/auth/login', { body })).status).toBe(200)
    expect((await one.call('POST', '/api/auth/login', { body })).status).toBe(429)
  })
})
