/** Tests the limit of the requests that each network may send to the routes that refresh and end sessions. */
import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { limitNetwork } from '../../plugins/platform.ts'
import { sendProblem } from '../../plugins/problems.ts'
import { fakeClock } from '../support/clock.ts'

test('allows bursts of 500 requests of a network and 50 per second, and does not limit other networks', async () => {
  const clock = fakeClock()
  const fastify = Fastify({ trustProxy: true })
  onTestFinished(() => fastify.close())
  fastify.setErrorHandler(sendProblem)
  fastify.post('/refresh', { preHandler: limitNetwork(clock) }, async () => ({}))
  const post = (address: string) =>
    fastify.inject({ method: 'POST', url: '/refresh', headers: { 'x-forwarded-for': address } })
  const statuses = async (address: string, count: number) => {
    const found = new Map<number, number>()
    for (let at = 0; at < count; at++) {
      const { statusCode } = await post(address)
      found.set(statusCode, (found.get(statusCode) ?? 0) + 1)
    }
    return Object.fromEntries(found)
  }
  expect(await statuses('192.0.2.1', 510)).toEqual({ 200: 500, 429: 10 })
  const rejected = await post('192.0.2.1')
  expect(rejected.json()).toMatchObject({ code: 'rate_limited' })
  expect(rejected.headers['retry-after']).toBe('1')
  expect(await statuses('192.0.2.2', 1)).toEqual({ 200: 1 })
  clock.advance(1000)
  expect(await statuses('192.0.2.1', 60)).toEqual({ 200: 50, 429: 10 })
})
