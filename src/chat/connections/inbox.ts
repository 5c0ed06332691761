/**
 * The frames of one connection on their way in. `ws` emits all that a read brought in one turn of the event loop, thousands of
 * small frames among them; here so many are handled, and the rest waits for later turns while the socket is not read from.
 */

/** How many frames of a connection are handled in one turn of the event loop. */
export const FRAMES_PER_TURN = 32

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
  /** Whether frames may be handled: not while too many earlier ones wait for a response. */
  readonly mayHandle: () => boolean
  /** Frames wait from now on: the socket is not to be read from until `onEmpty`. */
  readonly onHeld: () => void
  readonly onEmpty: () => void
}

/** Creates a connection's inbox. */
export const createInbox = <Frame>({ handle, mayHandle, onHeld, onEmpty }: InboxOptions<Frame>): Inbox<Frame> => {
  let held: Frame[] = []
  let at = 0
  let handledIn = -1
  let handled = 0
  let isScheduled = false

  const mayHandleMore = (): boolean => {
    if (!mayHandle()) return false
    const turn = currentTurn()
    if (turn !== handledIn) handled = 0
    handledIn = turn
    return handled < FRAMES_PER_TURN
  }

  const proceed = (): void => {
    if (at === held.length) return
    while (at < held.length && mayHandleMore()) {
      handled++
      handle(held[at++] as Frame)
    }
    if (at < held.length) return schedule()
    clear()
    onEmpty()
  }

  const schedule = (): void => {
    // Where frames may not be handled, whoever allows it again calls.
    if (isScheduled || !mayHandle()) return
    isScheduled = true
    setImmediate(() => {
      isScheduled = false
      proceed()
    })
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
      if (at === held.length && mayHandleMore()) {
        handled++
        return handle(frame)
      }
      held.push(frame)
      if (held.length === at + 1) onHeld()
      schedule()
    },
    proceed,
    clear
  }
}

let turn = 0
let isCounting = false

/** Returns the number of the event loop's turn, the same for all connections. */
const currentTurn = (): number => {
  if (!isCounting) {
    isCounting = true
    setImmediate(() => {
      turn++
      isCounting = false
    })
  }
  return turn
}
