/** Tests that the PostgreSQL bus receives its own heartbeats, and detects when notifications no longer arrive. */
import { expect, onTestFinished, test } from 'vitest'
import { createPostgresBus, type NotifyingDatabase } from '../../src/bus/drivers/postgres.ts'
import { fakeClock } from '../support/clock.ts'

const silent = { grown() {}, event() {}, reset() {} }
const turn = (): Promise<void> => new Promise(setImmediate)

const start = async () => {
  const clock = fakeClock()
  const state = { isDeaf: false, listens: 0, stops: 0, sent: [] as string[], refuses: false }
  let hear: (payload: string) => void = () => {}
  const database: NotifyingDatabase = {
    async notify(_, payloads) {
      state.sent.push(...payloads)
      if (!state.isDeaf) for (const payload of payloads) hear(payload)
    },
    async listen(_, onPayload, onListening) {
      state.listens++
      if (state.refuses) throw new Error('refused')
      hear = onPayload
      onListening()
      return async () => {
        state.stops++
      }
    }
  }
  const deaf: unknown[] = []
  const bus = createPostgresBus({
    database,
    clock,
    instance: async () => ['test'],
    onListenFailure: error => deaf.push(error)
  })
  const heard: string[] = []
  await bus.listen({ ...silent, event: event => heard.push(event.kind) })
  onTestFinished(() => bus.close())
  const seconds = async (count: number): Promise<void> => {
    for (let at = 0; at < count; at++) {
      clock.advance(1000)
      await turn()
    }
  }
  return { bus, state, deaf, heard, seconds, clock }
}

test('it receives its own heartbeat every 5 s, and others do not', async () => {
  const { bus, state, heard, seconds } = await start()
  await seconds(60)
  expect(state.sent).toHaveLength(12)
  expect(bus.msSinceHeartbeat?.()).toBe(0)
  expect(heard).toEqual([])
  expect(state.listens).toBe(1)
})

test('it listens again after 15 s without a notification of its own, and reports how long it has received none', async () => {
  const { bus, state, deaf, seconds } = await start()
  await seconds(10)
  state.isDeaf = true
  await seconds(14)
  expect([state.listens, deaf.length]).toEqual([1, 0])
  await seconds(1)
  expect([state.listens, state.stops, deaf.length]).toEqual([2, 1, 1])
  expect(bus.msSinceHeartbeat?.()).toBe(15_000)
  // A new `LISTEN` that succeeds doesn't count as a heartbeat.
  await seconds(15)
  expect(bus.msSinceHeartbeat?.()).toBe(30_000)
  expect(state.listens).toBe(3)
  state.isDeaf = false
  await seconds(5)
  expect(bus.msSinceHeartbeat?.()).toBe(0)
})

test('it tries again with every heartbeat while it can not listen', async () => {
  const { bus, state, seconds } = await start()
  state.isDeaf = true
  state.refuses = true
  await seconds(15)
  expect(state.listens).toBe(2)
  await seconds(10)
  expect(state.listens).toBe(4)
  state.isDeaf = state.refuses = false
  await seconds(5)
  await seconds(5)
  expect(bus.msSinceHeartbeat?.()).toBe(0)
})

test('it measures by the monotonic clock: a step of the wall clock makes nobody deaf', async () => {
  const { bus, state, clock, seconds } = await start()
  clock.step(3_600_000)
  await seconds(5)
  clock.step(-7_200_000)
  await seconds(20)
  expect([bus.msSinceHeartbeat?.(), state.listens]).toEqual([0, 1])
})
