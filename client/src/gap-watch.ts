/** Detects that a room stays behind the last `seq` of its log, because an entry was lost and no later entry revealed the gap. */
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
  /** The last `seq` of the room's log, as far as it is known. */
  readonly target: number
  /** Sets the last `seq` of the room's log. If the room receives nothing during the wait, `onStuck` is called. */
  expect(seq: number): void
  /** Resets the wait, because the room has received an entry. */
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
