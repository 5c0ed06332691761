import { once } from 'node:events'
import { request } from 'node:http'
import { createConnection } from 'node:net'
import { expect, test } from 'vitest'
import { startChat } from '../support/start-chat.ts'

test('GET / says what this is and where to go', async () => {
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

test('a start may take longer than the wait for the database', async () => {
  const { server } = await startChat({ settings: { databaseWaitSeconds: 100 } })
  // 0 is none.
  expect(server.initialConfig.pluginTimeout).toBe(0)
})

test('the health routes are well', async () => {
  const { call } = await startChat()
  expect(await call('GET', '/health')).toMatchObject({ status: 200, body: { status: 'healthy' } })
  expect(await call('GET', '/health/live')).toMatchObject({ status: 200, body: { status: 'healthy' } })
  expect(await call('GET', '/health/ready')).toMatchObject({ status: 200, body: { status: 'healthy' } })
})

test('a database that does not answer makes health 503, and nothing about the inside is told', async () => {
  const { call, database } = await startChat()
  const { query } = database.client
  Object.assign(database.client, { query: () => Promise.reject(new Error('connect ECONNREFUSED 10.1.2.3:5432')) })
  for (const path of ['/health', '/health/ready']) {
    const answer = await call('GET', path)
    expect(answer).toMatchObject({ status: 503, body: { status: 'unhealthy', checks: { database: 'unavailable' } } })
    expect(JSON.stringify(answer.body)).not.toContain('10.1.2.3')
  }
  expect(await call('GET', '/health/live')).toMatchObject({ status: 200 })
  Object.assign(database.client, { query })
})

test('what was meant for one person is never stored: every API route, its errors, and unknown paths', async () => {
  const { call, register } = await startChat()
  const { token } = await register('john')
  const login = { username: 'john', password: 'SecurePass123' }
  const requests = [
    ['POST', '/api/auth/login', { body: login }, 200],
    ['POST', '/api/auth/login', { body: { ...login, password: 'Wrong' } }, 401],
    ['POST', '/api/auth/login', { body: '{' }, 400],
    ['POST', '/api/auth/register', { body: {} }, 422],
    ['GET', '/api/users/me', { token }, 200],
    ['GET', '/api/users/me', {}, 401],
    ['GET', '/api/chat/messages', { token }, 200],
    ['GET', '/api/chat/messages?limit=0', { token }, 422],
    ['GET', '/api/chat/rooms', { token }, 200],
    ['GET', '/api/chat/rooms/general/presence', { token }, 200],
    ['GET', '/api/chat/rooms/nowhere', { token }, 404],
    ['GET', '/ws/chat?token=x', {}, 401],
    ['GET', '/app/nowhere.js', {}, 404],
    ['GET', '/nowhere?token=x', {}, 404]
  ] as const
  for (const [method, path, options, status] of requests) {
    const { status: was, headers } = await call(method, path, options)
    expect([path, was, headers.get('cache-control')]).toEqual([path, status, 'no-store'])
  }
  expect((await call('GET', '/docs/swagger-ui.css')).headers.get('cache-control')).toContain('public')
})

test('Swagger UI keeps the token in memory only', async () => {
  const { call } = await startChat()
  const { body } = await call('GET', '/docs/start.js')
  expect(body).toContain('persistAuthorization: false')
  expect(body).toContain("localStorage.removeItem('authorized')")
})

test('an unknown path is a 404 problem that does not repeat the query', async () => {
  const { call } = await startChat()
  const answer = await call('GET', '/nowhere?token=secret-token')
  expect(answer).toMatchObject({ status: 404, body: { code: 'not_found' } })
  expect(answer.headers.get('content-type')).toContain('application/problem+json')
  expect(JSON.stringify(answer.body)).not.toContain('secret-token')
})

test('a body that is not JSON by its own word is a 415, plain text too', async () => {
  const { call } = await startChat()
  const body = '{"username":"john","password":"SecurePass123"}'
  for (const type of ['text/plain', 'text/plain; charset=utf-8', 'application/x-www-form-urlencoded', '']) {
    const answer = await call('POST', '/api/auth/login', { body, headers: { 'content-type': type } })
    expect({ type, ...answer }).toMatchObject({ type, status: 415, body: { code: 'unsupported_media_type' } })
  }
})

test('a preflight allows every header that clients send, and an OPTIONS that is none is no error', async () => {
  const { call } = await startChat({ settings: { corsOrigins: ['https://chat.example.com'] } })
  const asked = { origin: 'https://chat.example.com', 'access-control-request-method': 'POST' }
  const { status, headers } = await call('OPTIONS', '/api/chat/rooms/general/messages', { headers: asked })
  expect(status).toBe(204)
  const allowed = headers.get('access-control-allow-headers')?.split(', ')
  expect(allowed).toEqual(expect.arrayContaining(['authorization', 'content-type', 'idempotency-key']))
  expect(await call('OPTIONS', '/api/auth/login')).toMatchObject({ status: 204, body: '' })
})

test('what is not HTTP, or too much of it, is answered with a problem', async () => {
  const { url } = await startChat()
  const raw = async (text: string): Promise<string> => {
    const socket = createConnection(Number(new URL(url).port), '127.0.0.1')
    let answer = ''
    socket.on('data', data => {
      answer += data
    })
    socket.end(text)
    await once(socket, 'close')
    return answer
  }
  expect(await raw('NONSENSE\r\n\r\n')).toMatch(/^HTTP\/1.1 400 .*application\/problem\+json.*"code":"bad_request"/s)
  const large = await raw(`GET / HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`)
  expect(large).toMatch(/^HTTP\/1.1 431 .*"code":"payload_too_large"/s)
})

test('an offer of HTTP/2 is ignored, and the request answered, its body included', async () => {
  const { url } = await startChat()
  const { hostname, port } = new URL(url)
  const ask = (method: string, path: string, body = ''): Promise<{ status: number | undefined; text: string }> =>
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
  expect(await ask('GET', '/health')).toMatchObject({ status: 200, text: expect.stringContaining('healthy') })
  const body = JSON.stringify({ username: 'john', password: 'SecurePass123' })
  expect(await ask('POST', '/api/auth/register', body)).toMatchObject({ status: 201 })
})

test('a request id that looks like one is kept, another is made', async () => {
  const { call } = await startChat()
  const kept = await call('GET', '/health/live', { headers: { 'x-request-id': 'abc-12345' } })
  expect(kept.headers.get('x-request-id')).toBe('abc-12345')
  const made = await call('GET', '/health/live', { headers: { 'x-request-id': 'no good\tid' } })
  expect(made.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
})

test('only the origins that are listed get CORS headers, with credentials', async () => {
  const { call } = await startChat({ settings: { corsOrigins: ['https://app.example'] } })
  const preflight = (origin: string) =>
    call('OPTIONS', '/api/auth/login', { headers: { origin, 'access-control-request-method': 'POST' } })
  const good = await preflight('https://app.example')
  expect(good.headers.get('access-control-allow-origin')).toBe('https://app.example')
  expect(good.headers.get('access-control-allow-credentials')).toBe('true')
  expect(good.headers.get('access-control-allow-methods')).toContain('POST')
  // What a page sends: a token, JSON, and the key that makes a post idempotent.
  for (const header of ['authorization', 'content-type', 'idempotency-key']) {
    expect(good.headers.get('access-control-allow-headers')).toContain(header)
  }
  const bad = await preflight('https://evil.example')
  expect(bad.headers.get('access-control-allow-origin')).toBeNull()
})

test('OPTIONS without an origin is answered, and not with an error that is no problem', async () => {
  const { call } = await startChat()
  expect(await call('OPTIONS', '/api/auth/login')).toMatchObject({ status: 204, body: '' })
})

test('the framework’s own time limit does not cut the wait for a database short', async () => {
  const { server } = await startChat()
  expect(server.initialConfig.pluginTimeout).toBe(0)
})

test('no origin is allowed when none is listed', async () => {
  const { call } = await startChat()
  const { headers } = await call('GET', '/health/live', { headers: { origin: 'https://app.example' } })
  expect(headers.get('access-control-allow-origin')).toBeNull()
})

test('helmet’s headers are there', async () => {
  const { call } = await startChat()
  const { headers } = await call('GET', '/health/live')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('content-security-policy')).toContain("default-src 'none'")
  expect(headers.get('strict-transport-security')).toBe('max-age=31536000')
  expect((await call('GET', '/nowhere')).headers.get('x-content-type-options')).toBe('nosniff')
})

test('the documents name nothing outside, and every asset is there', async () => {
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
