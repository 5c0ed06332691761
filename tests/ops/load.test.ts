import { expect, test } from 'vitest'
import { createLoadMeter } from '../../src/ops/load.ts'
import { fakeClock } from '../support/clock.ts'

const start = (maxLoopDelayMs: number) => {
  const clock = fakeClock()
  const state = { delayMs: 0, waiting: 0 }
  const histogram = {
    enable: () => true,
    disable: () => true,
    reset: () => {},
    // Node's histogram adds its resolution of 20 ms to each delay. The histogram of this test does the same.
    percentile: () => (state.delayMs + 20) * 1e6
  }
  const meter = createLoadMeter({ clock, maxLoopDelayMs, waitingQueries: () => state.waiting, histogram })
  return { clock, state, meter }
}

test('it reports a loop delay above the limit as high, and above twice the limit as extreme', () => {
  const { clock, state, meter } = start(100)
  const levels = [100, 101, 200, 201].map(delayMs => {
    state.delayMs = delayMs
    clock.advance(10_000)
    return meter.level()
  })
  expect(levels).toEqual(['normal', 'high', 'high', 'extreme'])
  expect(meter.loopDelayMs).toBe(201)
})

test('it evaluates the loop delay in windows of 10 s, and ignores it if the limit is 0', () => {
  const [bounded, unbounded] = [start(100), start(0)]
  for (const { clock, state } of [bounded, unbounded]) {
    state.delayMs = 10_000
    clock.advance(9999)
  }
  expect(bounded.meter.level()).toBe('normal')
  for (const { clock } of [bounded, unbounded]) clock.advance(1)
  expect([bounded.meter.level(), unbounded.meter.level()]).toEqual(['extreme', 'normal'])
})

test('it reports up to 100 waiting queries as normal, up to 200 as high, and more as extreme', () => {
  const { state, meter } = start(0)
  const levels = [100, 101, 200, 201].map(waiting => {
    state.waiting = waiting
    return meter.level()
  })
  expect(levels).toEqual(['normal', 'high', 'high', 'extreme'])
})
