/** Measures how the cost of a function grows with its input. Uses CPU time, which depends little on the load of the machine. */
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
/** Minimum time that is compared. A quadratic function takes hundreds of milliseconds for the large input. */
const NEGLIGIBLE_MS = 25

/** Maximum measurements before the test fails, because on a busy machine CPU time varies too. */
const ATTEMPTS = 5

/** Expects that four times the input takes less than ten times as long. Linear functions take 4 times, quadratic ones 16. */
export const expectLinear = <Input>(inputOf: (length: number) => Input, work: (input: Input) => unknown): void => {
  const [small, large] = [inputOf(LARGE / 4), inputOf(LARGE)]
  if (cpuMilliseconds(() => work(large)) < NEGLIGIBLE_MS) return
  const growth = () => minimumOf(() => work(large)) / minimumOf(() => work(small))
  let least = growth()
  for (let attempt = 1; attempt < ATTEMPTS && least >= 10; attempt++) least = Math.min(least, growth())
  expect(least).toBeLessThan(10)
}
