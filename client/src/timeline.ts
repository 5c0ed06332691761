/** Holds the messages of a room in memory. They are a part of the log without gaps, which grows at both ends. */
import { type Erasure, withErasure } from './message.ts'
import type { Message } from './room-types.ts'

export interface Timeline {
  /** Ascending by `seq`. Each change creates a new array. */
  readonly messages: readonly Message[]
  /** The first `seq` of the part of the log that is held. Undefined before the room is joined. */
  readonly first: number | undefined
  readonly hasOlder: boolean
  /** The number of calls to `begin`. A page that was requested in an earlier generation must not be inserted. */
  readonly generation: number
  /**
   * Removes all messages and starts after the entry `seq`. `oldest` is the `seq` of the oldest entry that the service keeps.
   */
  begin(seq: number, oldest: number): void
  append(message: Message): void
  /**
   * Removes the contents of erased messages. Until the next call to `begin`, also removes the contents of erased messages that
   * are inserted later.
   */
  erase(erasure: Erasure): void
  /**
   * Inserts a page of history before all messages. `from` is the `seq` of the page's first entry of any type, undefined for an
   * empty page.
   */
  prepend(page: readonly Message[], from: number | undefined, hasMore: boolean): void
}

/**
 * Creates a timeline of `keep` messages, plus the messages that were loaded from history. When there are more, removes the
 * oldest, except while `isHeld()` returns true.
 */
export const createTimeline = (keep: number, isHeld: () => boolean): Timeline => {
  let all: Message[] = []
  let shown: readonly Message[] | undefined
  let first: number | undefined
  let hasOlder = false
  let generation = 0
  let max = keep
  // Pages of history that were requested before an erasure may arrive after it. Keyed by user id.
  const erasures = new Map<number, Erasure>()

  const erased = (message: Message): Message => {
    const erasure = erasures.get(message.user_id)
    return erasure ? withErasure(message, erasure) : message
  }

  return {
    get messages() {
      shown ??= Object.freeze([...all])
      return shown
    },
    get first() {
      return first
    },
    get hasOlder() {
      return hasOlder
    },
    get generation() {
      return generation
    },
    begin(seq, oldest) {
      all = []
      shown = undefined
      first = seq + 1
      hasOlder = first > oldest
      max = keep
      erasures.clear()
      generation++
    },
    append(message) {
      all.push(message)
      shown = undefined
      if (all.length <= max || isHeld()) return
      all.splice(0, all.length - max)
      first = all[0]?.seq
      hasOlder = true
    },
    erase(erasure) {
      erasures.set(erasure.userId, erasure)
      all = all.map(message => withErasure(message, erasure))
      shown = undefined
    },
    prepend(page, from, hasMore) {
      all = [...page.map(erased), ...all]
      shown = undefined
      max += page.length
      first = from ?? first
      hasOlder = hasMore && from !== undefined
    }
  }
}
