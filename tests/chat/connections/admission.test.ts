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
  const attempt = (network = '192.0.2.1'): number => {
    try {
      admit(network)
      return 0
    } catch (error) {
      if (!(error instanceof ChatError) || error.code !== 'busy') throw error
      return error.retryAfterMs ?? -1
    }
  }
  return { clock, state, rejected, attempt }
}

/** Returns the waits of `count` connections, each from another network. */
const fromAll = (attempt: (network: string) => number, count: number): number[] =>
  Array.from({ length: count }, (_, at) => attempt(`10.0.${at >> 8}.${at & 255}`))
/** Returns the waits of `count` connections from one network. */
const fromOne = (attempt: (network: string) => number, count: number, network = '192.0.2.1'): number[] =>
  Array.from({ length: count }, () => attempt(network))

test('admits any number without limits', () => {
  const { attempt } = create({})
  expect(fromOne(attempt, 1000).every(ms => ms === 0)).toBe(true)
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
  expect(fromAll(attempt, 10)).toEqual(Array(10).fill(0))
  const waits = fromAll(attempt, 300)
  expect(rejected).toHaveLength(300)
  expect([waits[0], waits.at(-1)]).toEqual([3000, 31_000])
  state.random = 0
  expect(attempt()).toBe(1000)
  clock.advance(1000)
  expect(fromAll(attempt, 11).filter(ms => ms === 0)).toHaveLength(10)
  // The spread becomes smaller again when few connections are rejected.
  clock.advance(30_000)
  state.random = 1
  const later = fromAll(attempt, 11)
  expect(later.at(-1)).toBe(3000)
})

test('reserves a quarter of the burst for networks that open few connections, whatever other networks attempt', () => {
  const { attempt, clock, rejected } = create({ connectRate: 80 })
  // 60 of the burst of 80. Then 70 of the 80 per second: the others open 10.
  expect(['a', 'b', 'c'].flatMap(network => fromOne(attempt, 80, network)).filter(ms => ms === 0)).toHaveLength(80)
  let admitted = 0
  for (let tenth = 0; tenth < 200; tenth++) {
    clock.advance(100)
    const waits = ['a', 'b'].flatMap(network => fromOne(attempt, 40, network))
    admitted += waits.filter(ms => ms === 0).length
    expect(attempt(`10.0.0.${tenth}`)).toBe(0)
  }
  expect(admitted / 20).toBeGreaterThan(65)
  expect(admitted / 20).toBeLessThanOrEqual(70)
  expect(new Set(rejected)).toEqual(new Set(['connect_rate']))
})

test('lets one network use the whole rate while no other network needs it', () => {
  const { attempt, clock } = create({ connectRate: 80 })
  fromOne(attempt, 200)
  let admitted = 0
  for (let tenth = 0; tenth < 100; tenth++) {
    clock.advance(100)
    admitted += fromOne(attempt, 20).filter(ms => ms === 0).length
  }
  expect(admitted / 10).toBeCloseTo(80, 0)
})

test.each([1, 2, 3, 5])(
  'admits a user with two tabs if CONNECT_RATE is %i, at the latest when Retry-After says',
  rate => {
    const { attempt, clock } = create({ connectRate: rate })
    for (const network of ['192.0.2.1', '192.0.2.1', '198.51.100.1', '198.51.100.1']) {
      const wait = attempt(network)
      clock.advance(wait)
      if (wait > 0) expect(attempt(network)).toBe(0)
    }
  }
)

test('the rejections of one network make the clients of other networks wait at most a little longer', () => {
  const { attempt, state } = create({ maxConnections: 1, connectRate: 100 })
  state.open = 1
  fromOne(attempt, 5000)
  expect(attempt('198.51.100.1')).toBe(3000)
  fromAll(attempt, 1000)
  expect(attempt('198.51.100.2')).toBeGreaterThan(10_000)
})

test('never asks a client to wait for more than a minute', () => {
  const { attempt } = create({ connectRate: 1 })
  expect(Math.max(...fromOne(attempt, 1000))).toBe(59_000)
})

test.each([
  ['as many clients as the process admits in 30 s', 1500, (client: number) => `10.0.${client}`],
  ['also if all are one network', 1500, () => '192.0.2.1']
])('admits %s within a minute if each waits as long as Retry-After says', (_, clients, networkOf) => {
  const { attempt, clock, state } = create({ connectRate: 50 })
  // In the order of their next attempts.
  const waiting = Array.from({ length: clients }, (_, client) => ({ network: networkOf(client), until: 0 }))
  let at = 0
  let seed = 1
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    clock.advance(next.until - at)
    at = next.until
    // A linear congruential generator (Numerical Recipes), so that every run is the same.
    seed = (1_664_525 * seed + 1_013_904_223) % 2 ** 32
    state.random = seed / 2 ** 32
    const ms = attempt(next.network)
    if (ms === 0) continue
    const until = at + ms
    waiting.splice(waiting.findLastIndex(other => other.until <= until) + 1, 0, { ...next, until })
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
