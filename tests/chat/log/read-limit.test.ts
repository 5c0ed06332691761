import { expect, test } from 'vitest'
import { createReadLimit } from '../../../src/chat/log/read-limit.ts'
import { fakeClock } from '../../support/clock.ts'

const start = (readRate: number) => {
  const clock = fakeClock()
  const limit = createReadLimit({ clock, readRate })
  /** Requests a read that ends when `end` is called. `began` becomes true when the limit allows the read to start. */
  const read = (userId: number, entries = 1) => {
    const state = { began: false, end: () => {}, entered: Promise.resolve() }
    const onEnd = (ended: () => void) => {
      state.end = ended
    }
    state.entered = Promise.resolve(limit.enter({ userId, entries, onEnd })).then(() => {
      state.began = true
    })
    state.entered.catch(() => {})
    return state
  }
  return { clock, limit, read }
}

const settled = () => new Promise(setImmediate)

test('a user may read at the rate and in bursts, and 50 entries count as one read', async () => {
  const { clock, read } = start(2)
  for (const entries of [1, 50, 51, 750]) {
    const one = read(1, entries)
    await one.entered
    one.end()
  }
  // The bucket holds 20 tokens, which are refilled in ten seconds. The reads above cost 1 + 1 + 2 + 15 tokens.
  await expect(read(1, 200).entered).rejects.toMatchObject({ code: 'rate_limited', retryAfterMs: 1500 })
  await read(2, 200).entered
  clock.advance(1500)
  await read(1, 200).entered
})

test('a read that costs more than the burst is allowed when the bucket is full', async () => {
  const { clock, read } = start(1)
  await read(1, 1000).entered
  await expect(read(1, 1000).entered).rejects.toMatchObject({ retryAfterMs: 10_000 })
  clock.advance(10_000)
  await read(1, 1000).entered
})

test('a rate of 0 disables the rate limit', async () => {
  const { read } = start(0)
  for (let at = 0; at < 1000; at++) {
    const one = read(1, 1000)
    await one.entered
    one.end()
  }
})

test('a user has at most eight concurrent responses, and the next one starts when one ends', async () => {
  const { read } = start(0)
  const reads = Array.from({ length: 10 }, () => read(1))
  const other = read(2)
  await settled()
  expect(reads.map(({ began }) => began)).toEqual([...Array(8).fill(true), false, false])
  expect(other.began).toBe(true)
  reads[3]?.end()
  await settled()
  expect(reads.map(({ began }) => began)).toEqual([...Array(9).fill(true), false])
})

test('a request is rejected after it has waited five seconds for an unread response', async () => {
  const { clock, read } = start(0)
  const reads = Array.from({ length: 9 }, () => read(1))
  clock.advance(4000)
  const late = read(1)
  clock.advance(1000)
  await expect(reads[8]?.entered).rejects.toMatchObject({ code: 'rate_limited' })
  reads[0]?.end()
  await late.entered
  expect(reads[8]?.began).toBe(false)
})

test('at most a hundred requests of a user wait, and further ones are rejected', async () => {
  const { read } = start(0)
  for (let at = 0; at < 108; at++) read(1)
  await expect(read(1).entered).rejects.toMatchObject({ code: 'rate_limited' })
  await read(2).entered
})

test('all users together have at most 512 concurrent responses and 2,000 waiting requests', async () => {
  const { read } = start(0)
  const reads = Array.from({ length: 512 + 2000 }, (_, at) => read(Math.floor(at / 8)))
  await settled()
  expect(reads.filter(({ began }) => began)).toHaveLength(512)
  await expect(read(9999).entered).rejects.toMatchObject({ code: 'busy' })
})

test('a request is rejected as `busy` after it has waited five seconds for the responses of other users', async () => {
  const { clock, read } = start(0)
  for (let at = 0; at < 512; at++) read(Math.floor(at / 8))
  const late = read(9999)
  clock.advance(5000)
  await expect(late.entered).rejects.toMatchObject({ code: 'busy' })
})

test('a user is removed from memory when idle, but not while a response is in progress', async () => {
  const { clock, read } = start(1)
  const under = read(1, 500)
  await under.entered
  clock.advance(60_000)
  const reads = Array.from({ length: 8 }, () => read(1))
  await settled()
  expect(reads.filter(({ began }) => began)).toHaveLength(7)
})
