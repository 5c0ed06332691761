/** Measures how the cost of a function grows with its input: in CPU time, which doesn't depend on the load of the machine. */
import { expect } from 'vitest'

/** Returns the CPU time of a function, in milliseconds. */
export const cpuMilliseconds = (work: () => unknown): number => {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

/** Returns the minimum of three runs, because garbage collection and compilation only add time. */
const minimumOf = (work: () => unknown): number => Math.min(...[1, 2, 3].map(() => cpuMilliseconds(work)))

const LARGE = 16_384
/** A quadratic function takes hundreds of milliseconds for the large input. A time below this isn't compared. */
const NEGLIGIBLE_MS = 25

/** How often a result is measured again before it fails: on a busy machine, CPU time is uneven too. */
const ATTEMPTS = 5

/** Expects that four times the input costs less than ten times as much: linear is 4, quadratic 16. */
export const expectLinear = <Input>(inputOf: (length: number) => Input, work: (input: Input) => unknown): void => {
  const [small, large] = [inputOf(LARGE / 4), inputOf(LARGE)]
  if (cpuMilliseconds(() => work(large)) < NEGLIGIBLE_MS) return
  const growth = () => minimumOf(() => work(large)) / minimumOf(() => work(small))
  let least = growth()
  for (let attempt = 1; attempt < ATTEMPTS && least >= 10; attempt++) least = Math.min(least, growth())
  expect(least).toBeLessThan(10)
}
