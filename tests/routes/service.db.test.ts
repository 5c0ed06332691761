import { once } from 'node:events'
import { request } from 'node:http'
import { createConnection } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { fakeClock } from '../support/clock.ts'
import { startChat } from '../support/start-chat.ts'

test('GET / returns the version and the paths of the service', async () => {
  const { call } = await startChat()
  expect(await call('GET', '/')).toMatchObject({
    status: 200,
    body: {
      message: expect.any(String),
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      endpoints: { docs: '/docs' }
    }
  })
})

test('a start with a long wait for the database has no timeout', async () => {
  const { server } = await startChat({ settings: { databaseWaitSeconds: 100 } })
  // 0 means no timeout.
  expect(server.initialConfig.pluginTimeout).toBe(0)
})

test('the health routes return 200', async () => {
  const { call } = await startChat()
  expect(await call('GET', '/health')).toMatchObject({ status: 200, body: { status: 'healthy' } })
  expect(await call('GET', '/health/live')).toMatchObject({ status: 200, body: { status: 'healthy' } })
  expect(await call('GET', '/health/ready')).toMatchObject({ status: 200, body: { status: 'healthy' } })
})

test('an unreachable database makes health return 503 without internals', async () => {
  const clock = fakeClock()
  const { call, database, log } = await startChat({ clock })
  // The first request waits for the first health check.
  expect(await call('GET', '/health')).toMatchObject({ status: 200 })
  const { query } = database.client
  onTestFinished(() => void Object.assign(database.client, { query }))
  Object.assign(database.client, {
    query: () => {
      return Promise.reject(new Error('connect ECONNREFUSED 10.1.2.3:5432'))
    }
  })
  const second = async (): Promise<void> => {
    clock.advance(1000)
    await new Promise(setImmediate)
  }
  await second()
  const failing = { status: 503, body: { status: 'unhealthy', checks: { database: 'unavailable' } } }
  for (let at = 0; at < 5; at++) expect(await call('GET', '/health')).toMatchObject(failing)
  // After one or two failed checks the process is still ready, so that a load balancer does not move clients after a short
  // failure.
  expect(await call('GET', '/health/ready')).toMatchObject({ status: 200 })
  await second()
  await second()
  const ready = await call('GET', '/health/ready')
  expect(ready).toMatchObject(failing)
  expect(JSON.stringify(ready.body)).not.toContain('10.1.2.3')
  expect(await call('GET', '/health/live')).toMatchObject({ status: 200 })
  Object.assign(database.client, { query })
  await expect
    .poll(async () => {
      await second()
      return (await call('GET', '/health/ready')).status
    })
    .toBe(200)
  expect(log().match(/a health check failed/g)).toHaveLength(1)
})

test('an overloaded process rejects history and lists, then new WebSockets, and never messages', async () => {
  const { call, register, join, database } = await startChat()
  const john = await register('john')
  const { token } = john
  const socket = await join(john)
  const { waiting } = database.client
  onTestFinished(() => void Object.assign(database.client, { waiting }))
  const lists = ['/api/chat/messages', '/api/chat/rooms', '/api/chat/rooms/general/messages']
  Object.assign(database.client, { waiting: () => 101 })
  for (const path of lists) {
    const { status, body, headers } = await call('GET', path, { token })
    expect({ status, code: body.code }).toEqual({ status: 503, code: 'busy' })
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(1)
  }
  await join(john)
  Object.assign(database.client, { waiting: () => 201 })
  await expect(join(john)).rejects.toThrow('503')
  expect(await call('GET', '/health/ready')).toMatchObject({ status: 200 })
  expect(await call('GET', '/api/chat/rooms/general', { token })).toMatchObject({ status: 200 })
  socket.send({ type: 'message', content: 'hello', nonce: 'n1' })
  expect(await socket.nextOf('ack')).toMatchObject({ nonce: 'n1' })
  Object.assign(database.client, { waiting: () => 0 })
  for (const path of lists) expect(await call('GET', path, { token })).toMatchObject({ status: 200 })
})

test('an unknown path is a 404 problem that does not repeat the query', async () => {
  const { call } = await startChat()
  const response = await call('GET', '/nowhere?token=secret-token')
  expect(response).toMatchObject({ status: 404, body: { code: 'not_found' } })
  expect(response.headers.get('content-type')).toContain('application/problem+json')
  expect(JSON.stringify(response.body)).not.toContain('secret-token')
})

test('a body with a content type other than JSON gets a 415', async () => {
  const { call } = await startChat()
  const body = '{"username":"john","password":"SecurePass123"}'
  for (const type of ['text/plain', 'text/plain; charset=utf-8', 'application/x-www-form-urlencoded', '']) {
    const response = await call('POST', '/api/auth/login', { body, headers: { 'content-type': type } })
    expect({ type, ...response }).toMatchObject({ type, status: 415, body: { code: 'unsupported_media_type' } })
  }
})

test('a preflight allows every header that clients send, and an OPTIONS request without an origin returns 204', async () => {
  const { call } = await startChat({ settings: { corsOrigins: ['https://chat.example.com'] } })
  const preflightHeaders = { origin: 'https://chat.example.com', 'access-control-request-method': 'POST' }
  const { status, headers } = await call('OPTIONS', '/api/chat/rooms/general/messages', { headers: preflightHeaders })
  expect(status).toBe(204)
  const allowed = headers.get('access-control-allow-headers')?.split(', ')
  expect(allowed).toEqual(expect.arrayContaining(['authorization', 'content-type', 'idempotency-key']))
  expect(await call('OPTIONS', '/api/auth/login')).toMatchObject({ status: 204, body: '' })
})

test('a request that is not HTTP or has too large headers gets a problem document', async () => {
  const { url } = await startChat()
  const raw = async (text: string): Promise<string> => {
    const socket = createConnection(Number(new URL(url).port), '127.0.0.1')
    let response = ''
    socket.on('data', data => {
      response += data
    })
    socket.end(text)
    await once(socket, 'close')
    return response
  }
  expect(await raw('NONSENSE\r\n\r\n')).toMatch(/^HTTP\/1.1 400 .*application\/problem\+json.*"code":"bad_request"/s)
  const large = await raw(`GET / HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`)
  expect(large).toMatch(/^HTTP\/1.1 431 .*"code":"payload_too_large"/s)
})

test('an offer of HTTP/2 is ignored, and the request is handled with its body', async () => {
  const { url } = await startChat()
  const { hostname, port } = new URL(url)
  const send = (method: string, path: string, body = ''): Promise<{ status: number | undefined; text: string }> =>
    new Promise((resolve, reject) => {
      const headers = {
        connection: 'Upgrade, HTTP2-Settings',
        upgrade: 'h2c',
        'http2-settings': 'AAMAAABkAAQAoAAAAAIAAAAA',
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body)
      }
      const sent = request({ hostname, port, method, path, headers }, response => {
        let text = ''
        response.on('data', data => {
          text += data
        })
        response.on('end', () => resolve({ status: response.statusCode, text }))
      })
      sent.on('error', reject)
      sent.end(body)
    })
  expect(await send('GET', '/health')).toMatchObject({ status: 200, text: expect.stringContaining('healthy') })
  const body = JSON.stringify({ username: 'john', password: 'SecurePass123' })
  expect(await send('POST', '/api/auth/register', body)).toMatchObject({ status: 201 })
})

test('a valid request id is kept, and an invalid one is replaced', async () => {
  const { call } = await startChat()
  const kept = await call('GET', '/health/live', { headers: { 'x-request-id': 'abc-12345' } })
  expect(kept.headers.get('x-request-id')).toBe('abc-12345')
  const made = await call('GET', '/health/live', { headers: { 'x-request-id': 'no good\tid' } })
  expect(made.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
})

test('only allowed origins get CORS headers, which allow credentials', async () => {
  const { call } = await startChat({ settings: { corsOrigins: ['https://app.example'] } })
  const preflight = (origin: string) =>
    call('OPTIONS', '/api/auth/login', { headers: { origin, 'access-control-request-method': 'POST' } })
  const good = await preflight('https://app.example')
  expect(good.headers.get('access-control-allow-origin')).toBe('https://app.example')
  expect(good.headers.get('access-control-allow-credentials')).toBe('true')
  expect(good.headers.get('access-control-allow-methods')).toContain('POST')
  // A page sends these headers for the token, for JSON, and for the idempotency key of a message.
  for (const header of ['authorization', 'content-type', 'idempotency-key']) {
    expect(good.headers.get('access-control-allow-headers')).toContain(header)
  }
  const bad = await preflight('https://evil.example')
  expect(bad.headers.get('access-control-allow-origin')).toBeNull()
})

test('OPTIONS without an origin returns 204', async () => {
  const { call } = await startChat()
  expect(await call('OPTIONS', '/api/auth/login')).toMatchObject({ status: 204, body: '' })
})

test('Fastify’s plugin timeout is disabled, so that it does not limit the wait for the database', async () => {
  const { server } = await startChat()
  expect(server.initialConfig.pluginTimeout).toBe(0)
})

test('no origin is allowed by default', async () => {
  const { call } = await startChat()
  const { headers } = await call('GET', '/health/live', { headers: { origin: 'https://app.example' } })
  expect(headers.get('access-control-allow-origin')).toBeNull()
})

const headersOf = (headers: Headers, names: readonly string[]) =>
  Object.fromEntries(names.map(name => [name, headers.get(name)]))

// docs/security.md describes these headers. The headers that only HTML documents have are set to the defaults of helmet 8.
const FOR_ALL = {
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'strict-transport-security': 'max-age=31536000'
}
const FOR_DOCUMENTS = {
  ...FOR_ALL,
  'cross-origin-opener-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'SAMEORIGIN',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0'
}
const JSON_POLICY = "default-src 'none';frame-ancestors 'none'"

test.for(['/health/live', '/nowhere', '/%zz', '/api/users/me', '/openapi.json'])(
  'JSON has only the security headers that concern it: %s',
  async path => {
    const { url } = await startChat()
    for (const method of ['GET', 'HEAD']) {
      const { headers } = await fetch(url + path, { method })
      expect(headersOf(headers, Object.keys(FOR_DOCUMENTS))).toEqual({
        ...Object.fromEntries(Object.keys(FOR_DOCUMENTS).map(name => [name, null])),
        ...FOR_ALL
      })
      expect(headers.get('content-security-policy')).toBe(JSON_POLICY)
    }
  }
)

test.for(['/docs', '/docs/start.js', '/docs/'])('a document has all security headers: %s', async path => {
  const { url } = await startChat()
  const { headers } = await fetch(url + path, { redirect: 'manual' })
  expect(headersOf(headers, Object.keys(FOR_DOCUMENTS))).toEqual(FOR_DOCUMENTS)
  expect(headers.get('content-security-policy')).toContain("default-src 'none'")
})

test('the documentation keeps no token in the storage of the browser', async () => {
  const { call } = await startChat()
  const { body } = await call('GET', '/docs/start.js')
  expect(body).toContain('persistAuthorization: false')
  expect(body).toContain("localStorage.removeItem('authorized')")
})

test('the OpenAPI document contains the configured contact', async () => {
  const { call } = await startChat({ settings: { apiContact: 'chat@example.com' } })
  expect((await call('GET', '/openapi.json')).body.info.contact).toEqual({ email: 'chat@example.com' })
})

test('the documentation pages load no external assets, and all their assets exist', async () => {
  const { call } = await startChat()
  for (const page of ['/docs', '/redoc']) {
    const { status, body, headers } = await call('GET', page)
    expect(status).toBe(200)
    const assets = [...String(body).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, asset = '']) => asset)
    expect(assets.filter(asset => /^(https?:)?\/\//.test(asset))).toEqual([])
    expect(headers.get('content-security-policy')).toContain("default-src '")
    for (const asset of assets.filter(one => !one.startsWith('data:'))) {
      const { pathname } = new URL(asset, `http://localhost${page}`)
      expect({ asset, status: (await call('GET', pathname)).status }).toEqual({ asset, status: 200 })
    }
  }
  expect((await call('GET', '/openapi.json')).body).toMatchObject({ openapi: '3.1.0' })
})
