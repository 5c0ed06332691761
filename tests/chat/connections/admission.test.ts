/** Tests the limits of WebSockets per process, and how the service spreads the times at which rejected clients try again. */
import { expect, test } from 'vitest'
import { createAdmission } from '../../../src/chat/connections/admission.ts'
import { defaultMaxConnections } from '../../../src/ops/max-connections.ts'
import { ChatError } from '../../../src/protocol/errors.ts'
import { fakeClock } from '../../support/clock.ts'

const create = (limits: { maxConnections?: number; connectRate?: number }) => {
  const clock = fakeClock()
  const state = { open: 0, random: 1 }
  const rejected: string[] = []
  const admit = createAdmission({
    clock,
    maxConnections: 0,
    connectRate: 0,
    ...limits,
    open: () => state.open,
    onRejected: limit => rejected.push(limit),
    random: () => state.random
  })
  /** Returns 0 if the connection is admitted, or else the wait in milliseconds. */
  const attempt = (): number => {
    try {
      admit()
      return 0
    } catch (error) {
      if (!(error instanceof ChatError)) throw error
      expect(error.code).toBe('busy')
      return error.retryAfterMs ?? -1
    }
  }
  return { clock, state, rejected, attempt }
}

test('admits any number without limits', () => {
  const { attempt } = create({})
  expect(Array.from({ length: 1000 }, attempt).every(ms => ms === 0)).toBe(true)
})

test('rejects connections beyond MAX_CONNECTIONS until one has closed', () => {
  const { attempt, state, rejected } = create({ maxConnections: 2 })
  state.open = 2
  expect(attempt()).toBeGreaterThan(0)
  expect(rejected).toEqual(['max_connections'])
  state.open = 1
  expect(attempt()).toBe(0)
})

test('admits CONNECT_RATE per second, and spreads the others over the time that they need', () => {
  const { attempt, clock, state, rejected } = create({ connectRate: 10 })
  expect(Array.from({ length: 10 }, attempt)).toEqual(Array(10).fill(0))
  const waits = Array.from({ length: 300 }, attempt)
  expect(rejected).toHaveLength(300)
  expect([waits[0], waits.at(-1)]).toEqual([3000, 31_000])
  state.random = 0
  expect(attempt()).toBe(1000)
  clock.advance(1000)
  expect(Array.from({ length: 11 }, attempt).filter(ms => ms === 0)).toHaveLength(10)
  // The spread becomes smaller again when few connections are rejected.
  clock.advance(30_000)
  state.random = 1
  const later = Array.from({ length: 11 }, attempt)
  expect(later.at(-1)).toBe(3000)
})

test('never asks a client to wait for more than a minute', () => {
  const { attempt } = create({ connectRate: 1 })
  expect(Math.max(...Array.from({ length: 10_000 }, attempt))).toBe(59_000)
})

test('admits every client within a minute if each waits as long as Retry-After says', () => {
  const { attempt, clock, state } = create({ connectRate: 50 })
  // The time of the next attempt of each waiting client. There are as many clients as the process admits in 30 s.
  let waiting = Array.from({ length: 1500 }, () => 0)
  let at = 0
  let seed = 1
  while (waiting.length > 0) {
    waiting.sort((one, other) => one - other)
    const [next = 0, ...others] = waiting
    clock.advance(next - at)
    at = next
    // A linear congruential generator (Numerical Recipes), so that every run is the same.
    seed = (1_664_525 * seed + 1_013_904_223) % 2 ** 32
    state.random = seed / 2 ** 32
    const ms = attempt()
    waiting = ms === 0 ? others : [...others, at + ms]
  }
  expect(at).toBeLessThan(60_000)
})

test('calculates the default from the memory and the limit of open files', () => {
  const gib = 2 ** 30
  expect(defaultMaxConnections({ memory: gib, openFiles: 100_000 })).toBe(12_288)
  expect(defaultMaxConnections({ memory: 4 * gib, openFiles: 1024 })).toBe(824)
  expect(defaultMaxConnections({ memory: gib / 4, openFiles: 1024 })).toBe(100)
  expect(defaultMaxConnections()).toBeGreaterThanOrEqual(100)
})
