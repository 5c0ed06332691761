/** Tests which responses of the service a page of another origin may read. Error responses are included. */
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { operations } from '../contract/document.ts'
import { testDatabase } from '../support/database.ts'
import { connectRaw, requestText } from '../support/raw-http.ts'
import { PASSWORD, startChat } from '../support/start-chat.ts'

const ORIGIN = 'https://app.example.com'

test('a page of an allowed origin may read every error: 400, 401, 404, 413, 415, 422, 429 and 500', async () => {
  const database = await testDatabase()
  const { transaction } = database.client
  let isBroken = false
  const breakable: typeof transaction = (...work) =>
    isBroken ? Promise.reject(new Error('broken')) : transaction(...work)
  Object.assign(database.client, { transaction: breakable })
  onTestFinished(() => void Object.assign(database.client, { transaction }))
  const { call } = await startChat({
    database,
    settings: { corsOrigins: [ORIGIN], loginRateLimit: 1, registerRateLimit: 5 }
  })
  const json = { 'content-type': 'application/json' }
  const login = { username: 'nobody', password: PASSWORD }
  const errors: [number, string, string, { body?: unknown; headers?: Record<string, string> }?][] = [
    [400, 'GET', '/%zz'],
    [400, 'POST', '/api/auth/login', { body: '{', headers: json }],
    [401, 'GET', '/api/users/me'],
    [401, 'GET', '/ws/chat'],
    [401, 'POST', '/api/auth/login', { body: login }],
    [404, 'GET', '/nowhere'],
    [404, 'PUT', '/api/users/me'],
    [404, 'GET', '/app/nothing.js'],
    [413, 'POST', '/api/auth/login', { body: { username: 'x'.repeat(20_000) } }],
    [415, 'POST', '/api/auth/login', { body: 'x', headers: { 'content-type': 'text/plain' } }],
    [422, 'POST', '/api/auth/login', { body: {} }],
    [429, 'POST', '/api/auth/login', { body: login }]
  ]
  const readable = async (status: number, method: string, path: string, { body, headers }: CallBody = {}) => {
    const response = await call(method, path, { body, headers: { ...headers, origin: ORIGIN } })
    expect({ path, status: response.status }).toEqual({ path, status: status })
    expect({ path, origin: response.headers.get('access-control-allow-origin') }).toEqual({ path, origin: ORIGIN })
    expect(response.headers.get('access-control-allow-credentials')).toBe('true')
    expect(response.headers.get('access-control-expose-headers')).toContain('retry-after')
    expect(response.headers.get('vary')).toContain('Origin')
  }
  for (const [status, method, path, options] of errors) await readable(status, method, path, options)
  isBroken = true
  await readable(500, 'POST', '/api/auth/register', { body: { username: 'john', password: PASSWORD } })
  isBroken = false
})

interface CallBody {
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

test.for([
  [ORIGIN, true],
  ['https://evil.example', false]
] as const)(
  'the error about a body that Node rejects is readable for the origin %s: %s',
  async ([origin, isReadable]) => {
    const { url } = await startChat({ settings: { corsOrigins: [ORIGIN] } })
    const connection = await connectRaw({ host: '127.0.0.1', port: Number(new URL(url).port) })
    const headers = { origin, 'content-type': 'application/json', 'transfer-encoding': 'chunked' }
    connection.write(requestText('POST /api/auth/login', headers, 'not a chunk\r\n'))
    const response = await connection.response()
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([
      400,
      isReadable ? origin : undefined
    ])
    expect(response.headers.get('vary')).toBe('Origin')
  }
)

test('a page of an origin that is not allowed may read nothing', async () => {
  const { call } = await startChat({ settings: { corsOrigins: [ORIGIN] } })
  for (const path of ['/%zz', '/nowhere', '/api/users/me', '/health/live']) {
    const { headers } = await call('GET', path, { headers: { origin: 'https://evil.example' } })
    expect({ path, origin: headers.get('access-control-allow-origin') }).toEqual({ path, origin: null })
  }
})

test('it sends a client without an origin no CORS headers, but Vary: Origin', async () => {
  const { call } = await startChat({ settings: { corsOrigins: [ORIGIN] } })
  const { headers } = await call('GET', '/health/live')
  expect([...headers.keys()].filter(name => name.startsWith('access-control-'))).toEqual([])
  expect(headers.get('vary')).toContain('Origin')
})

test('a preflight allows every method that a route has', async () => {
  const { call } = await startChat({ settings: { corsOrigins: [ORIGIN] } })
  for (const { method, path } of operations) {
    const headers = { origin: ORIGIN, 'access-control-request-method': method }
    const response = await call('OPTIONS', path.replaceAll(/\{\w+\}/g, 'general'), { headers })
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-methods')?.split(', ')).toContain(method.toUpperCase())
  }
})

test.for([
  ['https://app.example.com', true],
  ['https://a.b.example.org', true],
  ['https://example.org', false],
  ['capacitor://localhost', true],
  ['https://public.example', true],
  ['https://evil.example', false],
  ['null', false]
] as const)('CORS and the WebSocket apply the same rule to the origin %s', async ([origin, isAllowed]) => {
  const settings = {
    corsOrigins: ['https://App.example.com:443', 'https://*.example.org', 'capacitor://localhost'],
    publicUrl: 'https://public.example/chat'
  }
  const { call, register, url } = await startChat({ settings })
  const { token } = await register('john')
  const { headers } = await call('GET', '/health/live', { headers: { origin } })
  expect(headers.get('access-control-allow-origin')).toBe(isAllowed ? origin : null)
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/chat?token=${token}`, { headers: { origin } })
  const isOpen = await new Promise(resolve => {
    socket.once('open', () => resolve(true)).once('unexpected-response', (_, { statusCode }) => resolve(statusCode))
  })
  socket.on('error', () => {})
  socket.terminate()
  expect(isOpen).toBe(isAllowed || 403)
})
