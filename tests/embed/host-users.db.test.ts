/** Tests a host application's own users, who need no second login. The chat creates a record when it first sees a user. */
import { expect, test } from 'vitest'
import { fakeClock } from '../support/clock.ts'
import { startHost } from '../support/start-host.ts'

test('lets the host’s users chat under the prefix without another login', async () => {
  const { call, join } = await startHost()
  const [ann, bob] = [await join('ann:Ann'), await join('bob:Bob')]
  ann.send({ type: 'message', content: 'Hello, Bob!', ref: '1' })
  expect(await bob.nextOf('message')).toMatchObject({ username: 'Ann', content: 'Hello, Bob!', room: 'general' })
  const history = await call('GET', '/support/api/chat/messages', { as: 'bob:Bob' })
  expect(history.body).toMatchObject([{ username: 'Ann', content: 'Hello, Bob!' }])
})

test('serves no registration, no login and no pages by default', async () => {
  const { call } = await startHost()
  for (const path of ['/api/auth/register', '/api/auth/login']) {
    expect(await call('POST', `/support${path}`, { body: {} })).toMatchObject({ status: 404 })
  }
  for (const path of ['/', '/health', '/docs', '/redoc', '/openapi.json', '/asyncapi.json', '/app']) {
    for (const prefix of ['', '/support']) {
      const { status } = await call('GET', prefix + path, { as: 'ann' })
      expect(status, prefix + path).toBe(404)
    }
  }
})

test('rejects a user whom the host doesn’t know, over HTTP and before the upgrade', async () => {
  const { call, join, url } = await startHost()
  const response = await call('GET', '/support/api/users/me')
  expect(response).toMatchObject({ status: 401, body: { code: 'not_logged_in' } })
  expect(response.headers.get('www-authenticate')).toBe('Bearer')
  await expect(join('')).rejects.toThrow('401')
  expect((await fetch(`${url}/support/ws/chat`)).status).toBe(401)
})

test('rejects access tokens of the chat in a host that authenticates its users', async () => {
  const { call, join } = await startHost()
  const token = 'eyJhbGciOiJIUzI1NiJ9.e30.x'
  const response = await call('GET', '/support/api/users/me', { headers: { authorization: `Bearer ${token}` } })
  expect(response.status).toBe(401)
  const ann = await join('ann')
  ann.send({ type: 'auth', token, ref: 'r' })
  expect(await ann.nextOf('error')).toMatchObject({ code: 'not_allowed', ref: 'r' })
})

test('creates a user once for concurrent requests, and updates the name', async () => {
  const { call, database } = await startHost()
  const me = (as: string) => call('GET', '/support/api/users/me', { as })
  const responses = await Promise.all(Array.from({ length: 8 }, () => me('ann:Ann')))
  expect(new Set(responses.map(({ body }) => body.id)).size).toBe(1)
  const renamed = await me('ann:Ann Other')
  expect(renamed.body).toMatchObject({ id: responses[0]?.body.id, username: 'Ann Other' })
  expect(await database.users.findByExternalId('ann')).toMatchObject({ username: 'Ann Other' })
})

test('distinguishes users by the host’s id, and allows any name, even if it is not unique', async () => {
  const { call } = await startHost()
  const [first, second] = await Promise.all(
    ['u1:Zoë Ωmega 😀', 'u2:Zoë Ωmega 😀'].map(as =>
      call('GET', '/support/api/users/me', { headers: { 'x-user': Buffer.from(as).toString('latin1') } })
    )
  )
  expect(first?.status).toBe(200)
  expect(first?.body.username).toBe(second?.body.username)
  expect(first?.body.id).not.toBe(second?.body.id)
})

test('rejects everyone if authenticate fails, times out or returns an invalid user', async () => {
  let authenticate: () => unknown = () => null
  const { call, log } = await startHost({ authenticate: async () => (await authenticate()) as never })
  const status = async () => (await call('GET', '/support/api/users/me')).status
  authenticate = () => ({ id: '', name: 'Nobody' })
  expect(await status()).toBe(503)
  authenticate = () => ({ id: 'ann', name: '\u0000' })
  expect(await status()).toBe(503)
  for (const expiresAt of ['2099-01-01T00:00:00Z', new Date(Number.NaN)]) {
    authenticate = () => ({ id: 'ann', name: 'Ann', expiresAt })
    expect(await status()).toBe(503)
  }
  authenticate = () => ({ id: 'ann', name: 'Ann', expiresAt: new Date(Date.now() - 1) })
  expect(await status()).toBe(401)
  authenticate = () => Promise.reject(new Error('the session store is down'))
  expect(await status()).toBe(503)
  authenticate = () => Promise.reject(Object.assign(new Error('no session'), { statusCode: 401 }))
  expect(await status()).toBe(401)
  authenticate = () => new Promise(() => {})
  expect(await status()).toBe(503)
  expect(log()).toMatch(/authenticate failed; the caller was rejected/)
})

test('closes a chat.v1 connection at the time `expiresAt` that the host returned', async () => {
  const clock = fakeClock()
  const { join } = await startHost({
    clock,
    authenticate: () => ({ id: 'ann', name: 'Ann', expiresAt: new Date(clock.now() + 30_000) })
  })
  const ann = await join('ann', { protocols: ['chat.v1'] })
  clock.advance(31_000)
  expect(await ann.closed).toMatchObject({ code: 4401 })
})
