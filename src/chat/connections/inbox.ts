/**
 * Queues the incoming frames of one connection. `ws` emits all frames of a read in the same turn of the event loop, and one
 * read may contain thousands of small frames. The inbox handles a bounded number of frames and bytes per turn and queues the
 * rest. While frames are queued, reads from the socket are paused.
 */
import { currentTurn, takeBytes, type Waiting, wait } from './turns.ts'

/** Maximum number of frames of one connection that are handled in one turn of the event loop. */
export const FRAMES_PER_TURN = 32
/**
 * Maximum number of bytes of one connection's frames that are handled in one turn of the event loop. The first frame of a turn
 * is handled even if it is larger.
 */
export const BYTES_PER_TURN = 64 * 1024

/** The functions of a connection that its inbox calls. */
export interface InboxOwner<Frame> {
  handle(frame: Frame): void
  bytesOf(frame: Frame): number
  /** Returns whether frames may be handled now. Returns false, for example, while too many earlier frames are in progress. */
  mayHandle(): boolean
  /** Called when a frame is added to the empty queue. The owner must pause reads until `onEmpty` is called. */
  onHeld(): void
  /** Called when all queued frames have been handled. */
  onEmpty(): void
}

export class Inbox<Frame> implements Waiting {
  readonly #owner: InboxOwner<Frame>
  #held: Frame[] = []
  #at = 0
  #handledIn = -1
  #frames = 0
  #bytes = 0

  constructor(owner: InboxOwner<Frame>) {
    this.#owner = owner
  }

  /** True while frames are queued. Reads from the socket must be paused while this is true. */
  get isHolding(): boolean {
    return this.#at < this.#held.length
  }

  // True only if the queued frames wait for a later turn. While `mayHandle` returns false, the frames instead wait until the
  // owner calls `proceed`.
  get isWaiting(): boolean {
    return this.isHolding && this.#owner.mayHandle()
  }

  /** Handles a frame now, or queues it for a later turn. Frames are handled in the order in which they arrived. */
  add(frame: Frame): void {
    if (!this.isHolding && this.#take(frame)) return this.#owner.handle(frame)
    this.#held.push(frame)
    if (this.#held.length === this.#at + 1) this.#owner.onHeld()
    if (this.isWaiting) wait(this)
  }

  /** Handles queued frames if `mayHandle` returns true. Must be called whenever the result of `mayHandle` may have changed. */
  proceed(): void {
    this.handleHeld()
    if (this.isWaiting) wait(this)
  }

  handleHeld(): boolean {
    const before = this.#at
    if (!this.isHolding) return false
    while (this.isHolding && this.#take(this.#held[this.#at] as Frame)) {
      this.#owner.handle(this.#held[this.#at++] as Frame)
    }
    if (this.isHolding) return this.#at > before
    this.clear()
    this.#owner.onEmpty()
    return true
  }

  /** Drops queued frames. */
  clear(): void {
    this.#held = []
    this.#at = 0
  }

  /** Returns whether a frame may be handled in this turn. If so, counts it against the limits of the turn. */
  #take(frame: Frame): boolean {
    if (!this.#owner.mayHandle()) return false
    const turn = currentTurn()
    if (turn !== this.#handledIn) this.#frames = this.#bytes = 0
    this.#handledIn = turn
    const size = this.#owner.bytesOf(frame)
    const isAllowed = this.#frames === 0 || (this.#frames < FRAMES_PER_TURN && this.#bytes + size <= BYTES_PER_TURN)
    if (!isAllowed || !takeBytes(size)) return false
    this.#frames++
    this.#bytes += size
    return true
  }
}
