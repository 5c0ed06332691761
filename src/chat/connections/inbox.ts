/**
 * Queues the incoming frames of one connection. `ws` emits all frames of a read in one turn of the event loop, possibly thousands of
 * small ones. This handles a bounded number of frames and bytes per turn, and queues the rest while reads are paused.
 */
import { currentTurn, takeBytes, type Waiting, wait } from './turns.ts'

/** Limits the frames of a connection that are handled in one turn of the event loop. */
export const FRAMES_PER_TURN = 32
/** Limits their bytes, unless the first frame alone has more. */
export const BYTES_PER_TURN = 64 * 1024

export interface Inbox<Frame> {
  /** Is true while frames are queued, so that reads must be paused. */
  readonly isHolding: boolean
  /** Handles a frame, now or in a later turn; always in the order in which they arrived. */
  add(frame: Frame): void
  /** Handles queued frames if they may be handled now. Called whenever that may have changed. */
  proceed(): void
  /** Drops queued frames. */
  clear(): void
}

export interface InboxOptions<Frame> {
  readonly handle: (frame: Frame) => void
  readonly bytesOf: (frame: Frame) => number
  /** Returns whether frames may be handled: not while too many earlier ones wait for a response. */
  readonly mayHandle: () => boolean
  /** Called when frames are queued: reads must be paused until `onEmpty`. */
  readonly onHeld: () => void
  readonly onEmpty: () => void
}

export const createInbox = <Frame>(options: InboxOptions<Frame>): Inbox<Frame> => {
  const { handle, bytesOf, mayHandle, onHeld, onEmpty } = options
  let held: Frame[] = []
  let at = 0
  let handledIn = -1
  let frames = 0
  let bytes = 0

  /** Counts a frame against the limits of this turn; returns whether they allow it. */
  const take = (frame: Frame): boolean => {
    if (!mayHandle()) return false
    const turn = currentTurn()
    if (turn !== handledIn) frames = bytes = 0
    handledIn = turn
    const size = bytesOf(frame)
    const isWithin = frames === 0 || (frames < FRAMES_PER_TURN && bytes + size <= BYTES_PER_TURN)
    if (!isWithin || !takeBytes(size)) return false
    frames++
    bytes += size
    return true
  }

  const handleHeld = (): boolean => {
    const before = at
    if (before === held.length) return false
    while (at < held.length && take(held[at] as Frame)) handle(held[at++] as Frame)
    if (at < held.length) return at > before
    clear()
    onEmpty()
    return true
  }

  const waiting: Waiting = {
    proceed: handleHeld,
    // If frames may not be handled now, `resume` is called when they may.
    get isWaiting() {
      return at < held.length && mayHandle()
    }
  }

  const proceed = (): void => {
    handleHeld()
    if (waiting.isWaiting) wait(waiting)
  }

  const clear = (): void => {
    held = []
    at = 0
  }

  return {
    get isHolding() {
      return at < held.length
    },
    add(frame) {
      if (at === held.length && take(frame)) return handle(frame)
      held.push(frame)
      if (held.length === at + 1) onHeld()
      if (waiting.isWaiting) wait(waiting)
    },
    proceed,
    clear
  }
}
