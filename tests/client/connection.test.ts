/** Tests the SDK's connection: tokens, close codes, reconnection and silent connections. */
import { expect, test, vi } from 'vitest'
import { ChatApiError, type ConnectionState } from '../../client/src/index.ts'
import { fakeService, type Sent, settled } from '../support/fake-service.ts'

test('offers chat.v1 and the token as subprotocols, without the token in the URL', async () => {
  const service = fakeService()
  const socket = await service.socket(1)
  expect(socket.protocols).toEqual(['chat.v1', 'bearer', 'token-1'])
  expect(socket.url).toBe('ws://chat.test/ws/chat?rooms=')
  expect(service.client.state.status).toBe('connecting')
  socket.greet()
  expect(service.client.state.status).toBe('online')
  expect(service.client.identity).toMatchObject({ user_id: 1, username: 'ada', limits: { message_burst: 30 } })
})

test('reconnects with jitter after waits that grow', async () => {
  const { client, timers, socket } = fakeService()
  const waits: number[] = []
  for (let count = 1; count <= 9; count++) {
    const current = await socket(count)
    current.greet()
    current.end(1006)
    const { state } = client
    if (state.status !== 'waiting') throw new Error(state.status)
    expect(state.reason).toBe('lost')
    waits.push(state.until - timers.now())
    await timers.advance(state.until - timers.now())
  }
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000])
})

test('resets the waits after a stable connection', async () => {
  const { client, timers, socket } = fakeService()
  for (let count = 1; count <= 3; count++) {
    const current = await socket(count)
    current.greet()
    await timers.advance(10_000)
    current.end(1005)
    expect(client.state).toMatchObject({ status: 'waiting', until: timers.now() + 250 })
    await timers.advance(250)
  }
})

test.for([
  [1000, { status: 'offline', reason: 'done' }],
  [1001, { status: 'offline', reason: 'done' }],
  [1005, { status: 'waiting', reason: 'lost' }],
  [1006, { status: 'waiting', reason: 'lost' }],
  [1009, { status: 'waiting', reason: 'lost' }],
  [1011, { status: 'waiting', reason: 'lost' }],
  [1012, { status: 'waiting', reason: 'restart' }],
  [1013, { status: 'waiting', reason: 'restart' }],
  [4108, { status: 'waiting', reason: 'limited' }],
  [4109, { status: 'waiting', reason: 'limited' }],
  [4129, { status: 'waiting', reason: 'limited' }],
  [4400, { status: 'offline', reason: 'protocol_error' }],
  [4401, { status: 'connecting' }],
  [4403, { status: 'offline', reason: 'not_allowed' }],
  [4499, { status: 'offline', reason: 'protocol_error' }]
] as const)('acts on close code %i', async ([code, expected]) => {
  const { client, socket } = fakeService()
  const current = await socket(1)
  current.greet()
  current.end(code, 'in words')
  expect(client.state).toMatchObject(expected)
})

test('waits as long as the service requires after flooding', async () => {
  const { client, timers, socket } = fakeService()
  const current = await socket(1)
  current.greet()
  current.receive({ type: 'error', code: 'flooding', detail: 'Too many frames.', retry_after_ms: 5000 })
  current.end(4129)
  expect(client.state).toMatchObject({ status: 'waiting', reason: 'limited', until: timers.now() + 5250 })
})

test('reconnects after the wait that a reconnect frame requests', async () => {
  const { client, timers, socket } = fakeService()
  const current = await socket(1)
  current.greet()
  current.receive({ type: 'reconnect', after_ms: 777 })
  expect(client.state.status).toBe('online')
  current.end(1012, 'service restart')
  expect(client.state).toMatchObject({ status: 'waiting', reason: 'restart', until: timers.now() + 777 })
})

test('pings a silent connection, and ends the connection if no pong arrives', async () => {
  const { client, timers, socket } = fakeService()
  const current = await socket(1)
  current.greet()
  await timers.advance(14_000)
  current.receive({ type: 'presence', room: 'general', count: 1 })
  await timers.advance(14_000)
  expect(current.take('ping')).toHaveLength(0)
  await timers.advance(1000)
  expect(current.take('ping')).toHaveLength(1)
  current.receive({ type: 'pong' })
  await timers.advance(25_000 - 1)
  expect(current.take('ping')).toHaveLength(1)
  expect(client.state.status).toBe('online')
  await timers.advance(1)
  expect(current.isClosed).toBe(true)
  expect(client.state).toMatchObject({ status: 'waiting', reason: 'lost' })
})

test.for([60_000, -3_600_000])('keeps the connection and its pings when the wall clock is set by %i ms', async step => {
  const { client, timers, socket } = fakeService()
  const current = await socket(1)
  current.greet()
  timers.step(step)
  await timers.advance(15_000)
  expect(current.take('ping')).toHaveLength(1)
  timers.step(step)
  current.receive({ type: 'pong' })
  await timers.advance(10_000)
  expect(client.state.status).toBe('online')
})

test('does not renew tokens repeatedly when the wall clock of the service was set back', async () => {
  const token = vi.fn(({ previous }: { previous: string | undefined }) => `${previous}+`)
  const { client, timers, socket } = fakeService({ token, timing: { pingInterval: 1e9 } })
  const current = await socket(1)
  current.greet({ server_time: '2026-01-31T12:00:00.000+00:00', expires_at: '2026-01-31T12:30:00.000+00:00' })
  await timers.advance(29 * 60_000)
  const asked = token.mock.calls.length
  for (let second = 0; second < 30; second++) {
    for (const { ref } of current.take('auth').slice(-1)) {
      current.receive({ type: 'authenticated', ref, expires_at: '2026-01-31T11:59:00.000+00:00' })
    }
    await timers.advance(1000)
  }
  expect(client.state.status).toBe('online')
  expect(token.mock.calls.length - asked).toBe(3)
})

test('ends a socket that opens and stays silent', async () => {
  const { client, timers, socket } = fakeService()
  const current = await socket(1)
  current.onopen?.()
  await timers.advance(10_000)
  expect(current.isClosed).toBe(true)
  expect(client.state.status).toBe('waiting')
})

test('checks a refused upgrade over HTTP: retries at once with a new token, or goes offline without one', async () => {
  const token = vi.fn(({ previous }: { previous: string | undefined }) => (previous ? 'token-2' : 'token-1'))
  const service = fakeService({ token })
  service.http(() => ({ status: 401, body: { code: 'token_expired', detail: 'Log in again.' } }))
  ;(await service.socket(1)).end(1006)
  const second = await service.socket(2)
  expect(service.calls).toMatchObject([{ path: '/api/users/me', headers: { authorization: 'Bearer token-1' } }])
  expect(second.protocols).toEqual(['chat.v1', 'bearer', 'token-2'])
  expect(token.mock.calls.map(([request]) => request)).toEqual([
    { previous: undefined, isRefused: false },
    { previous: 'token-1', isRefused: true }
  ])
  second.end(1006)
  await settled()
  expect(service.client.state).toMatchObject({ status: 'waiting', reason: 'token' })
  await service.timers.advance(1000)
  expect(service.client.state).toMatchObject({ status: 'offline', reason: 'unauthorized' })
  expect(service.sockets).toHaveLength(2)
})

test('waits for Retry-After after a refused upgrade, and reports a service that does not respond as unreachable', async () => {
  const service = fakeService()
  service.http(() => ({
    status: 503,
    body: { code: 'unavailable', detail: 'Stopping.' },
    headers: { 'retry-after': '7' }
  }))
  ;(await service.socket(1)).end(1006)
  await settled()
  expect(service.client.state).toMatchObject({
    status: 'waiting',
    reason: 'refused',
    until: service.timers.now() + 7250
  })
  service.http(() => Promise.reject(new TypeError('fetch failed')))
  await service.timers.advance(7250)
  ;(await service.socket(2)).end(1006)
  await settled()
  expect(service.client.state).toMatchObject({ status: 'waiting', reason: 'unreachable' })
  service.client.connect()
  ;(await service.socket(3)).greet()
  expect(service.client.state.status).toBe('online')
})

test('reports the HTTP status of the service while it waits', async () => {
  const service = fakeService()
  const problem = { code: 'not_found', detail: 'No resource exists at this path. Check the URL.' }
  service.http(() => ({ status: 404, body: problem }))
  ;(await service.socket(1)).end(1006)
  await settled()
  expect(service.client.state).toMatchObject({ status: 'waiting', reason: 'refused', httpStatus: 404 })
  service.http(() => Promise.reject(new TypeError('fetch failed')))
  service.client.connect()
  ;(await service.socket(2)).end(1006)
  await settled()
  expect(service.client.state).toMatchObject({ status: 'waiting', reason: 'unreachable' })
  expect(service.client.state).not.toHaveProperty('httpStatus')
})

test('reports the HTTP status of a failed token callback while it waits', async () => {
  const token = () => Promise.reject(new ChatApiError({ status: 503, code: 'unavailable', detail: 'Later.' }))
  const { client } = fakeService({ token })
  await settled()
  expect(client.state).toMatchObject({ status: 'waiting', reason: 'token', httpStatus: 503 })
})

test('renews a token before it expires by the clock of the service', async () => {
  let count = 0
  const { timers, socket } = fakeService({ token: () => `token-${++count}`, timing: { pingInterval: 1e9 } })
  const current = await socket(1)
  // The service's clock is one day slow. The token is valid for two minutes.
  current.greet({ server_time: '2026-01-30T12:00:00.000+00:00', expires_at: '2026-01-30T12:02:00.000+00:00' })
  await timers.advance(60_000 - 1)
  expect(current.take('auth')).toEqual([])
  await timers.advance(1)
  expect(current.take('auth')).toEqual([{ type: 'auth', token: 'token-2', ref: 'auth' }])
  current.receive({ type: 'authenticated', expires_at: '2026-01-30T12:32:00.000+00:00', ref: 'auth' })
  await timers.advance(30 * 60_000)
  expect(current.take('auth')).toEqual([{ type: 'auth', token: 'token-3', ref: 'auth' }])
})

test('calls a failed token callback again, and keeps the connection while its token is valid', async () => {
  const errors: Error[] = []
  let count = 0
  const token = () => {
    if (++count > 1) throw new Error('The identity provider is away.')
    return 'token-1'
  }
  const { client, timers, socket } = fakeService({ token, timing: { pingInterval: 1e9 } })
  client.on('error', error => errors.push(error))
  const current = await socket(1)
  current.greet({ expires_at: '2026-01-31T12:02:00.000+00:00' })
  await timers.advance(119_000)
  expect(count).toBeGreaterThan(5)
  expect(errors.map(error => error.message)).toContain('The identity provider is away.')
  expect(client.state.status).toBe('online')
  current.end(4401, 'token expired or revoked')
  await settled()
  expect(client.state).toMatchObject({ status: 'waiting', reason: 'token' })
})

test('is offline after the token callback throws a 401, until connect is called', async () => {
  let isLoggedIn = false
  const token = () => {
    if (isLoggedIn) return 'token-2'
    throw new ChatApiError({ status: 401, code: 'invalid_credentials', detail: 'Wrong password.' })
  }
  const { client, socket } = fakeService({ token })
  await settled()
  expect(client.state).toEqual({ status: 'offline', reason: 'unauthorized', detail: 'Wrong password.' })
  isLoggedIn = true
  client.connect()
  ;(await socket(1)).greet()
  expect(client.state.status).toBe('online')
})

test('goes offline when a new token belongs to another user', async () => {
  let count = 0
  const { client, timers, socket } = fakeService({ token: () => `token-${++count}`, timing: { pingInterval: 1e9 } })
  const current = await socket(1)
  current.greet()
  await timers.advance(29 * 60_000)
  current.receive({ type: 'error', code: 'wrong_user', detail: 'Another user’s.', ref: 'auth' })
  expect(client.state).toMatchObject({ status: 'offline', reason: 'unauthorized' })
})

test('leaves no timers or sockets open after close() while it connects', async () => {
  const states: ConnectionState['status'][] = []
  let give: (token: string) => void = () => {}
  const service = fakeService({
    token: () =>
      new Promise<string>(resolve => {
        give = resolve
      })
  })
  service.client.on('state', ({ status }) => states.push(status))
  await settled()
  service.client.close()
  give('token-1')
  await settled()
  expect(service.sockets).toHaveLength(0)
  service.client.connect()
  await settled()
  const socket = await service.socket(1)
  service.client.close()
  expect(socket.isClosed).toBe(true)
  socket.greet()
  expect(states).toEqual(['connecting', 'offline', 'connecting', 'offline'])
  expect(service.timers.waiting).toBe(0)
})

test('never connects if it is closed right after its creation', async () => {
  const service = fakeService()
  service.client.close()
  await settled()
  expect(service.sockets).toHaveLength(0)
  expect(service.client.state).toMatchObject({ status: 'offline', reason: 'closed' })
})

test('emits frames of the host application to the app', async () => {
  const { client, socket } = fakeService()
  const frames: Sent[] = []
  client.on('frame', frame => frames.push(frame))
  const current = await socket(1)
  current.greet()
  current.receive({ type: 'shop.order', id: 7 }, { type: 'pong' })
  expect(frames).toEqual([{ type: 'shop.order', id: 7 }])
})

test('reports that a frame which is not JSON was not sent', async () => {
  const { client, socket } = fakeService()
  const current = await socket(1)
  current.greet()
  const frame = { type: 'message', content: 'x' } as { type: 'message'; content: string; self?: unknown }
  frame.self = frame
  expect(() => client.send(frame)).toThrow(TypeError)
})
