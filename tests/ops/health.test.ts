import { describe, expect, test } from 'vitest'
import { createHealth, type HealthChecks } from '../../src/ops/health.ts'
import { fakeClock } from '../support/clock.ts'

const start = async (first: 'ok' | 'read_only' | Error = 'ok') => {
  const clock = fakeClock()
  const state = { database: first as 'ok' | 'read_only' | Error | Promise<'ok'>, msSinceHeartbeat: 0, pings: 0 }
  const failures: HealthChecks[] = []
  const monitor = createHealth({
    clock,
    pingDatabase: async () => {
      state.pings++
      if (state.database instanceof Error) throw state.database
      return state.database
    },
    msSinceHeartbeat: () => state.msSinceHeartbeat,
    onFailure: checks => failures.push(checks)
  })
  await monitor.start()
  const seconds = async (count: number): Promise<void> => {
    for (let at = 0; at < count; at++) {
      clock.advance(1000)
      await new Promise(setImmediate)
    }
  }
  return { monitor, state, seconds, failures }
}

describe('the health monitor', () => {
  test('it checks the database once per second, regardless of how often its state is read', async () => {
    const { monitor, state, seconds } = await start()
    expect(state.pings).toBe(1)
    for (let at = 0; at < 1000; at++) expect([monitor.isReady, monitor.latest.database]).toEqual([true, 'ok'])
    expect(state.pings).toBe(1)
    await seconds(10)
    expect(state.pings).toBe(11)
    monitor.stop()
    await seconds(10)
    expect(state.pings).toBe(11)
  })

  test.each([
    ['unreachable', { database: new Error('down') }, { database: 'unavailable', listening: 'ok' }],
    ['read-only', { database: 'read_only' as const }, { database: 'read_only', listening: 'ok' }],
    ['without notifications for 30 s', { msSinceHeartbeat: 30_000 }, { database: 'ok', listening: 'deaf' }]
  ])(
    'it is not ready after 3 checks in a row that find it %s, and ready after 2 that do not',
    async (_, bad, found) => {
      const { monitor, state, seconds, failures } = await start()
      Object.assign(state, bad)
      await seconds(2)
      expect(monitor.isReady).toBe(true)
      expect(monitor.latest).toEqual(found)
      Object.assign(state, { database: 'ok', msSinceHeartbeat: 29_999 })
      await seconds(1)
      Object.assign(state, bad)
      await seconds(2)
      expect(monitor.isReady).toBe(true)
      await seconds(1)
      expect(monitor.isReady).toBe(false)
      expect(failures).toHaveLength(5)
      Object.assign(state, { database: 'ok', msSinceHeartbeat: 0 })
      await seconds(1)
      expect(monitor.isReady).toBe(false)
      await seconds(1)
      expect(monitor.isReady).toBe(true)
    }
  )

  test('it is ready after the first check if that check succeeds, and is not ready if it fails', async () => {
    expect((await start()).monitor.isReady).toBe(true)
    expect((await start(new Error('down'))).monitor.isReady).toBe(false)
    const { monitor } = await start('read_only')
    expect([monitor.isReady, monitor.latest.database]).toEqual([false, 'read_only'])
  })

  test('it sends no second query to a database that has not yet responded to the first', async () => {
    const { state, seconds } = await start()
    let respond = (_: 'ok') => {}
    state.database = new Promise<'ok'>(resolve => {
      respond = resolve
    })
    await seconds(5)
    expect(state.pings).toBe(2)
    respond('ok')
    state.database = 'ok'
    await new Promise(setImmediate)
    await seconds(1)
    expect(state.pings).toBe(3)
  })
})

test('the first check does not overlap with the next one', async () => {
  const clock = fakeClock()
  const pings: ((result: 'ok') => void)[] = []
  const monitor = createHealth({
    clock,
    pingDatabase: () => new Promise(resolve => pings.push(resolve)),
    msSinceHeartbeat: () => 0,
    onFailure: () => {}
  })
  const started = monitor.start()
  clock.advance(1000)
  expect(pings).toHaveLength(1)
  pings[0]?.('ok')
  await started
  clock.advance(1000)
  expect(pings).toHaveLength(2)
  monitor.stop()
})
