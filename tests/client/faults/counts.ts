/** Counts what happened in the fault runs, so that the output shows whether every kind of entry, rule and fault occurred. */

export interface Counts {
  /** The number of entries of each kind, and of each event of `membership`. */
  readonly entries: Record<string, number>
  /** The number of faults of each kind. */
  readonly faults: Record<string, number>
  /** The number of actions that the service refused, by error code. */
  readonly refusals: Record<string, number>
  messages: number
  deliveries: number
  connections: number
  resyncs: number
}

export const noCounts = (): Counts => ({
  entries: {},
  faults: {},
  refusals: {},
  messages: 0,
  deliveries: 0,
  connections: 0,
  resyncs: 0
})

export const count = (counts: Record<string, number>, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1
}
