/**
 * Detects that a room stays behind the last `seq` of its log. This happens if an entry is lost and no later entry arrives that
 * would reveal the gap.
 */
import type { Timers } from './platform.ts'

/** Maximum wait in milliseconds before a room subscribes again. The wait doubles each time. */
export const MAX_WAIT_MS = 60_000

export interface GapWatchOptions {
  readonly timers: Timers
  /** Time in milliseconds without progress after which a gap is reported. */
  readonly gap: number
  /** Returns the last `seq` that was received. */
  readonly seq: () => number
  readonly onStuck: () => void
}

export interface GapWatch {
  /** The last known `seq` of the room's log. */
  readonly target: number
  /** Sets the last `seq` of the room's log. If the room is behind and receives nothing during the wait, `onStuck` is called. */
  expect(seq: number): void
  /** Resets the wait to `gap`. Called when the room has received an entry. */
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
