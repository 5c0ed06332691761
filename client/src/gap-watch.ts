/** Notices that a room should have moved and didn't: something was lost that nothing later makes visible. */
import type { Timers } from './platform.ts'

/** A gap that doesn't close is asked about less and less often, but at least this often, in milliseconds. */
const MAX_PATIENCE_MS = 60_000

export interface GapWatchOptions {
  readonly timers: Timers
  /** How long no progress is borne, in milliseconds. */
  readonly gap: number
  /** How far the room was read. */
  readonly seq: () => number
  readonly onStuck: () => void
}

export interface GapWatch {
  /** The room is known to reach so far. */
  readonly target: number
  /** It reaches at least `seq`: unless it gets there, or moves meanwhile, `onStuck` is called after a while. */
  expect(seq: number): void
  /** It moved. */
  moved(): void
  stop(): void
}

export const createGapWatch = ({ timers, gap, seq, onStuck }: GapWatchOptions): GapWatch => {
  let target = 0
  let patience = gap
  let cancel = () => {}

  const expect = (next: number): void => {
    target = next
    cancel()
    const had = seq()
    if (had >= target) return
    cancel = timers.after(patience, () => {
      if (seq() > had) return expect(target)
      patience = Math.min(patience * 2, MAX_PATIENCE_MS)
      onStuck()
    })
  }

  return {
    get target() {
      return target
    },
    expect,
    moved() {
      patience = gap
    },
    stop() {
      cancel()
    }
  }
}
