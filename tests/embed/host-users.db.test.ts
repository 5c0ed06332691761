/** Tests a host application's own users, who need no second login. The chat creates a record when it first sees a user. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
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

test('removes bidirectional controls from names of the host, and replaces line breaks and control characters', async () => {
  let name = ''
  const { call, chat, log } = await startHost({ authenticate: () => ({ id: 'ann', name }) })
  const me = () => call('GET', '/support/api/users/me')
  name = '\u202eAnn\nSmith\u200f \u001b[2J\u2028\u0085\u0000'
  expect(await me()).toMatchObject({ status: 200, body: { username: 'Ann Smith  [2J   ' } })
  name = '\u202e\n'
  expect(await me()).toMatchObject({ status: 503 })
  expect(log()).toContain('authenticate failed; the caller was rejected')
  await chat.post({ as: { id: 'bot', name: 'tob\u2067' }, content: 'hi' })
  name = 'Ann'
  expect(await call('GET', '/support/api/chat/messages')).toMatchObject({ body: [{ username: 'tob' }] })
  await expect(chat.post({ as: { id: 'bot', name: '\u2067' }, content: 'hi' })).rejects.toThrow('must be visible')
})

/** Returns the response to an upgrade that is rejected. */
const rejectedUpgrade = async (url: string) => {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/support/ws/chat`)
  socket.on('error', () => {})
  const [, response]: [unknown, IncomingMessage] = (await once(socket, 'unexpected-response')) as never
  const body = (await json(response)) as { code: string }
  return { status: response.statusCode, headers: response.headers, body }
}

const secret = 'connect to 10.1.2.3 failed'

test.for([
  [400, 'bad_request', {}],
  [401, 'not_logged_in', { 'www-authenticate': 'Basic realm="host"' }],
  [402, 'http_402', {}],
  [403, 'not_allowed', {}],
  [429, 'rate_limited', { 'retry-after': '7' }]
] as const)(
  'keeps the status %i, the message and the headers of an error of authenticate',
  async ([status, code, headers]) => {
    const { call, url, log } = await startHost({
      authenticate() {
        throw Object.assign(new Error('The host says no.'), { statusCode: status, expose: true, headers })
      }
    })
    const response = await call('GET', '/support/api/users/me')
    expect(response).toMatchObject({ status, body: { status, code, detail: 'The host says no.' } })
    const upgrade = await rejectedUpgrade(url)
    expect(upgrade).toMatchObject({ status, body: { status, code, detail: 'The host says no.' } })
    for (const [name, value] of Object.entries(headers)) {
      expect(response.headers.get(name)).toBe(value)
      expect(upgrade.headers[name]).toBe(value)
    }
    expect(log()).not.toContain('authenticate failed')
  }
)

test.for([
  ['an error without a status', new Error(secret)],
  ['an error with a status of success', Object.assign(new Error(secret), { statusCode: 200 })],
  ['an error with the status 502', Object.assign(new Error(secret), { statusCode: 502, expose: true })],
  ['an error of an HTTP client', Object.assign(new Error(secret), { status: 403, headers: { 'set-cookie': 'a=b' } })],
  ['a 404 without `expose`', Object.assign(new Error(secret), { statusCode: 404 })],
  ['a string', secret]
] as const)('responds with unavailable if authenticate throws %s', async ([, thrown]) => {
  const { call, url, log } = await startHost({
    authenticate(): never {
      throw thrown
    }
  })
  for (const { status, body } of [await call('GET', '/support/api/users/me'), await rejectedUpgrade(url)]) {
    expect([status, body.code]).toEqual([503, 'unavailable'])
    expect(JSON.stringify(body)).not.toContain('10.1.2.3')
  }
  expect(log()).toContain('authenticate failed; the caller was rejected')
})

test.for([
  [401, 'not_logged_in'],
  [403, 'not_allowed']
] as const)('keeps only the status %i of an error of authenticate without `expose`', async ([status, code]) => {
  const { call, url, log } = await startHost({
    authenticate(): never {
      throw Object.assign(new Error(secret), { statusCode: status, headers: { 'set-cookie': 'a=b' } })
    }
  })
  for (const response of [await call('GET', '/support/api/users/me'), await rejectedUpgrade(url)]) {
    expect([response.status, response.body.code]).toEqual([status, code])
    expect(JSON.stringify([response.body, response.headers])).not.toMatch(/10\.1\.2\.3|set-cookie/)
  }
  expect(log()).not.toContain('authenticate failed')
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
