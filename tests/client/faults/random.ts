/** Provides random choices and waits for the fault runs of the SDK. */

/** A random number generator: each call returns a number of at least 0 and below 1. */
export type Random = () => number

/** Returns a seeded random number generator (Mulberry32). */
export const seeded = (seed: number): Random => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

export const pick = <One>(from: readonly One[], random: Random): One | undefined =>
  from[Math.floor(random() * from.length)]

export const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const DEADLINE_MS = 120_000

/** Polls until the condition is met. Throws with `what` after two minutes. */
export const until = async (what: string | (() => string), isMet: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + DEADLINE_MS
  while (!(await isMet())) {
    if (performance.now() > deadline)
      throw new Error(`This did not happen within ${DEADLINE_MS / 1000} s: ${typeof what === 'string' ? what : what()}`)
    await pause(30)
  }
}
