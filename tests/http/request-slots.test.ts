/** Tests how many requests of clients that are not logged in are handled at the same time. */
import { expect, test } from 'vitest'
import { createRequestSlots } from '../../src/http/request-slots.ts'

/** Queues requests, and counts those that are handled, per network. */
const start = () => {
  const queue = createRequestSlots(10)
  const handled: Record<string, number> = {}
  const enter = (network: string) => {
    const request = queue(network)
    request.begin(() => {
      handled[network] = (handled[network] ?? 0) + 1
    })
    return request
  }
  const enterMany = (network: string, count: number) => Array.from({ length: count }, () => enter(network))
  return { handled, enter, enterMany }
}

test('handles four requests of a network at the same time, and the next when one ends', () => {
  const { handled, enter, enterMany } = start()
  const [first] = enterMany('a', 20)
  expect(handled).toEqual({ a: 4 })
  enter('b')
  expect(handled).toEqual({ a: 4, b: 1 })
  first?.end()
  expect(handled).toEqual({ a: 5, b: 1 })
})

test('handles half as many requests of all networks as there are connections, and lets no network keep the others out', () => {
  const { handled, enter, enterMany } = start()
  const [first, second] = enterMany('a', 100)
  enterMany('b', 100)
  expect(handled).toEqual({ a: 4, b: 1 })
  enter('c')
  for (const request of [first, second]) request?.end()
  expect(handled).toEqual({ a: 4, b: 3 })
})

test('rejects a request if too many of its network are queued, and accepts requests again when they have ended', () => {
  const { enter, enterMany } = start()
  const requests = enterMany('a', 500)
  expect(() => enter('a')).toThrow(expect.objectContaining({ code: 'rate_limited' }))
  enter('b')
  for (const request of requests) request.end()
  expect(enterMany('a', 500)).toHaveLength(500)
})

test('rejects a request if too many of all networks are queued', () => {
  const { enter, enterMany } = start()
  for (let at = 0; at < 10; at++) enterMany(`network-${at}`, 500)
  expect(() => enter('another')).toThrow(expect.objectContaining({ code: 'unavailable' }))
})
