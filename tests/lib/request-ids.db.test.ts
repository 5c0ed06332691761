/**
 * Tests that the log contains the request id of each logged problem document and `error` frame, even if one line stands for
 * several errors.
 */
import { expect, test } from 'vitest'
import { fakeClock } from '../support/clock.ts'
import { startChat } from '../support/start-chat.ts'

test('the log names the request id of every failed request and connection', async () => {
  const clock = fakeClock(Date.now())
  const { server, database, register, join, call, log } = await startChat({ clock, settings: { logLevel: 'warn' } })
  const john = await register('john')
  const clients = [await join(john), await join(john), await join(john)]
  const original = database.client.query
  Object.assign(database.client, { query: () => Promise.reject(new Error('boom')) })

  const reported: unknown[] = []
  for (const client of clients) {
    client.send({ type: 'message', content: 'hello', ref: 'r' })
    const { code, instance } = await client.nextOf('error')
    expect(code).toBe('unavailable')
    reported.push(instance)
  }
  for (const id of ['request-1', 'request-2', 'request-3']) {
    const headers = { 'x-request-id': id }
    const { body } = await call('GET', '/api/chat/rooms/elsewhere/messages', { token: john.token, headers })
    expect(body).toMatchObject({ instance: id })
    reported.push(id)
  }
  Object.assign(database.client, { query: original })
  clock.advance(10_000)
  await server.close()

  expect(new Set(reported).size).toBe(6)
  const lines = log()
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line))
  const named = lines
    .filter(({ msg }) => msg === 'failed to handle a frame' || msg === 'the request failed')
    .flatMap(({ reqId, requests = [] }) => [reqId, ...requests])
  expect(named).toEqual(expect.arrayContaining(reported))
})

test('an error of the client, which is not logged, has no request id', async () => {
  const { register, join } = await startChat()
  const client = await join(await register('john'))
  client.send({ type: 'message', content: '' })
  expect(await client.nextOf('error')).not.toHaveProperty('instance')
})
