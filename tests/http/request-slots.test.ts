/** Tests how many requests of clients that are not logged in are handled at the same time. */
import { expect, test } from 'vitest'
import { createRequestSlots } from '../../src/http/request-slots.ts'

/** Adds requests, and counts those that are handled, per network. */
const start = () => {
  const add = createRequestSlots(10)
  const handled: Record<string, number> = {}
  const enter = (network: string) => {
    const request = add(network)
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

test('handles requests of a network again after all of them have ended', () => {
  const { handled, enterMany } = start()
  for (const request of enterMany('a', 100)) request.end()
  expect(handled).toEqual({ a: 100 })
  enterMany('a', 10)
  expect(handled).toEqual({ a: 104 })
})
