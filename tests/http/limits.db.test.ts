/** Tests the rate limits of registration, login and room creation: which requests they count, and which address they use. */
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createServer } from '../../src/server.ts'
import { testDatabase } from '../support/database.ts'
import { testSettings } from '../support/settings.ts'
import { PASSWORD, startChat } from '../support/start-chat.ts'

test('an invalid registration does not count towards the rate limit', async () => {
  const { call } = await startChat({ settings: { registerRateLimit: 2 } })
  const register = (body: unknown, headers = {}) => call('POST', '/api/auth/register', { body, headers })
  const invalid: [unknown, number, object?][] = [
    [{ username: 'a!', password: 'x' }, 422],
    [{}, 422],
    ['{"username":', 400, { 'content-type': 'application/json' }],
    ['username=john', 415, { 'content-type': 'application/x-www-form-urlencoded' }],
    [{ username: 'x'.repeat(20_000) }, 413]
  ]
  for (const [body, status, headers] of invalid) expect((await register(body, headers)).status).toBe(status)
  const statuses = []
  for (const username of ['one', 'two', 'three']) {
    statuses.push((await register({ username, password: PASSWORD })).status)
  }
  expect(statuses).toEqual([201, 201, 429])
})

test('an invalid request to create a room does not count towards the rate limit', async () => {
  const { call, register } = await startChat()
  const { token } = await register('john')
  for (let at = 0; at < 12; at++) {
    expect((await call('POST', '/api/chat/rooms', { token, body: { room: 'No Room' } })).status).toBe(422)
  }
  expect((await call('POST', '/api/chat/rooms', { token, body: { room: 'room' } })).status).toBe(201)
})

test('the login limit ignores the port that a proxy appends to the client’s address', async () => {
  const { call, log } = await startChat({ settings: { loginRateLimit: 2, trustProxy: ['loopback', '10.0.0.0/8'] } })
  const login = async (forwarded: string) => {
    const headers = { 'x-forwarded-for': forwarded }
    const body = { username: 'nobody', password: PASSWORD }
    return (await call('POST', '/api/auth/login', { body, headers })).status
  }
  expect(await login('203.0.113.2:40001')).toBe(401)
  expect(await login('203.0.113.2:40002, 10.0.0.5:443')).toBe(401)
  expect(await login('203.0.113.2:40003')).toBe(429)
  expect(await login('198.51.100.1, 203.0.113.2')).toBe(429)
  expect(await login('203.0.113.3:40001')).toBe(401)
  expect(await login('[2001:db8::1]:1')).toBe(401)
  expect(await login('2001:db8::2')).toBe(401)
  expect(await login('"[2001:db8::3]:3"')).toBe(429)
  expect(log()).toContain('"address":"203.0.113.2"')
  expect(log()).not.toContain('40001')
})

test('clients on a Unix socket can log in without an address, and share one rate limit', async () => {
  const database = await testDatabase()
  const settings = testSettings({ databaseSchema: database.schema, loginRateLimit: 1 })
  const lines: string[] = []
  const logTo = { write: (line: string) => void lines.push(line) }
  const server = await createServer({ settings, client: database.client, logTo })
  onTestFinished(() => server.close())
  const socketPath = join(tmpdir(), `${database.schema}.sock`)
  await server.listen({ path: socketPath })
  const login = () =>
    new Promise<number | undefined>((resolve, reject) => {
      const headers = { 'content-type': 'application/json' }
      const sent = request({ socketPath, method: 'POST', path: '/api/auth/login', headers }, response => {
        response.resume().once('end', () => resolve(response.statusCode))
      })
      sent.once('error', reject).end(JSON.stringify({ username: 'nobody', password: PASSWORD }))
    })
  expect([await login(), await login()]).toEqual([401, 429])
  expect(lines.join('')).toContain('"address":"unknown"')
})
