/** Tests that the PostgreSQL bus receives its own heartbeats, and that it detects when notifications no longer arrive. */
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createPostgresBus } from '../../src/bus/drivers/postgres.ts'
import type { Notifications } from '../../src/db/client/types.ts'
import { fakeClock } from '../support/clock.ts'

const silent = { grown() {}, event() {}, reset() {} }
const turn = (): Promise<void> => new Promise(setImmediate)

const start = async ({ losesNotifications = false } = {}) => {
  const clock = fakeClock()
  let deliver: (payload: string) => void = () => {}
  const state = {
    losesNotifications,
    listens: 0,
    stops: 0,
    sent: [] as string[],
    refuses: false,
    fails: false,
    tries: 0,
    sentByListener: [] as string[],
    sendByListener: async (payloads: readonly string[]): Promise<void> => {
      state.sentByListener.push(...payloads)
      // PostgreSQL returns the payloads to the connection that listens.
      for (const payload of payloads) deliver(payload)
    }
  }
  const database: Pick<Notifications, 'notify' | 'listen'> = {
    async notify(_, payloads) {
      if (state.fails) throw new Error('failed')
      state.sent.push(...payloads)
      if (!state.losesNotifications) for (const payload of payloads) deliver(payload)
    },
    async listen(_, onPayload, onListening) {
      state.listens++
      if (state.refuses) throw new Error('refused')
      deliver = onPayload
      onListening()
      return {
        async notify(payloads) {
          state.tries++
          await state.sendByListener(payloads)
        },
        async end() {
          state.stops++
        }
      }
    }
  }
  const failures: unknown[] = []
  const bus = createPostgresBus({
    database,
    clock,
    instance: async () => ['test'],
    onListenFailure: error => failures.push(error)
  })
  const received: string[] = []
  await bus.listen({ ...silent, event: event => received.push(event.kind) })
  onTestFinished(() => bus.close())
  const seconds = async (count: number): Promise<void> => {
    for (let at = 0; at < count; at++) {
      clock.advance(1000)
      await turn()
    }
  }
  return { bus, state, failures, received, seconds, clock }
}

test('it receives its own heartbeat at once and every 5 s, and does not deliver it as an event', async () => {
  const { bus, state, received, seconds } = await start()
  // This heartbeat has no number. When processes with Redis receive such a heartbeat, they send over PostgreSQL too.
  expect(state.sent).toEqual([JSON.stringify({ from: bus.processId })])
  await seconds(60)
  expect(state.sent).toHaveLength(13)
  expect(bus.msSinceHeartbeat?.()).toBe(0)
  expect(received).toEqual([])
  expect(state.listens).toBe(1)
})

test('it listens again after 15 s without a notification of its own, and reports how long it has received none', async () => {
  const { bus, state, failures, seconds } = await start()
  await seconds(10)
  state.losesNotifications = true
  await seconds(14)
  expect([state.listens, failures.length]).toEqual([1, 0])
  await seconds(1)
  expect([state.listens, state.stops, failures.length]).toEqual([2, 1, 1])
  expect(bus.msSinceHeartbeat?.()).toBe(15_000)
  // A new `LISTEN` that succeeds doesn't count as a heartbeat.
  await seconds(15)
  expect(bus.msSinceHeartbeat?.()).toBe(30_000)
  expect(state.listens).toBe(3)
  state.losesNotifications = false
  await seconds(5)
  expect(bus.msSinceHeartbeat?.()).toBe(0)
})

test('it tries to listen again with every heartbeat while listening fails', async () => {
  const { bus, state, seconds } = await start()
  state.losesNotifications = true
  state.refuses = true
  await seconds(15)
  expect(state.listens).toBe(2)
  await seconds(10)
  expect(state.listens).toBe(4)
  state.losesNotifications = state.refuses = false
  await seconds(5)
  await seconds(5)
  expect(bus.msSinceHeartbeat?.()).toBe(0)
})

test('it opens one connection at a time, and leaves no listener behind', async () => {
  const { bus, state, clock } = await start()
  state.losesNotifications = true
  // Advances the clock by two hours at once. Many heartbeats are then due before the bus can open another connection.
  clock.advance(7_200_000)
  await turn()
  expect(state.listens).toBe(2)
  await bus.close()
  expect(state.stops).toBe(2)
})

test('it measures with the monotonic clock, so a step of the wall clock does not look like a missing heartbeat', async () => {
  const { bus, state, clock, seconds } = await start()
  clock.step(3_600_000)
  await seconds(5)
  clock.step(-7_200_000)
  await seconds(20)
  expect([bus.msSinceHeartbeat?.(), state.listens]).toEqual([0, 1])
})

test('it counts failed sends and new connections, and measures the heartbeat', async () => {
  const { bus, state, seconds } = await start()
  expect(bus.stats?.()).toEqual([
    { driver: 'postgres', lagMs: 0, silentMs: 0, isFailing: false, reconnects: 0, failures: 0, dropped: 0 }
  ])
  await seconds(5)
  expect(bus.stats?.()).toMatchObject([{ lagMs: 0, reconnects: 0 }])
  state.losesNotifications = true
  state.fails = true
  await seconds(15)
  expect(bus.stats?.()).toMatchObject([{ isFailing: true, silentMs: 15_000, reconnects: 1, failures: 3 }])
})

const grownIn = (payloads: readonly string[]): unknown[] =>
  payloads.map(payload => JSON.parse(payload).grown).filter(grown => grown !== undefined)

describe('announcements', () => {
  test('are sent on the listening connection, and heartbeats on another one', async () => {
    const { bus, state, seconds } = await start()
    bus.announce(1, 7)
    await turn()
    await seconds(5)
    expect(grownIn(state.sentByListener)).toEqual([[[1, 7]]])
    expect(grownIn(state.sent)).toEqual([])
    expect([state.sent.length, state.sentByListener.length]).toEqual([2, 1])
  })

  test('are sent on another connection while the listening connection has received no heartbeat', async () => {
    const { bus, state } = await start({ losesNotifications: true })
    bus.announce(1, 7)
    await turn()
    expect(grownIn(state.sent)).toEqual([[[1, 7]]])
    expect(state.tries).toBe(0)
  })

  test('are sent on another connection if the listening connection fails, until the next heartbeat', async () => {
    const { bus, state, seconds } = await start()
    const { sendByListener } = state
    state.sendByListener = () => Promise.reject(new Error('lost'))
    for (const seq of [7, 8]) {
      bus.announce(1, seq)
      await seconds(1)
    }
    expect(grownIn(state.sent)).toEqual([[[1, 7]], [[1, 8]]])
    expect(state.tries).toBe(1)
    state.sendByListener = sendByListener
    await seconds(5)
    bus.announce(1, 9)
    await turn()
    expect(grownIn(state.sentByListener)).toEqual([[[1, 9]]])
    // `failures` does not count a failed send on the listening connection if another connection then sent the announcement.
    expect(bus.stats?.()).toMatchObject([{ failures: 0 }])
  })

  test('do not count as heartbeats if the listening connection sends them, which then soon ends', async () => {
    const { bus, state, seconds } = await start()
    // Simulates that the pool, which sends the heartbeats, now connects to another server.
    state.losesNotifications = true
    for (let at = 1; at <= 20; at++) {
      bus.announce(1, at)
      await seconds(1)
    }
    expect(grownIn(state.sentByListener)).toHaveLength(9)
    expect(grownIn(state.sent).at(-1)).toEqual([[1, 20]])
    expect([state.listens, bus.stats?.()[0]?.isFailing]).toEqual([2, true])
  })

  test('are sent on another connection while the bus closes', async () => {
    const { bus, state } = await start()
    state.sendByListener = () => new Promise(() => {})
    bus.announce(1, 7)
    await bus.close()
    expect(grownIn(state.sent)).toEqual([[[1, 7]]])
  })

  test('are sent on another connection after a second without a response', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const { bus, state } = await start()
    state.sendByListener = () => new Promise(() => {})
    bus.announce(1, 7)
    await vi.advanceTimersByTimeAsync(999)
    expect(grownIn(state.sent)).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(grownIn(state.sent)).toEqual([[[1, 7]]])
  })
})
