/**
 * Tests that the routes that need or issue tokens respond with 503 while the database is unreachable. The outage must not end a
 * session.
 */
import { expect, inject, onTestFinished, test } from 'vitest'
import { openClient } from '../../src/db/client/open.ts'
import { createDatabase } from '../../src/db/database.ts'
import { startProxy } from '../chaos/proxy.ts'
import { testDatabase } from '../support/database.ts'
import { freePort } from '../support/free-port.ts'
import { PASSWORD, startChat } from '../support/start-chat.ts'

const CHALLENGE = 'A'.repeat(43)

test('requests that need or issue a token get 503 with Retry-After while the database is away, and then work again', async () => {
  const { schema } = await testDatabase()
  const url = new URL(inject('testListenUrl'))
  const port = Number(url.port || 5432)
  const proxy = await startProxy(port)
  onTestFinished(() => proxy.close())
  url.port = String(proxy.port)
  const client = await openClient({ url: url.href, poolMax: 5, responseMs: 1000 })
  onTestFinished(() => client.close())
  const { call, register } = await startChat({ database: createDatabase(client, schema) })
  await register('john')
  const credentials = { username: 'john', password: PASSWORD }
  const { body } = await call('POST', '/api/auth/login', { body: { ...credentials, session: true } })
  const { access_token: token, refresh_token, session_id } = body

  // biome-ignore format: one request per line is a table.
  const requests: readonly (readonly [method: string, path: string, body?: object])[] = [
    ['POST', '/api/auth/login', credentials],
    ['POST', '/api/auth/register', { username: 'jane', password: PASSWORD }],
    ['POST', '/api/auth/refresh', { refresh_token }],
    ['POST', '/api/auth/logout', { refresh_token }],
    ['POST', '/api/auth/logout-all'],
    ['POST', '/api/auth/proof', { password: PASSWORD }],
    ['POST', '/api/auth/totp/login', { challenge: CHALLENGE, code: '123456' }],
    ['POST', '/api/auth/password/reset', { token: CHALLENGE, password: PASSWORD }],
    ['POST', '/api/auth/email/verify', { token: CHALLENGE }],
    ['GET', '/api/auth/sessions'],
    ['DELETE', `/api/auth/sessions/${session_id}`],
    ['GET', '/api/users/me'],
    ['POST', '/api/users/me/password', { new: 'OtherPass456' }]
  ]

  proxy.redirect(await freePort())
  proxy.cut()
  // Polls, because the service caches the user for half a second, and requests succeed until then.
  await expect.poll(async () => (await call('GET', '/api/users/me', { token })).status).toBe(503)
  await Promise.all(
    requests.map(async ([method, path, given]) => {
      const { status, headers, body } = await call(method, path, { token, body: given })
      expect({ path, status, code: body.code }).toEqual({ path, status: 503, code: 'unavailable' })
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    })
  )
  proxy.redirect(port)
  const refresh = () => call('POST', '/api/auth/refresh', { body: { refresh_token } })
  await expect.poll(async () => (await refresh()).status).toBe(200)
  expect((await call('GET', '/api/users/me', { token })).status).toBe(200)
  expect((await call('POST', '/api/auth/login', { body: credentials })).status).toBe(200)
})
