/** What the benchmarks share: how long something takes, and how results are shown. */

/** How many seconds some work takes. */
export const seconds = async (work: () => unknown): Promise<number> => {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1000
}

/** The middle of some measurements. */
export const median = (all: readonly number[]): number => [...all].sort((a, b) => a - b)[all.length >> 1] ?? 0

/** Prints results beside each other; ratios are to the first. */
export const report = (title: string, results: ReadonlyMap<string, number>): void => {
  const [first = 1] = results.values()
  const lines = [...results].map(
    ([name, value]) =>
      `  ${name.padEnd(32)}${Math.round(value).toLocaleString('en').padStart(12)}   x ${(value / first).toFixed(2)}`
  )
  process.stdout.write(`${[title, ...lines].join('\n')}\n`)
}
