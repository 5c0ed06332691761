import { expect, test } from 'vitest'
import { TokenBucket } from '../../../src/chat/connections/token-bucket.ts'

test('a budget allows a burst, then its rate', () => {
  const budget = new TokenBucket(10, 30)
  const burst = Array.from({ length: 30 }, () => budget.take(1000))
  expect(burst.every(wait => wait === 0)).toBe(true)
  expect(budget.take(1000)).toBe(100)
  expect(budget.take(1100)).toBe(0)
  expect(budget.take(1100)).toBe(100)
})

test('a budget never saves up more than its burst', () => {
  const budget = new TokenBucket(1, 2)
  expect([budget.take(1_000_000), budget.take(1_000_000)]).toEqual([0, 0])
  expect(budget.take(1_000_000)).toBeGreaterThan(0)
})

test('a clock that goes back gives nothing and takes nothing', () => {
  const budget = new TokenBucket(1, 1)
  expect(budget.take(5000)).toBe(0)
  expect(budget.take(1000)).toBe(1000)
  expect(budget.take(2000)).toBe(0)
})

test('a rate of 0 is no limit', () => {
  const budget = new TokenBucket(0, 0)
  expect(Array.from({ length: 1000 }, () => budget.take(0)).every(wait => wait === 0)).toBe(true)
})
