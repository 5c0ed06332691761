/**
 * Shares the turns of the event loop between connections with large frames. All connections of a process together handle a bounded
 * number of bytes of large frames per turn; the others wait in a queue, so that each gets a turn. Small frames don't wait.
 */

/** Limits the bytes of large frames that all connections together handle in one turn: a few milliseconds' work. */
export const SHARED_BYTES_PER_TURN = 128 * 1024
/** Sets above how many bytes a frame is large. */
export const LARGE_FRAME_BYTES = 4096

/** Describes an owner of frames that wait for later turns. */
export interface Waiting {
  /** Handles frames within the limits of this turn. Returns whether it handled any. */
  proceed(): boolean
  /** Returns whether frames are left that may be handled in a later turn. */
  readonly isWaiting: boolean
}

let turn = 0
let spent = 0
let isScheduled = false
let queue = new Set<Waiting>()

const schedule = (): void => {
  if (isScheduled) return
  isScheduled = true
  setImmediate(begin)
}

/** Starts a turn. An owner that handled frames goes to the end of the queue; all others keep their position. */
const begin = (): void => {
  isScheduled = false
  turn++
  spent = 0
  const before = queue
  const after: Waiting[] = []
  queue = new Set()
  for (const waiting of before) {
    const hasHandled = waiting.proceed()
    if (waiting.isWaiting) hasHandled ? after.push(waiting) : queue.add(waiting)
  }
  for (const waiting of after) queue.add(waiting)
  if (queue.size > 0) schedule()
}

/** Returns the number of the current turn, the same for all connections. */
export const currentTurn = (): number => {
  schedule()
  return turn
}

/** Adds an owner to the end of the queue, unless it is queued. */
export const wait = (waiting: Waiting): void => {
  queue.add(waiting)
  schedule()
}

/** Counts a frame against the limits of this turn; returns whether they allow it. One frame is always allowed. */
export const takeBytes = (bytes: number): boolean => {
  schedule()
  if (bytes <= LARGE_FRAME_BYTES) return true
  if (spent > 0 && spent + bytes > SHARED_BYTES_PER_TURN) return false
  spent += bytes
  return true
}
