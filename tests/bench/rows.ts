/** What a benchmark says: rows of runs, ours beside its peers', and how they are compared with what we aim at. */

/** How ours should stand beside a peer, or by itself. `beside` is a name in `runs`. */
export interface Aim {
  readonly beside: string
  /** Ours divided by the peer's, ours less the peer's, or ours alone. */
  readonly as: 'ratio' | 'difference' | 'value'
  readonly atLeast?: number
  readonly atMost?: number
}

/** One line of the table: the same work by several subjects, in runs that took turns. */
export interface Row {
  readonly title: string
  /** For the plot. */
  readonly short?: string
  readonly unit: string
  /** By subject, each with as many runs; ours is the last. */
  readonly runs: ReadonlyMap<string, readonly number[]>
  readonly aims?: readonly Aim[]
  readonly note?: string
}

/** The middle of some runs, and how far they spread. */
export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

export const spread = (all: readonly number[]): Spread => {
  const sorted = [...all].sort((a, b) => a - b)
  return { min: sorted[0] ?? 0, median: sorted[sorted.length >> 1] ?? 0, max: sorted.at(-1) ?? 0 }
}

/** The value that so much of all is not above; `share` from 0 to 1. */
export const percentile = (all: readonly number[], share: number): number =>
  [...all].sort((a, b) => a - b)[Math.min(all.length - 1, Math.floor(all.length * share))] ?? 0

/** How many seconds some work takes. */
export const seconds = async (work: () => unknown): Promise<number> => {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1000
}

export const pause = (ms: number): Promise<void> => new Promise(done => setTimeout(done, ms))

/** Lets subjects take turns, so that what else the machine does falls on all alike. */
export const inTurns = async <Result>(
  rounds: number,
  subjects: Readonly<Record<string, () => Promise<Result> | Result>>
): Promise<Map<string, Result[]>> => {
  const results = new Map<string, Result[]>(Object.keys(subjects).map(name => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, work] of Object.entries(subjects)) results.get(name)?.push(await work())
  }
  return results
}

/** The runs of ours: the last subject's. */
const ours = ({ runs }: Row): readonly number[] => [...runs.values()].at(-1) ?? []

/** What an aim is about, run by run: subjects of the same turn are compared, so that the machine's mood cancels out. */
export const compared = (row: Row, { beside, as }: Aim): Spread => {
  const peer = row.runs.get(beside) ?? []
  return spread(
    ours(row).map((own, at) => (as === 'value' ? own : as === 'ratio' ? own / (peer[at] ?? 1) : own - (peer[at] ?? 0)))
  )
}

/** Whether the middle run reaches the aim. */
export const isReached = (row: Row, aim: Aim): boolean => {
  const { median } = compared(row, aim)
  return median >= (aim.atLeast ?? Number.NEGATIVE_INFINITY) && median <= (aim.atMost ?? Number.POSITIVE_INFINITY)
}
