/** Tests the estimate of a ratio. */
import { expect, test } from 'vitest'
import { intervalOf } from './interval.ts'

test('returns the geometric mean with the interval of Student’s t distribution', () => {
  const { lower, ratio, upper } = intervalOf([1, 2, 4])
  expect(ratio).toBeCloseTo(2)
  // The logarithms to base 2 are 0, 1 and 2, so the standard error is 1 / sqrt(3).
  expect(Math.log2(upper)).toBeCloseTo(1 + 4.303 / Math.sqrt(3))
  expect(Math.log2(lower)).toBeCloseTo(1 - 4.303 / Math.sqrt(3))
})

test('returns an interval without width for equal ratios', () => {
  expect(intervalOf([1.5, 1.5])).toEqual({ lower: 1.5, ratio: 1.5, upper: 1.5 })
})
