/** The results of a benchmark: rows of runs of the service and its peers, and their comparison with the aims. */

/** The aim of a row: a bound for the service's value, alone or in relation to the peer `beside`, which is a name in `runs`. */
export interface Aim {
  readonly beside: string
  /** How the service's value is compared: divided by the peer's, minus the peer's, or alone. */
  readonly as: 'ratio' | 'difference' | 'value'
  readonly atLeast?: number
  readonly atMost?: number
}

/** One measurement: the same work by several subjects in interleaved runs. */
export interface Row {
  readonly title: string
  /** The title in the plot. */
  readonly short?: string
  readonly unit: string
  /** The runs by subject, equally many for each. The service is the last. */
  readonly runs: ReadonlyMap<string, readonly number[]>
  readonly aims?: readonly Aim[]
  readonly note?: string
  /** For a row about growth: what grows. The subjects of `runs` are its sizes. */
  readonly growing?: string
}

/** How long and how often is measured. */
export interface Effort {
  readonly isShort: boolean
  readonly rounds: number
  readonly seconds: number
}

/** The median of some runs, with the minimum and the maximum. The median of an even number is between the two in the middle. */
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

/** Returns the percentile of the values; `share` is from 0 to 1. */
export const percentile = (all: readonly number[], share: number): number =>
  [...all].sort((a, b) => a - b)[Math.min(all.length - 1, Math.floor(all.length * share))] ?? 0

/** Returns the seconds that some work takes. */
export const seconds = async (work: () => unknown): Promise<number> => {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1000
}

export const pause = (ms: number): Promise<void> => new Promise(done => setTimeout(done, ms))

/** Runs the subjects in turn, so that other load on the machine affects all of them equally. */
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

/** Returns the runs of the service, the last subject. */
const ours = ({ runs }: Row): readonly number[] => [...runs.values()].at(-1) ?? []

/** Compares the service with the peer of an aim, round by round, so that changes in the machine's load cancel out. */
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
