/** Tests sessions whose refresh token is in a cookie. Only pages of the service itself may use the cookie. */
import { expect, test } from 'vitest'
import { auditOf, passTime } from '../support/sessions.ts'
import { PASSWORD, startChat } from '../support/start-chat.ts'

const start = async (settings: NonNullable<Parameters<typeof startChat>[0]>['settings'] = {}) => {
  const chat = await startChat({ settings })
  const body = { username: 'john', password: PASSWORD }
  await chat.call('POST', '/api/auth/register', { body })
  const login = (headers: Record<string, string>, options: object = {}) =>
    chat.call('POST', '/api/auth/login', { body: { ...body, cookie: true, ...options }, headers })
  const post = (path: string, headers: Record<string, string>) => chat.call('POST', `/api/auth/${path}`, { headers })
  return { ...chat, login, post }
}

const cookieOf = ({ headers }: { readonly headers: Headers }) => {
  const [pair = '', ...attributes] = (headers.get('set-cookie') ?? '').split('; ')
  return { pair, name: pair.split('=', 1)[0], attributes }
}

const PUBLIC = { publicUrl: 'https://chat.example.com' }
const PAGE = { origin: 'https://chat.example.com' }

test('a login of a page sets a cookie with the prefix, and returns no refresh token', async () => {
  const { login } = await start(PUBLIC)
  const response = await login(PAGE)
  expect(response.body).toEqual({
    access_token: expect.any(String),
    token_type: 'bearer',
    expires_in: 1800,
    session_id: expect.any(String),
    refresh_expires_in: expect.any(Number)
  })
  const { name, attributes } = cookieOf(response)
  expect(name).toMatch(/^__Host-chat-[0-9a-f]{8}$/)
  const age = attributes.find(attribute => attribute.startsWith('Max-Age='))
  const others = attributes.filter(attribute => attribute !== age)
  expect(others.sort()).toEqual(['HttpOnly', 'Path=/', 'SameSite=Strict', 'Secure'])
  const seconds = Number(age?.split('=')[1])
  expect(seconds).toBeGreaterThan(14 * 24 * 3600 - 60)
  expect(cookieOf(await login(PAGE, { remember: false })).attributes).toHaveLength(4)
})

test('a refresh and a logout by cookie need the own origin, and a failed one keeps the cookie', async () => {
  const { login, post, database } = await start({ ...PUBLIC, corsOrigins: ['https://other.example.com'] })
  const { pair: cookie, name } = cookieOf(await login(PAGE))
  const foreign = [
    {},
    { origin: 'https://other.example.com' },
    { origin: 'http://chat.example.com' },
    { origin: 'null' },
    { ...PAGE, 'sec-fetch-site': 'same-site' },
    { ...PAGE, 'sec-fetch-site': 'cross-site' }
  ]
  for (const headers of foreign as Record<string, string>[]) {
    for (const path of ['refresh', 'logout']) {
      const response = await post(path, { ...headers, cookie })
      expect(response).toMatchObject({ status: 403, body: { code: 'origin_not_allowed' } })
      expect(response.headers.get('set-cookie')).toBeNull()
    }
    expect((await login(headers)).body.code).toBe('origin_not_allowed')
  }
  const own = { ...PAGE, cookie, 'sec-fetch-site': 'same-origin' }
  await passTime(database, 31)
  const refreshed = await post('refresh', own)
  expect(refreshed).toMatchObject({ status: 200, body: { token_type: 'bearer' } })
  expect(cookieOf(refreshed).name).toBe(name)
  expect(cookieOf(refreshed).pair).not.toBe(cookie)
  const failed = await post('refresh', { ...PAGE, cookie: `${name}=nonsense` })
  expect(failed).toMatchObject({ status: 401, body: { code: 'invalid_refresh_token' } })
  expect(failed.headers.get('set-cookie')).toBeNull()
  const loggedOut = await post('logout', { ...PAGE, cookie: cookieOf(refreshed).pair })
  expect(loggedOut.status).toBe(204)
  expect(cookieOf(loggedOut).attributes).toContain('Max-Age=0')
  expect((await post('refresh', { ...PAGE, cookie: cookieOf(refreshed).pair })).status).toBe(401)
})

test('a logout of one session keeps the cookie of another one, and a logout of all keeps that of another user', async () => {
  const { login, post, call } = await start(PUBLIC)
  const john = await login(PAGE)
  const { pair: cookie } = cookieOf(john)
  const own = { ...PAGE, cookie }
  const { body: other } = await call('POST', '/api/auth/login', {
    body: { username: 'john', password: PASSWORD, session: true }
  })
  const bearer = (token: string) => ({ ...own, authorization: `Bearer ${token}` })
  const loggedOut = await post('logout', bearer(other.access_token))
  expect([loggedOut.status, loggedOut.headers.get('set-cookie')]).toEqual([204, null])
  await call('POST', '/api/auth/register', { body: { username: 'jane', password: PASSWORD } })
  const { body: jane } = await call('POST', '/api/auth/login', { body: { username: 'jane', password: PASSWORD } })
  const all = await post('logout-all', bearer(jane.access_token))
  expect([all.status, all.headers.get('set-cookie')]).toEqual([204, null])
  expect((await post('refresh', own)).status).toBe(200)
  expect(cookieOf(await post('logout-all', bearer(john.body.access_token))).attributes).toContain('Max-Age=0')
})

test('a logout with the access token of the session of the cookie deletes the cookie', async () => {
  const { login, post } = await start(PUBLIC)
  const response = await login(PAGE)
  const headers = { ...PAGE, cookie: cookieOf(response).pair, authorization: `Bearer ${response.body.access_token}` }
  expect(cookieOf(await post('logout', headers)).attributes).toContain('Max-Age=0')
})

test('a token of a cookie is not accepted in a body, and a token of a body is not accepted in a cookie', async () => {
  const { login, call } = await start(PUBLIC)
  const { pair, name } = cookieOf(await login(PAGE))
  const refresh_token = pair.slice(pair.indexOf('=') + 1)
  const refresh = (body: object, headers = {}) => call('POST', '/api/auth/refresh', { body, headers })
  expect((await refresh({ refresh_token })).status).toBe(401)
  const { body } = await call('POST', '/api/auth/login', {
    body: { username: 'john', password: PASSWORD, session: true }
  })
  expect((await refresh({}, { ...PAGE, cookie: `${name}=${body.refresh_token}` })).status).toBe(401)
  expect((await refresh({ refresh_token: body.refresh_token })).status).toBe(200)
})

test('a login by cookie ends the session that its cookie replaces', async () => {
  const { login, post, database } = await start(PUBLIC)
  const { pair: cookie } = cookieOf(await login(PAGE))
  const replacing = await login({ ...PAGE, cookie })
  expect(replacing.status).toBe(200)
  expect((await post('refresh', { ...PAGE, cookie })).status).toBe(401)
  expect((await post('refresh', { ...PAGE, cookie: cookieOf(replacing).pair })).status).toBe(200)
  expect(await auditOf(database, 'refresh_reused')).toEqual([])
})

test('without PUBLIC_URL, a page on this computer has a cookie with the port in its name and without Secure', async () => {
  const { login, post, url } = await start()
  const { port } = new URL(url)
  const page = { origin: url }
  const response = await login(page)
  const { pair: cookie, name, attributes } = cookieOf(response)
  expect(name).toMatch(new RegExp(`^chat-[0-9a-f]{8}-${port}$`))
  expect(attributes).not.toContain('Secure')
  expect((await post('refresh', { ...page, cookie })).status).toBe(200)
  expect((await post('refresh', { origin: 'http://127.0.0.1:1', cookie })).status).toBe(403)
})

test.for([
  ['http://localhost:8000', 'chat-HASH-8000'],
  ['http://127.0.0.1:8000', 'chat-HASH-8000'],
  ['http://[::1]:8000', 'chat-HASH-8000'],
  ['http://[::1]', 'chat-HASH-80'],
  ['http://localhost', 'chat-HASH-80'],
  ['https://localhost:8443', '__Host-chat-HASH'],
  ['https://chat.example.com:8443', '__Host-chat-HASH']
] as const)('the cookie of a page at %s is named %s, and Secure only with TLS', async ([publicUrl, expected]) => {
  for (const settings of [{ publicUrl }, { trustProxy: true }]) {
    const { server } = await start(settings)
    const { host, protocol } = new URL(publicUrl)
    const response = await server.inject({
      method: 'POST',
      url: '/api/auth/login',
      payload: { username: 'john', password: PASSWORD, cookie: true },
      headers: { host, origin: publicUrl, 'x-forwarded-proto': protocol.slice(0, -1) }
    })
    const cookie = String(response.headers['set-cookie'])
    expect(cookie.split('=', 1)[0]?.replace(/[0-9a-f]{8}/, 'HASH')).toBe(expected)
    expect(cookie.includes('; Secure')).toBe(protocol === 'https:')
    expect(cookie).toMatch(/; Path=\/; HttpOnly;.* SameSite=Strict/)
  }
})

test.for(['http://chat.example.com', 'http://192.0.2.1', 'http://localhost.example.com', 'http://[::2]:8000'])(
  'a page at %s gets no cookie',
  async publicUrl => {
    const { login } = await start({ publicUrl })
    const refused = await login({ origin: publicUrl })
    expect(refused).toMatchObject({ status: 403, body: { code: 'origin_not_allowed' } })
    expect(refused.headers.get('set-cookie')).toBeNull()
  }
)

test('over plain HTTP from another computer there is no cookie, and behind a trusted proxy with TLS there is', async () => {
  const { server } = await start({ trustProxy: true })
  const payload = { username: 'john', password: PASSWORD, cookie: true }
  const login = (headers: Record<string, string>) =>
    server.inject({ method: 'POST', url: '/api/auth/login', payload, headers: { host: 'chat.test', ...headers } })
  const plain = await login({ origin: 'http://chat.test' })
  expect(plain.json()).toMatchObject({ code: 'origin_not_allowed', detail: expect.stringContaining('HTTPS') })
  const secure = await login({ origin: 'https://chat.test', 'x-forwarded-proto': 'https' })
  expect(secure.headers['set-cookie']).toMatch(/^__Host-chat-/)
})
