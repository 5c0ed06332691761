/**
 * Decides when a room delivers its pending entries. A delivery to many subscribers takes a long time, and one write costs about
 * the same for one entry as for twenty. So the room waits for entries that are about to be committed, and delivers them in the
 * same write.
 *
 * The room waits only while this process is appending entries to it. It waits at most as long as its last delivery took, and at
 * most `MAX_MS`. A room with few messages or few subscribers hardly waits. See docs/performance.md.
 */
import type { Clock } from '../../lib/clock.ts'

/** Maximum pause in milliseconds after a delivery. */
const MAX_MS = 5

export class Pause {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #deliver: () => void
  /** The number of entries of the room that are being appended. */
  #appending = 0
  /** The monotonic time in milliseconds at which the pause after the last delivery ends. */
  #until = 0
  #timer: NodeJS.Timeout | undefined
  #isChecking = false

  /** Creates a pause. `deliver` delivers the pending entries, if there are any. */
  constructor(clock: Pick<Clock, 'monotonic'>, deliver: () => void) {
    this.#clock = clock
    this.#deliver = deliver
  }

  /** Called when this process starts to append an entry. `appendEnded` must be called when the append ends. */
  appendStarted(): void {
    this.#appending++
  }

  /** Called after the append of an entry has ended and before the entry is added to the room. */
  appendEnded(): void {
    this.#appending--
    if (this.#timer) this.#check()
  }

  /** Called when an entry is pending. If the room pauses, delivers when the pause ends. If not, delivers in a microtask. */
  schedule(): void {
    const ms = this.#until - this.#clock.monotonic()
    if (ms <= 0) return queueMicrotask(this.#deliver)
    this.#timer ??= setTimeout(this.#deliver, ms)
    this.#check()
  }

  /** Called after each delivery, with its duration in milliseconds. */
  start(ms: number): void {
    this.#until = this.#clock.monotonic() + Math.min(MAX_MS, ms)
  }

  /** Cancels the scheduled delivery. */
  cancel(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /**
   * Ends the pause if no entry is being appended. Lets the event loop read the sockets first, because they may contain further
   * messages for the room.
   */
  #check(): void {
    if (this.#appending > 0 || this.#isChecking) return
    this.#isChecking = true
    setImmediate(() => {
      this.#isChecking = false
      if (this.#appending === 0) this.#deliver()
    })
  }
}
