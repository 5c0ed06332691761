/** Tests a read of the database that several readers share. If the read is repeated, each reader must get its entries. */
import { expect, test } from 'vitest'
import { createPageCache } from '../../../src/chat/log/page-cache.ts'

test('a repeated read returns the entries of every reader that shares it', async () => {
  const reads: { from: number; to: number; end(): void }[] = []
  const pages = createPageCache({
    read: (_, from, to) =>
      new Promise<{ seq: number; bytes: number; userId: number }[]>(resolve => {
        const found = Array.from({ length: to - from + 1 }, (_, at) => ({
          seq: from + at,
          bytes: 10,
          userId: from + at
        }))
        reads.push({ from, to, end: () => resolve(found) })
      }),
    firstSeq: async () => undefined
  })
  for (let seq = 1; seq <= 35; seq++) pages.add(1, { seq, bytes: 10, userId: seq })
  const newest = pages.from(1, 40, 40) // For example, limit=1 over HTTP.
  const resumed = pages.from(1, 36, 40) // For example, a subscription with after=35.
  expect(reads.map(({ from, to }) => [from, to])).toEqual([[36, 40]])
  pages.invalidateUsers(new Set([40])) // The author of entry 40 was renamed, so the read is repeated.
  for (const seq of [36, 37, 38]) pages.add(1, { seq, bytes: 10, userId: seq })
  reads[0]?.end()
  await new Promise(setImmediate)
  reads[1]?.end()
  expect((await newest).map(({ seq }) => seq)).toEqual([40])
  expect((await resumed).map(({ seq }) => seq)).toEqual([36, 37, 38, 39, 40])
})
