import { expect, test } from 'vitest'
import { TokenBucket } from '../../../src/chat/connections/token-bucket.ts'

test('a token bucket allows a burst, and then its rate', () => {
  const bucket = new TokenBucket(10, 30)
  const burst = Array.from({ length: 30 }, () => bucket.take(1000))
  expect(burst.every(wait => wait === 0)).toBe(true)
  expect(bucket.take(1000)).toBe(100)
  expect(bucket.take(1100)).toBe(0)
  expect(bucket.take(1100)).toBe(100)
})

test('a token bucket never holds more than its burst', () => {
  const bucket = new TokenBucket(1, 2)
  expect([bucket.take(1_000_000), bucket.take(1_000_000)]).toEqual([0, 0])
  expect(bucket.take(1_000_000)).toBeGreaterThan(0)
})

test('a clock that goes back neither adds nor removes tokens', () => {
  const bucket = new TokenBucket(1, 1)
  expect(bucket.take(5000)).toBe(0)
  expect(bucket.take(1000)).toBe(1000)
  expect(bucket.take(2000)).toBe(0)
})

test('a rate of 0 disables the limit', () => {
  const bucket = new TokenBucket(0, 0)
  expect(Array.from({ length: 1000 }, () => bucket.take(0)).every(wait => wait === 0)).toBe(true)
})
