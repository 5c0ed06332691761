/**
 * Defines the results of a benchmark, and compares them with the aims. A row contains the results of the service and of its
 * peers.
 */

/**
 * An aim for the service's result, which is the last value in the `runs` of a row. `beside` is the key in `runs` of another
 * result: that of a peer, or that of the service at a smaller size. `as` selects how the two results are compared. The outcome
 * must be within `atLeast` and `atMost`.
 */
export interface Aim {
  readonly beside: string
  /**
   * `ratio` is the service's value divided by the value of `beside`. `difference` is the service's value minus the value of
   * `beside`. `value` is the service's value alone.
   */
  readonly as: 'ratio' | 'difference' | 'value'
  readonly atLeast?: number
  readonly atMost?: number
}

/** One measurement. If the measurement compares subjects, all subjects do the same work in interleaved runs. */
export interface Row {
  readonly title: string
  /** A shorter title for the plot. */
  readonly short?: string
  readonly unit: string
  /** The results of the runs, keyed by subject. All subjects have the same number of runs. The last key is the service. */
  readonly runs: ReadonlyMap<string, readonly number[]>
  readonly aims?: readonly Aim[]
  readonly note?: string
  /** The quantity that grows, if the row is about growth. The keys of `runs` are then sizes instead of subjects. */
  readonly growing?: string
}

/** How long each run lasts, how many rounds are run, and whether the benchmark runs in its short form. */
export interface Effort {
  readonly isShort: boolean
  readonly rounds: number
  readonly seconds: number
}

/** The spread of several runs. The median of an even number of runs is the mean of the two middle values. */
export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

export const spread = (all: readonly number[]): Spread => {
  const sorted = [...all].sort((a, b) => a - b)
  const middle = sorted.slice((sorted.length - 1) >> 1, (sorted.length >> 1) + 1)
  const median = middle.reduce((sum, value) => sum + value, 0) / middle.length
  return { min: sorted[0] ?? 0, median, max: sorted.at(-1) ?? 0 }
}

/** Returns a percentile of the values. `share` is between 0 and 1, for example 0.99 for p99. */
export const percentile = (all: readonly number[], share: number): number =>
  [...all].sort((a, b) => a - b)[Math.min(all.length - 1, Math.floor(all.length * share))] ?? 0

/** Returns how many seconds `work` takes. */
export const seconds = async (work: () => unknown): Promise<number> => {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1000
}

export const pause = (ms: number): Promise<void> => new Promise(done => setTimeout(done, ms))

/** Runs all subjects once per round, so that other load on the machine affects all of them equally. */
export const interleave = async <Result>(
  rounds: number,
  subjects: Readonly<Record<string, () => Promise<Result> | Result>>
): Promise<Map<string, Result[]>> => {
  const results = new Map<string, Result[]>(Object.keys(subjects).map(name => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, work] of Object.entries(subjects)) results.get(name)?.push(await work())
  }
  return results
}

/** Returns the runs of the service. The service is the last subject. */
const ours = ({ runs }: Row): readonly number[] => [...runs.values()].at(-1) ?? []

/** Compares the service with the peer of an aim in each round, so that changes of the machine's load cancel out. */
export const compare = (row: Row, { beside, as }: Aim): Spread => {
  const peer = row.runs.get(beside) ?? []
  return spread(
    ours(row).map((own, at) => (as === 'value' ? own : as === 'ratio' ? own / (peer[at] ?? 1) : own - (peer[at] ?? 0)))
  )
}

/** Returns whether the median run reaches the aim. */
export const isReached = (row: Row, aim: Aim): boolean => {
  const { median } = compare(row, aim)
  return median >= (aim.atLeast ?? Number.NEGATIVE_INFINITY) && median <= (aim.atMost ?? Number.POSITIVE_INFINITY)
}
