/** Measures how the cost of a function grows with its input. Uses CPU time, which depends little on the load of the machine. */
import { expect } from 'vitest'

/** Returns the CPU time of a function in milliseconds. */
export const cpuMilliseconds = (work: () => unknown): number => {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** Returns the minimum CPU time of three runs, because garbage collection and compilation only add time. */
const minimumOf = (work: () => unknown): number => Math.min(...[1, 2, 3].map(() => cpuMilliseconds(work)))

const LARGE = 16_384
/**
 * CPU time in milliseconds below which nothing is compared. A quadratic function takes hundreds of milliseconds for the large
 * input, so a function below this time is not quadratic.
 */
const NEGLIGIBLE_MS = 25

/**
 * Maximum number of measurements. More than one measurement may be needed, because even CPU time varies somewhat on a busy
 * machine.
 */
const ATTEMPTS = 5

/**
 * Expects that an input of four times the length takes less than ten times the CPU time. A linear function takes four times the
 * CPU time, and a quadratic function sixteen times.
 */
export const expectLinear = <Input>(inputOf: (length: number) => Input, work: (input: Input) => unknown): void => {
  const [small, large] = [inputOf(LARGE / 4), inputOf(LARGE)]
  let least = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < ATTEMPTS && least >= 10; attempt++) {
    // The first run may include compilation and the garbage of earlier tests, so each attempt can find that the time is negligible.
    const time = attempt === 0 ? cpuMilliseconds(() => work(large)) : minimumOf(() => work(large))
    if (time < NEGLIGIBLE_MS) return
    least = Math.min(least, time / minimumOf(() => work(small)))
  }
  expect(least).toBeLessThan(10)
}
