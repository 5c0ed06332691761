/** Tests the SDK's sessions: renewal, several tabs, lost responses, a busy service and stolen tokens. */
import { expect, test, vi } from 'vitest'
import { ChatApiError, createChatClient, type Session, type SessionLock } from '../../client/src/index.ts'
import { FakeClientSocket, settled } from '../support/fake-service.ts'
import fc from '../support/properties.ts'
import { failure, LOGIN, setUp } from '../support/session-tabs.ts'

test('logs in, keeps the token until shortly before it expires, then renews it', async () => {
  const { service, timers, storage, tab } = setUp()
  const session = tab()
  expect(session.state).toEqual({ status: 'none' })
  expect(await failure(session.token())).toMatchObject({ status: 401 })
  await session.logIn(LOGIN)
  expect(session.state).toEqual({ status: 'active', id: 's1' })
  expect(service.calls).toEqual([{ path: '/api/auth/login', body: { ...LOGIN, session: true }, token: undefined }])
  expect(storage.stored()).toMatchObject({ sessionId: 's1', refreshToken: 's1.1' })
  const first = await session.token()
  await timers.advance(1_789_000)
  expect(await session.token()).toBe(first)
  await timers.advance(2000)
  const second = await session.token()
  expect(second).not.toBe(first)
  expect(storage.stored()).toMatchObject({ refreshToken: 's1.2', accessToken: second })
  expect(service.refreshes).toBe(1)
})

test('renews the token once for concurrent calls, and for several tabs', async () => {
  const { service, timers, tab } = setUp()
  const tabs = [tab(), tab(), tab()]
  await tabs[0]?.logIn(LOGIN)
  for (const one of tabs) expect(await one.restore()).toBe(true)
  expect(service.refreshes).toBe(0)
  await timers.advance(1_795_000)
  const tokens = await Promise.all(tabs.flatMap(one => [one.token(), one.token()]))
  expect(new Set(tokens).size).toBe(1)
  expect(service.refreshes).toBe(1)
})

test('renews a token that the service refused before its expiry', async () => {
  const { service, tab } = setUp()
  const session = tab()
  await session.logIn(LOGIN)
  const previous = await session.token()
  expect(await session.token({ previous, isRefused: true })).not.toBe(previous)
  expect(service.refreshes).toBe(1)
})

test('restores a session from the storage, and returns false if there is none', async () => {
  const { service, timers, tab } = setUp()
  expect(await tab().restore()).toBe(false)
  expect(service.calls).toEqual([])
  await tab().logIn(LOGIN)
  await timers.advance(86_400_000)
  const session = tab()
  expect(await session.restore()).toBe(true)
  expect(session.state).toEqual({ status: 'active', id: 's1' })
  expect(service.refreshes).toBe(1)
})

test('presents the same refresh token again after a lost response', async () => {
  const { service, timers, storage, tab } = setUp()
  const session = tab()
  await session.logIn(LOGIN)
  await timers.advance(1_800_000)
  service.fail('lost')
  expect(await failure(session.token())).toMatchObject({ status: 0, code: 'network_error' })
  expect(session.state.status).toBe('active')
  service.use(await session.token())
  expect(service.calls.slice(1).map(({ body }) => body.refresh_token)).toEqual(['s1.1', 's1.1'])
  expect(storage.stored()).toMatchObject({ refreshToken: 's1.2' })
})

test.for([
  ['no network', 'offline'],
  ['a status of 500', { status: 500 }],
  ['a status of 503 of a proxy', { status: 503, body: 'Service Unavailable' }],
  ['a status of 429', { status: 429, body: { code: 'rate_limited' } }],
  ['a status of 403', { status: 403, body: { code: 'account_suspended' } }],
  ['a 401 with another code', { status: 401, body: { code: 'invalid_credentials' } }],
  ['a 401 of a proxy', { status: 401, body: 'Unauthorized' }]
] as const)('keeps the session after %s', async ([, fault]) => {
  const { service, timers, storage, tab } = setUp()
  const session = tab()
  await session.logIn(LOGIN)
  await timers.advance(1_800_000)
  service.fail(fault)
  expect((await failure(session.token())).status).not.toBe(401)
  expect(session.state).toEqual({ status: 'active', id: 's1' })
  expect(storage.stored()).toMatchObject({ refreshToken: 's1.1' })
  await timers.advance(60_000)
  expect(await session.token()).toMatch(/^s1:/)
})

test('uses the token until it expires while the service is busy, and waits as long as the service requires', async () => {
  const { service, timers, tab } = setUp()
  const session = tab()
  await session.logIn(LOGIN)
  const token = await session.token()
  await timers.advance(1_795_000)
  service.fail({ status: 429, headers: { 'retry-after': '20' }, body: { code: 'rate_limited', detail: 'Slow down.' } })
  expect(await session.token()).toBe(token)
  expect(await session.token()).toBe(token)
  await timers.advance(5000)
  expect(await failure(session.token())).toMatchObject({ status: 429, retryAfterMs: 20_000 })
  expect(service.refreshes).toBe(1)
  await timers.advance(16_000)
  expect(await session.token()).not.toBe(token)
})

test('ends the session in every tab when the service refuses the refresh token', async () => {
  const { service, timers, storage, tab } = setUp()
  const [one, two] = [tab(), tab()]
  const states = vi.fn()
  one.on('state', states)
  await one.logIn(LOGIN)
  await two.restore()
  await timers.advance(1_800_000)
  service.revoke('s1')
  expect(await failure(one.token())).toMatchObject({ status: 401, code: 'invalid_refresh_token' })
  expect(one.state).toMatchObject({ status: 'ended', reason: 'refused' })
  expect(storage.stored()).toBeNull()
  expect(await failure(two.token())).toMatchObject({ status: 401 })
  expect(two.state.status).toBe('ended')
  expect(states.mock.calls.map(([{ status }]) => status)).toEqual(['active', 'ended'])
  expect(service.refreshes).toBe(1)
  await one.logIn(LOGIN)
  expect(one.state).toEqual({ status: 'active', id: 's2' })
})

test('ends the session when a thief has used the stolen refresh token', async () => {
  const { service, timers, storage, tab } = setUp()
  const session = tab()
  await session.logIn(LOGIN)
  service.steal(storage.stored().refreshToken)
  await timers.advance(1_800_000)
  expect(await failure(session.token())).toMatchObject({ code: 'invalid_refresh_token' })
  expect(service.isRevoked('s1')).toBe(true)
  expect(session.state).toMatchObject({ status: 'ended', reason: 'refused' })
})

test('ends the session when another tab has logged out, or has logged in again', async () => {
  const { service, timers, tab } = setUp()
  const [one, two, three] = [tab(), tab(), tab()]
  await one.logIn(LOGIN)
  await two.restore()
  await three.restore()
  await one.logOut()
  expect(one.state).toMatchObject({ status: 'ended', reason: 'logged_out' })
  expect(service.calls.at(-1)).toMatchObject({ path: '/api/auth/logout', body: { refresh_token: 's1.1' } })
  expect(service.isRevoked('s1')).toBe(true)
  await timers.advance(1_800_000)
  await failure(two.token())
  expect(two.state).toMatchObject({ status: 'ended', reason: 'logged_out' })
  await one.logIn(LOGIN)
  await failure(three.token())
  expect(three.state).toMatchObject({ status: 'ended', reason: 'replaced' })
  expect(await three.restore()).toBe(true)
  expect(three.state).toEqual({ status: 'active', id: 's2' })
  expect(service.refreshes).toBe(0)
})

test('forgets the tokens when it logs out without a network, and logs out when it is called again', async () => {
  const { service, storage, tab } = setUp()
  const session = tab()
  await session.logIn(LOGIN)
  service.fail('offline')
  expect(await failure(session.logOut())).toMatchObject({ code: 'network_error' })
  expect(storage.entries.size).toBe(0)
  expect(service.isRevoked('s1')).toBe(false)
  await session.logOut()
  expect(service.isRevoked('s1')).toBe(true)
})

/** Starts to renew the token of a tab that has lost the lock. `finish` delivers the response of the service. */
const renewSlowly = async ({ service, timers, tab }: ReturnType<typeof setUp>) => {
  let finish = () => {}
  const held = new Promise<void>(resolve => {
    finish = resolve
  })
  const lock: SessionLock = work => work()
  const slow = tab({
    lock,
    async fetch(url, init) {
      const response = await service.fetch(url, init)
      if (url.endsWith('/refresh')) await held
      return response
    }
  })
  const other = tab({ lock })
  await slow.logIn(LOGIN)
  await other.restore()
  await timers.advance(1_800_000)
  const token = slow.token()
  await settled()
  return { slow, other, token, finish }
}

test('keeps the newer tokens of another tab when its own response is late', async () => {
  const all = setUp()
  const { other, token, finish } = await renewSlowly(all)
  all.service.use(await other.token())
  await all.timers.advance(1_800_000)
  const newest = await other.token()
  finish()
  expect(await token).toBe(newest)
  expect(all.storage.stored()).toMatchObject({ accessToken: newest, refreshToken: 's1.3' })
})

test.for(['here', 'in another tab'] as const)('writes no tokens after a log-out %s', async where => {
  const all = setUp()
  const { slow, other, token, finish } = await renewSlowly(all)
  await (where === 'here' ? slow : other).logOut()
  finish()
  expect(await failure(token)).toMatchObject({ status: 401, code: 'invalid_refresh_token' })
  expect(slow.state).toMatchObject({ status: 'ended', reason: 'logged_out' })
  expect(all.storage.stored()).toBeNull()
})

test('keeps the tokens of a new login when an earlier renewal is refused late', async () => {
  const { service, timers, storage, tab } = setUp()
  await tab().logIn(LOGIN)
  let finish = () => {}
  const held = new Promise<void>(resolve => {
    finish = resolve
  })
  const slow = tab({
    lock: work => work(),
    async fetch(url, init) {
      const response = await service.fetch(url, init)
      await held
      return response
    }
  })
  await timers.advance(1_800_000)
  service.revoke('s1')
  const restored = slow.restore()
  await settled()
  await tab({ lock: work => work() }).logIn(LOGIN)
  finish()
  expect(await restored).toBe(false)
  expect(slow.state).toMatchObject({ status: 'ended', reason: 'replaced' })
  expect(storage.stored()).toMatchObject({ sessionId: 's2' })
  expect(await slow.restore()).toBe(true)
})

test('rejects a login with an error of the SDK if the storage fails', async () => {
  const { storage, tab } = setUp()
  const cause = new Error('The disk is full.')
  storage.set = async () => {
    throw cause
  }
  const error: unknown = await tab()
    .logIn(LOGIN)
    .catch(error => error)
  expect(error).toBeInstanceOf(ChatApiError)
  expect(error).toMatchObject({ code: 'no_token', status: 0, cause })
})

test('logs out at the service also if the storage fails', async () => {
  const { service, storage, tab } = setUp()
  const session = tab()
  await session.logIn(LOGIN)
  const token = await session.token()
  storage.get = storage.remove = async () => {
    throw new Error('The disk is gone.')
  }
  await session.logOut()
  expect(session.state).toMatchObject({ status: 'ended', reason: 'logged_out' })
  expect(service.calls.at(-1)).toMatchObject({ path: '/api/auth/logout', body: {}, token })
})

test('rejects a log-out if the storage fails and the service does not know the session', async () => {
  const { service, storage, tab } = setUp()
  const session = tab()
  await session.logIn(LOGIN)
  storage.get = async () => {
    throw new Error('The disk is gone.')
  }
  service.fail({ status: 401, body: { code: 'token_expired' } })
  expect(await failure(session.logOut())).toMatchObject({ code: 'no_token', cause: new Error('The disk is gone.') })
  expect(session.state).toMatchObject({ status: 'ended', reason: 'logged_out' })
})

test('reports a second factor with its challenge, and continues with the code', async () => {
  const { service, tab } = setUp()
  const session = tab()
  expect(await failure(session.logIn({ username: 'ada', password: 'needs-a-code' }))).toMatchObject({
    code: 'second_factor_required',
    challenge: 'c1',
    methods: ['totp', 'recovery_code']
  })
  expect(session.state.status).toBe('none')
  await session.logInWithCode({ challenge: 'c1', code: '123456' })
  expect(service.calls.at(-1)).toMatchObject({
    path: '/api/auth/totp/login',
    body: { challenge: 'c1', code: '123456' }
  })
  expect(session.state).toEqual({ status: 'active', id: 's1' })
})

test('reports a storage that fails, and continues when it works again', async () => {
  const { tab, storage, timers } = setUp()
  const session = tab()
  await session.logIn(LOGIN)
  await timers.advance(1_800_000)
  const { get } = storage
  storage.get = async () => {
    throw new Error('The disk is gone.')
  }
  expect(await failure(session.token())).toMatchObject({
    status: 0,
    code: 'no_token',
    cause: new Error('The disk is gone.')
  })
  storage.get = get
  expect(await session.token()).toMatch(/^s1:/)
})

test('sends the renewed token on the live socket of a client, and goes offline when the session ends', async () => {
  const { service, timers, tab } = setUp()
  const session = tab()
  await session.logIn(LOGIN)
  const sockets: FakeClientSocket[] = []
  class Socket extends FakeClientSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols)
      sockets.push(this)
    }
  }
  const { token } = session
  const timing = { pingInterval: 1e9 }
  const client = createChatClient({
    url: 'http://chat.test',
    token,
    timers,
    timing,
    fetch: service.fetch,
    WebSocket: Socket
  })
  await settled()
  const [socket] = sockets
  socket?.greet()
  await timers.advance(1_740_000)
  const renewed = await session.token()
  expect(socket?.take('auth')).toEqual([{ type: 'auth', token: renewed, ref: 'auth' }])
  expect(service.refreshes).toBe(1)
  service.revoke('s1')
  socket?.end(4401, 'The session was revoked.')
  await settled()
  expect(client.state).toMatchObject({ status: 'offline', reason: 'unauthorized' })
  expect(session.state).toMatchObject({ status: 'ended', reason: 'refused' })
  client.close()
})

test('continues with a service that has no sessions until its token expires', async () => {
  const { timers, tab } = setUp()
  const fetch = async () => ({
    ok: true,
    status: 200,
    headers: { get: () => null },
    text: async () => JSON.stringify({ access_token: 'plain', token_type: 'bearer', expires_in: 1800 })
  })
  const session = tab({ fetch })
  await session.logIn(LOGIN)
  expect(session.state).toEqual({ status: 'active', id: undefined })
  expect(await session.token()).toBe('plain')
  await timers.advance(1_800_000)
  expect(await failure(session.token())).toMatchObject({ status: 401 })
  expect(session.state.status).toBe('ended')
})

test('loses no session over tabs, lost responses and outages, and ends it after a theft', async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('token' as const), tab: fc.nat(2), isRefused: fc.boolean() }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(2_000_000) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('fail' as const),
        how: fc.constantFrom('lost' as const, 'offline' as const, { status: 503 })
      })
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), tab: fc.nat(2) }) }
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, isStolen) => {
      const { service, timers, storage, tab } = setUp()
      const tabs = [tab(), tab(), tab()]
      await tabs[0]?.logIn(LOGIN)
      const ask = async (at: number, isRefused = false): Promise<void> => {
        const { token } = tabs[at] as Session
        const previous = isRefused ? await token().catch(() => undefined) : undefined
        await token(previous === undefined ? undefined : { previous, isRefused }).then(service.use, () => {})
      }
      for (const one of steps) {
        if (one.do === 'token') await Promise.all([ask(one.tab, one.isRefused), ask((one.tab + 1) % 3)])
        if (one.do === 'wait') await timers.advance(one.ms)
        if (one.do === 'fail') service.fail(one.how)
        if (one.do === 'restart') tabs[one.tab] = tab()
      }
      service.fail()
      await timers.advance(1_900_000)
      if (isStolen) {
        service.steal(storage.stored().refreshToken)
      }
      for (const one of tabs) await one.restore()
      expect(service.isRevoked('s1')).toBe(isStolen)
      expect(tabs.map(({ state }) => state.status === 'active')).toEqual(tabs.map(() => !isStolen))
    })
  )
})
