import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { fakeClock } from '../support/clock.ts'
import { startChat } from '../support/start-chat.ts'

test('reads above the rate limit of a user get 429 with Retry-After', async () => {
  const clock = fakeClock(Date.now())
  const { call, register } = await startChat({ clock, settings: { readRateLimit: 2 } })
  const [john, jane] = [await register('john'), await register('jane')]
  const read = (token: string, path = '/api/chat/messages?limit=1000') => call('GET', path, { token })
  expect((await read(john.token)).status).toBe(200)
  for (const path of [
    '/api/chat/messages?limit=1000',
    '/api/chat/rooms/general/messages?limit=1000',
    '/api/chat/rooms?limit=1000',
    '/api/chat/rooms/general',
    '/api/chat/rooms/general/presence',
    '/api/users/me'
  ]) {
    const { status, headers, body } = await read(john.token, path)
    expect([path, status, body.code]).toEqual([path, 429, 'rate_limited'])
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
  }
  expect((await read(jane.token)).status).toBe(200)
  const posted = await call('POST', '/api/chat/rooms/general/messages', { token: john.token, body: { content: 'x' } })
  expect(posted.status).toBe(201)
  clock.advance(10_000)
  expect((await read(john.token)).status).toBe(200)
})

test('a hundred pipelined reads all get a response, and most of them are 429', async () => {
  const { url, register, settings } = await startChat()
  const { token } = await register('john')
  expect(settings.readRateLimit).toBe(20)
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  const last = 'connection: close\r\n'
  for (let at = 1; at <= 100; at++) {
    const head = `host: x\r\nauthorization: Bearer ${token}\r\n${at === 100 ? last : ''}`
    socket.write(`GET /api/chat/messages?limit=1000 HTTP/1.1\r\n${head}\r\n`)
  }
  let text = ''
  socket.on('data', data => {
    text += data
  })
  await once(socket, 'close')
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
  expect(statuses).toHaveLength(100)
  expect(statuses.slice(0, 10)).toEqual(Array(10).fill('200'))
  expect(statuses.filter(status => status === '429').length).toBeGreaterThan(80)
})
