/**
 * The frames of one connection on their way in. `ws` emits all that a read brought in one turn of the event loop, thousands of
 * small frames among them; here so many frames and bytes are handled, and the rest waits for later turns while the socket is
 * not read from.
 */
import { currentTurn, takeBytes, type Waiting, wait } from './turns.ts'

/** How many frames of a connection are handled in one turn of the event loop. */
export const FRAMES_PER_TURN = 32
/** How many bytes of them, unless the first frame alone has more. */
export const BYTES_PER_TURN = 64 * 1024

export interface Inbox<Frame> {
  /** Whether frames wait, so that the socket must not be read from. */
  readonly isHolding: boolean
  /** Handles a frame, now or in a later turn; always in the order in which they came. */
  add(frame: Frame): void
  /** Handles what waits, if it may be handled now. Called whenever that may have changed. */
  proceed(): void
  /** Drops what waits. */
  clear(): void
}

export interface InboxOptions<Frame> {
  readonly handle: (frame: Frame) => void
  readonly bytesOf: (frame: Frame) => number
  /** Whether frames may be handled: not while too many earlier ones wait for a response. */
  readonly mayHandle: () => boolean
  /** Frames wait from now on: the socket is not to be read from until `onEmpty`. */
  readonly onHeld: () => void
  readonly onEmpty: () => void
}

/** Creates a connection's inbox. */
export const createInbox = <Frame>(options: InboxOptions<Frame>): Inbox<Frame> => {
  const { handle, bytesOf, mayHandle, onHeld, onEmpty } = options
  let held: Frame[] = []
  let at = 0
  let handledIn = -1
  let frames = 0
  let bytes = 0

  /** Takes a frame from what may be handled in this turn; returns whether there is enough. */
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
    // Where frames may not be handled, whoever allows it again calls.
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
