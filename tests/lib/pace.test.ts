/** Tests the size of batches and the pauses between them. */
import { expect, test } from 'vitest'
import { createPace } from '../../src/lib/pace.ts'

/** Runs `count` batches. Each row takes `msPerRow` milliseconds. Returns the number of rows of each batch. */
const rowsOf = async ({
  msPerRow,
  count,
  maxRows = 500,
  ...options
}: {
  msPerRow: number
  count: number
  maxRows?: number
  batchMs?: number
}) => {
  let now = 0
  const pace = createPace({ monotonic: () => now }, { maxRows, ratio: 0, ...options })
  const sizes: number[] = []
  while (sizes.length < count)
    await pace.run(async rows => {
      sizes.push(rows)
      now += rows * msPerRow
    })
  return sizes
}

test('a batch that takes too long makes the next one smaller, but not smaller than 20 rows', async () => {
  expect((await rowsOf({ msPerRow: 0.4, count: 5 })).slice(1)).toEqual([50, 50, 50, 50])
  expect((await rowsOf({ msPerRow: 0.1, count: 3, batchMs: 5 })).slice(1)).toEqual([50, 50])
  expect((await rowsOf({ msPerRow: 100, count: 3 })).slice(1)).toEqual([20, 20])
})

test('fast batches grow step by step up to the maximum', async () => {
  expect(await rowsOf({ msPerRow: 0.001, count: 6 })).toEqual([100, 150, 225, 338, 500, 500])
  expect(await rowsOf({ msPerRow: 0.001, count: 3, maxRows: 30 })).toEqual([30, 30, 30])
  expect(await rowsOf({ msPerRow: 100, count: 3, maxRows: 10 })).toEqual([10, 10, 10])
})
