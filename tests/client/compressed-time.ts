/** Time that runs faster, for the service and its clients alike: half-minutes of waiting pass in a second or two. */

import { systemTimers, type Timers } from '../../src/client/platform.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'

/** One second here is so many there. */
export const SPEED = 20

const startedAt = Date.now()
const now = (): number => startedAt + Math.round((performance.now() - began) * SPEED)
const began = performance.now()

export const fastClock: Clock = {
  now,
  monotonic: () => (performance.now() - began) * SPEED,
  every: (ms, work) => systemClock.every(ms / SPEED, work)
}

/** Timers of a client; `random` makes its waits the seed's. */
export const fastTimers = (random: () => number): Timers => ({
  now,
  monotonic: fastClock.monotonic,
  after: (ms, work) => systemTimers.after(ms / SPEED, work),
  random
})
