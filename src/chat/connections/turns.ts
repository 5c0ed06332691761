/**
 * Schedules large frames fairly between connections. Per turn of the event loop, all connections of a process together handle a
 * bounded number of bytes of large frames. A connection whose frames have not all been handled waits in a queue for a later
 * turn. Small frames are limited only per connection. See inbox.ts.
 */

/**
 * Maximum number of bytes of large frames that all connections together handle in one turn. Handling that many bytes takes a
 * few milliseconds. The first large frame of a turn may exceed the limit.
 */
export const SHARED_BYTES_PER_TURN = 128 * 1024
/** A frame with more bytes than this is large. */
export const LARGE_FRAME_BYTES = 4096

/** A queue of one connection's frames that wait for a later turn. */
export interface Waiting {
  /** Handles frames within the limits of this turn. Returns whether any frame was handled. */
  handleHeld(): boolean
  /** True while frames are queued that may be handled in a later turn. */
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

/**
 * Starts a turn, in which the queued connections handle frames. A connection that handles frames in this turn and has more
 * frames moves to the end of the queue. A connection that handles no frame keeps its position.
 */
const begin = (): void => {
  isScheduled = false
  turn++
  spent = 0
  const before = queue
  const after: Waiting[] = []
  queue = new Set()
  for (const waiting of before) {
    const hasHandled = waiting.handleHeld()
    if (waiting.isWaiting) hasHandled ? after.push(waiting) : queue.add(waiting)
  }
  for (const waiting of after) queue.add(waiting)
  if (queue.size > 0) schedule()
}

/** Returns the number of the current turn. It is the same for all connections. */
export const currentTurn = (): number => {
  schedule()
  return turn
}

/**
 * Adds a connection with queued frames to the end of the queue of connections. A connection that is already in the queue keeps
 * its position.
 */
export const wait = (waiting: Waiting): void => {
  queue.add(waiting)
  schedule()
}

/**
 * Returns whether a frame of this size may be handled in this turn. If so, and if the frame is large, counts its bytes. The
 * first large frame of a turn may always be handled.
 */
export const takeBytes = (bytes: number): boolean => {
  schedule()
  if (bytes <= LARGE_FRAME_BYTES) return true
  if (spent > 0 && spent + bytes > SHARED_BYTES_PER_TURN) return false
  spent += bytes
  return true
}
