/** Tests that the PostgreSQL bus receives its own heartbeats, and that it detects when notifications no longer arrive. */
import { expect, onTestFinished, test } from 'vitest'
import { createPostgresBus, type NotifyingDatabase } from '../../src/bus/drivers/postgres.ts'
import { fakeClock } from '../support/clock.ts'

const silent = { grown() {}, event() {}, reset() {} }
const turn = (): Promise<void> => new Promise(setImmediate)

const start = async () => {
  const clock = fakeClock()
  const state = { losesNotifications: false, listens: 0, stops: 0, sent: [] as string[], refuses: false, fails: false }
  let deliver: (payload: string) => void = () => {}
  const database: NotifyingDatabase = {
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
      return async () => {
        state.stops++
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
  // This heartbeat has no number, which makes processes with Redis send over PostgreSQL too.
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
  // The heartbeats of two hours are due before a connection can be opened.
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
