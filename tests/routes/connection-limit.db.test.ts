/** Tests that WebSockets beyond the limits of the process are rejected before the service does any other work for them. */
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { startChat } from '../support/start-chat.ts'

/** Returns the response to a handshake that is rejected. */
const rejected = async (url: string, token: string, headers: Record<string, string> = {}) => {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/chat`, ['chat.v1', 'bearer', token], { headers })
  socket.on('error', () => {})
  const [, response] = await once(socket, 'unexpected-response')
  response.resume()
  return response
}

test('responds with 503 and a spread Retry-After beyond MAX_CONNECTIONS, also without a valid token', async () => {
  const chat = await startChat({ settings: { maxConnections: 1 } })
  const ann = await chat.register('ann')
  const socket = await chat.join(ann)
  for (const token of [ann.token, 'invalid']) {
    const { statusCode, headers } = await rejected(chat.url, token)
    expect([statusCode, headers['content-type']]).toEqual([503, 'application/problem+json; charset=utf-8'])
    expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1)
  }
  await socket.close()
  const again = () =>
    chat.join(ann).then(
      () => 'accepted',
      () => 'rejected'
    )
  await expect.poll(again).toBe('accepted')
})

test('responds with 503 beyond CONNECT_RATE', async () => {
  const chat = await startChat({ settings: { connectRate: 1 } })
  const ann = await chat.register('ann')
  await chat.join(ann)
  expect((await rejected(chat.url, ann.token)).statusCode).toBe(503)
})

test.each([
  ['an address', ['203.0.113.9']],
  ['a network of IPv6', ['2001:db8:7:1::1', '2001:db8:7:2::1', '2001:db8:7:3::1']]
])(
  'a client of %s that opens WebSockets all the time, without an account, does not keep others out',
  async (_, from) => {
    const chat = await startChat({ settings: { connectRate: 4, trustProxy: ['127.0.0.1'] } })
    const ann = await chat.register('ann')
    const attack = (at: number) => rejected(chat.url, 'invalid', { 'x-forwarded-for': from[at % from.length] ?? '' })
    const responses = await Promise.all(Array.from({ length: 30 }, (_, at) => attack(at)))
    expect(new Set(responses.map(({ statusCode }) => statusCode))).toEqual(new Set([401, 503]))
    const socket = await chat.join(ann)
    await socket.close()
  }
)
