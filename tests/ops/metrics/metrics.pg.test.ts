/** Tests who may read the metrics, and what they contain after every route and frame was used. */
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { freePort } from '../../support/free-port.ts'
import { PASSWORD, type RunningChat, startChat } from '../../support/start-chat.ts'

const TOKEN = 'metrics-token-0123456789'

const scrape = async ({ call }: RunningChat): Promise<string> => {
  const { status, body } = await call('GET', '/metrics', { token: TOKEN })
  expect(status).toBe(200)
  return body
}

const isUnder = (bound: number) => (count: number) => count < bound

const samplesOf = (text: string): string[] => text.split('\n').filter(line => line !== '' && !line.startsWith('#'))

/** Calls every operation of the document, with a token and without one. */
const callAll = async ({ call }: RunningChat, token: string): Promise<void> => {
  const { paths }: { paths: Record<string, Record<string, object>> } = (await call('GET', '/openapi.json')).body
  for (const [path, operations] of Object.entries(paths)) {
    for (const method of Object.keys(operations)) {
      const url = path.replaceAll(/\{\w+\}/g, '1')
      const body = method === 'get' ? {} : { body: {} }
      await call(method.toUpperCase(), url, body)
      // Sends no DELETE with the token, because a DELETE could end the session of the token.
      if (method !== 'delete') await call(method.toUpperCase(), url, { ...body, token })
    }
  }
}

test('serves metrics only to requests with the token', async () => {
  const { call } = await startChat({ settings: { metricsToken: TOKEN } })
  expect((await call('GET', '/metrics')).status).toBe(401)
  for (const token of ['wrong', `${TOKEN}x`, TOKEN.slice(1)])
    expect(await call('GET', '/metrics', { token })).toMatchObject({ status: 401, body: { code: 'invalid_token' } })
  const { status, headers, body } = await call('GET', '/metrics', { token: TOKEN })
  expect([status, headers.get('content-type'), headers.get('cache-control')]).toEqual([
    200,
    expect.stringMatching(/^text\/plain; version=0\.0\.4/),
    'no-store'
  ])
  expect(body).toMatch(/^chat_info\{version="[\d.]+"\} 1$/m)
  expect(body).toMatch(/^nodejs_heap_size_used_bytes \d+$/m)
})

test('has no metrics without a setting', async () => {
  const { call } = await startChat()
  expect((await call('GET', '/metrics', { token: TOKEN })).status).toBe(404)
})

test('serves metrics on a port of their own, and nothing else there', async () => {
  const metricsPort = await freePort()
  const { call } = await startChat({ settings: { metricsPort } })
  expect((await call('GET', '/metrics')).status).toBe(404)
  const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`)
  expect(await response.text()).toContain('chat_connections 0')
  expect((await fetch(`http://127.0.0.1:${metricsPort}/health`)).status).toBe(404)
  expect((await fetch(`http://127.0.0.1:${metricsPort}/metrics`, { method: 'POST' })).status).toBe(404)
})

test('does not start if METRICS_PORT is in use', async () => {
  const metricsPort = await freePort()
  await startChat({ settings: { metricsPort } })
  await expect(startChat({ settings: { metricsPort } })).rejects.toThrow(`METRICS_PORT (metricsPort) ${metricsPort}`)
})

test('counts entries, rejections, resumes, logins, requests and connections', async () => {
  const chat = await startChat({ settings: { metricsToken: TOKEN, messageRateLimit: 2 } })
  const ann = await chat.register('ann')
  const socket = await chat.join(ann)
  for (let at = 0; at < 30; at++) socket.send({ type: 'message', content: 'hello', nonce: `n${at}` })
  await socket.nextOf('error')
  socket.send({ type: 'subscribe', room: 'general', after: 0, ref: 'again' })
  await socket.nextOf('subscribed')
  socket.send({ type: 'subscribe', room: 'general', after: 10_000 })
  await socket.nextOf('resync')
  await chat.call('POST', '/api/auth/login', { body: { username: 'ann', password: `${PASSWORD}x` } })
  const open = await scrape(chat)
  expect(open).toMatch(/^chat_entries_total\{kind="message"\} [1-9]/m)
  expect(open).toMatch(/^chat_rejections_total\{limit="rate_limited"\} [1-9]/m)
  expect(open).toMatch(/^chat_resumes_total\{outcome="resumed"\} 1$/m)
  expect(open).toMatch(/^chat_resumes_total\{outcome="ahead"\} 1$/m)
  expect(open).toMatch(/^chat_logins_total\{outcome="ok"\} 1$/m)
  expect(open).toMatch(/^chat_logins_total\{outcome="invalid_credentials"\} 1$/m)
  expect(open).toMatch(/^chat_http_requests_total\{route="\/api\/auth\/login",status="4xx"\} 1$/m)
  for (const name of ['ack_seconds', 'delivery_lag_seconds', 'fan_out_entries', 'append_batch_entries'])
    expect(open).toMatch(new RegExp(`^chat_${name}_count [1-9]`, 'm'))
  expect(open).toMatch(/^chat_connections 1$/m)
  expect(open).toMatch(/^chat_subscriptions 1$/m)
  expect(open).toMatch(/^chat_ready 1$/m)
  expect(open).toMatch(/^chat_pool_connections \d+$/m)
  expect(open).toMatch(/^chat_outbox_mails 0$/m)
  await socket.close()
  // A client may close with any code from 3000 to 4999, so the service counts all unknown close codes as `other`.
  const other = new WebSocket(`${chat.url.replace('http', 'ws')}/ws/chat`, ['chat.v1', 'bearer', ann.token])
  await once(other, 'open')
  other.close(4999)
  await expect.poll(() => scrape(chat)).toMatch(/^chat_closes_total\{code="other"\} 1$/m)
  expect(await scrape(chat)).toMatch(/^chat_closes_total\{code="1005"\} 1$/m)
})

test('has under 600 series after every route was called, and no name, room or text among them', async () => {
  const chat = await startChat({ settings: { metricsToken: TOKEN } })
  const people = await Promise.all(['ann-unique', 'bob-unique'].map(name => chat.register(name)))
  const [ann] = people
  if (!ann) throw new Error('no user')
  const room = await chat.call('POST', '/api/chat/rooms', {
    token: ann.token,
    body: { room: 'secret-room', title: 'Secret' }
  })
  expect(room.status).toBe(201)
  await callAll(chat, ann.token)
  await chat.call('GET', '/no/such/secret-path')
  const text = await scrape(chat)
  const samples = samplesOf(text)
  const requests = samples.filter(sample => sample.startsWith('chat_http_requests_total'))
  const routes = new Set(requests.map(sample => /route="([^"]+)"/.exec(sample)?.[1]))
  expect(routes.size).toBeGreaterThan(60)
  // The worst case is one sample of each route for each of three response classes: 2xx, 4xx and 5xx.
  const worst = samples.length - requests.length + 3 * routes.size
  expect([samples.length, worst]).toEqual([expect.toSatisfy(isUnder(600)), expect.toSatisfy(isUnder(550))])
  expect(text).not.toMatch(/unique|secret|general|127\.0\.0\.1|::1/)
})
