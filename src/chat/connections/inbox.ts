/**
 * Queues the incoming frames of one connection. `ws` emits all frames of one socket read in the same turn of the event loop, and
 * these can be thousands of small frames. The inbox handles a bounded number of frames and bytes per turn. It queues the rest, and
 * reads from the socket are paused until the queue is empty.
 */
import { currentTurn, takeBytes, type Waiting, wait } from './turns.ts'

/** Maximum number of frames of one connection that are handled in one turn of the event loop. */
export const FRAMES_PER_TURN = 32
/** Maximum number of bytes of these frames. The first frame of a turn is handled even if it is larger. */
export const BYTES_PER_TURN = 64 * 1024

export interface Inbox<Frame> {
  /** True while frames are queued. Reads from the socket must be paused then. */
  readonly isHolding: boolean
  /** Handles a frame now, or queues it for a later turn. Frames are handled in the order in which they arrived. */
  add(frame: Frame): void
  /** Handles queued frames if `mayHandle` allows it. The caller calls it whenever the result of `mayHandle` may have changed. */
  proceed(): void
  /** Drops queued frames. */
  clear(): void
}

export interface InboxOptions<Frame> {
  readonly handle: (frame: Frame) => void
  readonly bytesOf: (frame: Frame) => number
  /** Returns whether frames may be handled now. Returns false, for example, while too many earlier frames are in progress. */
  readonly mayHandle: () => boolean
  /** Called when the first frame is queued. The caller must pause reads until `onEmpty`. */
  readonly onHeld: () => void
  /** Called when all queued frames have been handled. */
  readonly onEmpty: () => void
}

export const createInbox = <Frame>(options: InboxOptions<Frame>): Inbox<Frame> => {
  const { handle, bytesOf, mayHandle, onHeld, onEmpty } = options
  let held: Frame[] = []
  let at = 0
  let handledIn = -1
  let frames = 0
  let bytes = 0

  /** Returns whether a frame may be handled in this turn. If so, counts it against the limits of the turn. */
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
    // While `mayHandle` is false, a later turn would not help: the connection calls `proceed` when it may be true again.
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
