/** Measures how the cost of a function grows with its input, in CPU time, so that a busy machine changes nothing. */
import { expect } from 'vitest'

/** Returns the CPU time of a function, in milliseconds. */
export const cpuMilliseconds = (work: () => unknown): number => {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** The least of some runs: garbage collection and compilation only ever add. */
const leastOf = (work: () => unknown): number => Math.min(...[1, 2, 3].map(() => cpuMilliseconds(work)))

const LARGE = 16_384
/** A quadratic function takes hundreds of milliseconds for the large input; below this there is nothing to compare. */
const NEGLIGIBLE_MS = 25

/** Expects that four times the input costs less than ten times as much: linear is 4, quadratic 16. */
export const expectLinear = <Input>(inputOf: (length: number) => Input, work: (input: Input) => unknown): void => {
  const [small, large] = [inputOf(LARGE / 4), inputOf(LARGE)]
  if (cpuMilliseconds(() => work(large)) < NEGLIGIBLE_MS) return
  expect(leastOf(() => work(large)) / leastOf(() => work(small))).toBeLessThan(10)
}
