/**
 * Tests the service behind the proxies of `deploy/`: WebSocket connections, TLS, and the client addresses that the rate limits
 * use.
 */
import { readFileSync } from 'node:fs'
import type { LookupFunction } from 'node:net'
import { describe, expect, test } from 'vitest'
import { PING_INTERVAL_MS } from '../../src/chat/connections/liveness.ts'
import { isAvailable } from '../support/requirements.ts'
import { connect } from '../support/socket-client.ts'
import { PASSWORD, startChat } from '../support/start-chat.ts'
import { caddy, DOMAIN, type Front, nginx, sendRequest } from './front.ts'

const TRUSTING = { trustProxy: ['127.0.0.1'], loginRateLimit: 2 }

const login = (front: Front, from: string, headers: Record<string, string> = {}) =>
  sendRequest(front, '/api/auth/login', {
    from,
    headers,
    body: JSON.stringify({ username: 'nobody', password: PASSWORD })
  })

/** Resolves every name to 127.0.0.1, like an entry in /etc/hosts. */
const toThisMachine: LookupFunction = (_name, { all }, done) =>
  all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)

const connectThrough = (front: Front, token: string, headers: Record<string, string> = {}) => {
  const options = { ca: front.ca(), headers, lookup: toThisMachine }
  return connect(`wss://${DOMAIN}:${front.port}/ws/chat?token=${token}`, options)
}

const portOf = (url: string): number => Number(new URL(url).port)

describe.for([nginx, caddy])('behind $name', proxy => {
  const behind = test.runIf(isAvailable(proxy.name))

  behind('users can chat over TLS, and are disconnected with 1012 when the service restarts', async () => {
    const chat = await startChat({ settings: TRUSTING })
    const front = await proxy.start(portOf(chat.url))
    const [john, jane] = [await chat.register('john'), await chat.register('jane')]
    const [his, hers] = [await connectThrough(front, john.token), await connectThrough(front, jane.token)]
    his.send({ type: 'message', content: 'Hello, world!' })
    expect(await hers.nextOf('message')).toMatchObject({ username: 'john', content: 'Hello, world!' })
    await chat.server.close()
    expect((await hers.closed).code).toBe(1012)
  })

  behind('rate limits use the client’s own address and ignore forged headers', async () => {
    const chat = await startChat({ settings: TRUSTING })
    const front = await proxy.start(portOf(chat.url))
    const statuses = []
    for (let times = 0; times < 3; times += 1) statuses.push((await login(front, '127.0.0.2')).status)
    expect(statuses).toEqual([401, 401, 429])
    const forged = { 'x-real-ip': '203.0.113.7', forwarded: 'for=203.0.113.7', 'x-forwarded-for': '203.0.113.7' }
    for (const [name, value] of Object.entries(forged)) {
      expect((await login(front, '127.0.0.2', { [name]: value })).status, name).toBe(429)
    }
    expect((await login(front, '127.0.0.3')).status).toBe(401)
  })

  behind('a forged header does not use up the rate limit of another address', async () => {
    const chat = await startChat({ settings: TRUSTING })
    const front = await proxy.start(portOf(chat.url))
    const forged = { 'x-forwarded-for': '127.0.0.5' }
    for (let times = 0; times < 3; times += 1) await login(front, '127.0.0.4', forged)
    expect((await login(front, '127.0.0.5')).status).toBe(401)
    // If a client connects directly to the service from a trusted address, the service trusts the forged header. Only a proxy
    // in front of the service prevents this.
    const direct = { method: 'POST', headers: { 'content-type': 'application/json', ...forged } }
    const body = JSON.stringify({ username: 'nobody', password: PASSWORD })
    const statuses = []
    for (let times = 0; times < 2; times += 1) {
      statuses.push((await fetch(`${chat.url}/api/auth/login`, { ...direct, body })).status)
    }
    expect(statuses).toEqual([401, 429])
  })

  behind('a page of the same origin may connect, and a page of another origin may not', async () => {
    const chat = await startChat({ settings: TRUSTING })
    const front = await proxy.start(portOf(chat.url))
    const { token } = await chat.register('john')
    const page = await connectThrough(front, token, { origin: `https://${DOMAIN}:${front.port}` })
    expect((await page.next()).event).toBe('connected')
    const foreign = { origin: 'https://evil.example', 'x-forwarded-host': 'evil.example' }
    await expect(connectThrough(front, token, foreign)).rejects.toThrow('403')
  })

  behind('a body that is too large is rejected by the service with its own problem document', async () => {
    const chat = await startChat({ settings: TRUSTING })
    const front = await proxy.start(portOf(chat.url))
    const { token } = await chat.register('john')
    const { status, headers, text } = await sendRequest(front, '/api/chat/rooms/general/messages', {
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ content: 'x'.repeat(1_200_000) })
    })
    expect({ status, type: headers['content-type'], code: JSON.parse(text).code }).toEqual({
      status: 413,
      type: expect.stringContaining('application/problem+json'),
      code: 'payload_too_large'
    })
  })

  behind('the proxy’s log contains successful and failed requests, but no token', async () => {
    const chat = await startChat({ settings: TRUSTING })
    const front = await proxy.start(portOf(chat.url))
    const { token } = await chat.register('john')
    await (await connectThrough(front, token)).close()
    await expect.poll(() => front.log()).toMatch(/"GET \/ws\/chat" 101|"uri":"\/ws\/chat\?token=REDACTED"/)
    await chat.server.close()
    // Caddy responds with 502. nginx responds with 503, and its log line also contains the 502 of the failed attempt.
    await expect(connectThrough(front, token)).rejects.toThrow(/50[23]$/)
    await expect.poll(() => front.log()).toMatch(/\/ws\/chat.*\b502\b/)
    expect(front.log()).not.toContain(token.slice(-20))
  })
})

test.runIf(isAvailable('nginx'))('nginx redirects plain HTTP to HTTPS', async () => {
  const chat = await startChat()
  const { plainPort } = await nginx.start(portOf(chat.url))
  const response = await fetch(`http://127.0.0.1:${plainPort}/docs?a=b`, { redirect: 'manual' })
  expect({ status: response.status, to: response.headers.get('location') }).toEqual({
    status: 308,
    to: `https://${DOMAIN}/docs?a=b`
  })
})

test('nginx keeps a silent client connected for longer than the service does', () => {
  const conf = readFileSync(new URL('../../deploy/nginx.conf', import.meta.url), 'utf8')
  const [, socket = ''] = conf.split('location = /ws/chat')
  for (const [, name, seconds] of socket.matchAll(/proxy_(read|send)_timeout (\d+)s;/g)) {
    expect(Number(seconds) * 1000, name).toBeGreaterThan(2 * PING_INTERVAL_MS)
  }
  expect([...socket.matchAll(/proxy_(read|send)_timeout/g)]).toHaveLength(2)
})
