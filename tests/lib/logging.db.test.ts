/** Tests that the log of a whole run contains no secrets and no content. */
import { expect, test } from 'vitest'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'
import { connect } from '../support/socket-client.ts'
import { PASSWORD, startChat } from '../support/start-chat.ts'

test('logs no token, password, hash or message text in a whole run', async () => {
  const { call, register, join, url, log, database, server } = await startChat({
    settings: { logLevel: 'trace', registerRateLimit: 3 }
  })
  const john = await register('john')
  const client = await join(john)
  const socketUrl = `${url.replace('http', 'ws')}/ws/chat`
  client.send({ type: 'message', content: 'whispered text', meta: { hint: 'whispered meta' }, nonce: 'n1' })
  await client.nextOf('message')
  client.send('{"type":"message","content":"whispered text","meta":[]}')
  client.send({ type: 'auth', token: john.token })
  client.send({ type: 'auth', token: `${john.token}x` })
  await client.untilPong()
  await call('GET', `/api/chat/messages?token=${john.token}`, { token: john.token })
  await call('GET', `/nowhere?token=${john.token}`)
  await call('GET', `/nowhere/${john.token}`)
  await call('GET', `/ws/chat?%74oken=${john.token}`)
  await call('GET', `/%zz?token=${john.token}`)
  await call('GET', '/api/users/me', { token: `${john.token}x`, headers: { 'x-request-id': john.token } })
  await call('POST', '/api/auth/login', { body: { username: 'john', password: 'WrongPass123' } })
  await call('POST', '/api/auth/login', { body: `{"username":"john","password":"${PASSWORD}"` })
  await call('POST', '/api/auth/register', { body: { username: 'john', password: PASSWORD } })
  await call('POST', '/api/auth/register', { body: { username: 'x', password: 'WrongPass123' } })
  await call('POST', '/api/auth/register', { body: { username: 'late', password: PASSWORD } })
  await connect(`${socketUrl}?token=${john.token}x`).catch(() => {})
  for (const path of ['/ws/chat/nowhere', '/', '/health', '/openapi.json', '/docs/', '/%zz']) {
    const upgrade = connect(`${url.replace('http', 'ws')}${path}?token=${john.token}`)
    await expect(upgrade, path).rejects.toThrow(/200|302|40[04]/)
  }

  // Simulates a database error that quotes a row.
  const original = database.client.query
  Object.assign(database.client, {
    query: () => Promise.reject(Object.assign(new Error('boom'), { detail: 'Failing row contains (whispered text).' }))
  })
  client.send({ type: 'message', content: 'whispered text', ref: 'last' })
  while ((await client.nextOf('error')).ref !== 'last');
  Object.assign(database.client, { query: original })
  await server.close()

  const text = log()
  expect(text).toContain('incoming request')
  expect(text).toContain('an append failed')
  for (const secret of [
    john.token,
    john.token.split('.')[1] ?? '',
    PASSWORD,
    'WrongPass123',
    SECRET_KEY,
    ENCRYPTION_KEY
  ]) {
    expect(text.includes(secret)).toBe(false)
  }
  expect(text).not.toMatch(/whispered|\$2b\$|gAAAAA|eyJhbGci/)
  for (const line of text.trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow()
})
