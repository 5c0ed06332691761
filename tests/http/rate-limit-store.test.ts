/** Tests the store of the rate limits: how often it uses the database. tests/http/limits.db.test.ts tests the limits. */
import { expect, test } from 'vitest'
import { rateLimitStore } from '../../src/http/rate-limit-store.ts'
import { fakeClock } from '../support/clock.ts'

const [MAX, WINDOW_MS] = [5, 60_000]

const start = () => {
  const clock = fakeClock()
  const hits: string[] = []
  let isFailing = false
  let atOnce = 0
  const Store = rateLimitStore(
    {
      async hit(key) {
        hits.push(key)
        expect(++atOnce).toBe(1)
        await new Promise(setImmediate)
        atOnce--
        if (isFailing) throw new Error('The database failed.')
        return { current: hits.length, ttlMs: WINDOW_MS }
      }
    },
    clock
  )
  const store = new Store({} as never)
  const count = (key = 'a') =>
    new Promise<{ current: number; ttl: number }>((resolve, reject) =>
      store.incr(key, (error, result) => (error || !result ? reject(error) : resolve(result)), WINDOW_MS, MAX)
    )
  return {
    clock,
    hits,
    count,
    fail: (next: boolean) => {
      isFailing = next
    }
  }
}

test('counts the requests of a key one after another, and in memory after the limit is reached', async () => {
  const { hits, count } = start()
  const counted = await Promise.all(Array.from({ length: 250 }, () => count()))
  expect(counted.map(({ current }) => current)).toEqual(Array.from({ length: 250 }, (_, at) => at + 1))
  expect(hits).toHaveLength(MAX + 1)
})

test('counts in the database again when the period has ended', async () => {
  const { clock, hits, count } = start()
  await Promise.all(Array.from({ length: 10 }, () => count()))
  clock.advance(WINDOW_MS - 1)
  expect(await count()).toEqual({ current: 11, ttl: 1 })
  clock.advance(1)
  await count()
  expect(hits).toHaveLength(MAX + 2)
})

test('fails all waiting requests of a key if the database fails, and counts later ones', async () => {
  const { hits, count, fail } = start()
  fail(true)
  const failed = await Promise.allSettled(Array.from({ length: 100 }, () => count()))
  expect(new Set(failed.map(({ status }) => status))).toEqual(new Set(['rejected']))
  expect(hits).toHaveLength(1)
  fail(false)
  expect(await count()).toMatchObject({ current: 2 })
})
