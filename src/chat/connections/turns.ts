/**
 * Turns of the event loop, and who handles large frames in them. All connections of a process together handle so many bytes
 * of large frames in a turn; the others wait in a queue, so that each gets its turn. Small frames don't wait for anybody.
 */

/** How many bytes of large frames all connections together handle in one turn: a few milliseconds' work. */
export const SHARED_BYTES_PER_TURN = 128 * 1024
/** A frame of more bytes is large. */
export const LARGE_FRAME_BYTES = 4096

/** Somebody who has frames left for later turns. */
export interface Waiting {
  /** Handles what may be handled in this turn. Returns whether that was anything. */
  proceed(): boolean
  /** Whether something is left that may be handled in a later turn. */
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

/** Begins a turn. Who could handle something goes to the end of the queue, everybody else keeps their place. */
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

/** Adds somebody to the end of the queue, unless they are in it. */
export const wait = (waiting: Waiting): void => {
  queue.add(waiting)
  schedule()
}

/** Takes a frame from what may be handled in this turn; returns whether there is enough. One frame may always be handled. */
export const takeBytes = (bytes: number): boolean => {
  schedule()
  if (bytes <= LARGE_FRAME_BYTES) return true
  if (spent > 0 && spent + bytes > SHARED_BYTES_PER_TURN) return false
  spent += bytes
  return true
}
