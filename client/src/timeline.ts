/** The messages of a room that are in memory: one piece of its log without a gap, growing at both ends. */
import type { Message } from './room-types.ts'

export interface Timeline {
  /** Ascending by `seq`; another array after each change. */
  readonly messages: readonly Message[]
  /** Everything from this `seq` on is here; undefined before the room is joined. */
  readonly first: number | undefined
  readonly hasOlder: boolean
  /** Counts how often it was begun anew. */
  readonly generation: number
  /** Begins anew, empty: what is up to `seq` is history. */
  begin(seq: number, oldest: number): void
  append(message: Message): void
  /** Puts a page of history before all that is there; its first entry, a message or not, is `from` (undefined: it has none). */
  prepend(page: readonly Message[], from: number | undefined, hasMore: boolean): void
}

/** Keeps `keep` messages, and as many more as were loaded from history; then the oldest go, unless `isHeld` says so. */
export const createTimeline = (keep: number, isHeld: () => boolean): Timeline => {
  let all: Message[] = []
  let shown: readonly Message[] | undefined
  let first: number | undefined
  let hasOlder = false
  let generation = 0
  let most = keep

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
      most = keep
      generation++
    },
    append(message) {
      all.push(message)
      shown = undefined
      if (all.length <= most || isHeld()) return
      all.splice(0, all.length - most)
      first = all[0]?.seq
      hasOlder = true
    },
    prepend(page, from, hasMore) {
      all = [...page, ...all]
      shown = undefined
      most += page.length
      first = from ?? first
      hasOlder = hasMore && from !== undefined
    }
  }
}
