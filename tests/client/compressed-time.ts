/**
 * Provides a clock for the service and its clients. The clock is ten times as fast as real time, so that half a minute takes
 * three seconds. On a machine that is too busy for that, set FAULT_SPEED to a lower number.
 */

import { systemTimers, type Timers } from '../../client/src/platform.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'

/** The number of seconds on the fast clock per real second. */
export const SPEED = Number(process.env.FAULT_SPEED ?? 10)

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
