/**
 * Provides a clock for the service and its clients. The clock is 20 times as fast as real time, so that half a minute takes a
 * second or two.
 */

import { systemTimers, type Timers } from '../../client/src/platform.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'

/** The number of seconds on the fast clock per real second. */
export const SPEED = 20

const startedAt = Date.now()
const now = (): number => startedAt + Math.round((performance.now() - began) * SPEED)
const began = performance.now()

export const fastClock: Clock = {
  now,
  monotonic: () => (performance.now() - began) * SPEED,
  every: (ms, work) => systemClock.every(ms / SPEED, work)
}

/** Returns timers for a client. With a seeded `random`, the client's waits are the same in every run. */
export const fastTimers = (random: () => number): Timers => ({
  now,
  monotonic: fastClock.monotonic,
  after: (ms, work) => systemTimers.after(ms / SPEED, work),
  random
})
