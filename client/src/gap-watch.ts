/** Detects that a room doesn't reach a known `seq`: an entry was lost, and no later entry reveals the gap. */
import type { Timers } from './platform.ts'

/** Maximum wait before a gap is reported again, in milliseconds. The wait doubles each time. */
const MAX_WAIT_MS = 60_000

export interface GapWatchOptions {
  readonly timers: Timers
  /** Milliseconds without progress before the gap is reported. */
  readonly gap: number
  /** Returns the last `seq` that was received. */
  readonly seq: () => number
  readonly onStuck: () => void
}

export interface GapWatch {
  /** The last known `seq` of the room. */
  readonly target: number
  /** Reports that the room reaches `seq`. Without progress, `onStuck` is called after the wait. */
  expect(seq: number): void
  /** Reports progress, which resets the wait. */
  progress(): void
  stop(): void
}

export const createGapWatch = ({ timers, gap, seq, onStuck }: GapWatchOptions): GapWatch => {
  let target = 0
  let wait = gap
  let cancel = () => {}

  const expect = (next: number): void => {
    target = next
    cancel()
    const received = seq()
    if (received >= target) return
    cancel = timers.after(wait, () => {
      if (seq() > received) return expect(target)
      wait = Math.min(wait * 2, MAX_WAIT_MS)
      onStuck()
    })
  }

  return {
    get target() {
      return target
    },
    expect,
    progress() {
      wait = gap
    },
    stop() {
      cancel()
    }
  }
}
