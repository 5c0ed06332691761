/**
 * Notifies the host application of the entries that this process committed. The entries of one room are reported in the order of
 * its log. An entry that was appended in a transaction of the host application is reported when the room has read it, because
 * only the host application knows when its transaction ends.
 */
import type { Clock } from '../../lib/clock.ts'
import type { Chunk } from '../connections/encoded.ts'
import type { Subscriber } from '../rooms/delivery.ts'
import type { Room } from '../rooms/room.ts'
import type { Entry } from './entry.ts'

/** Reports one entry. Must not throw. */
export type Notify = () => void

export interface CommittedEntries {
  /** Called after the commit of an entry, before the entry is passed to the room. */
  committed(room: Room, entry: Entry, notify: Notify): void
  /** Called after the entry was passed to the room, if the room already had the entry. */
  passed(room: Room, entry: Entry): void
  /** Called when an entry was appended in a transaction of the host application, which may commit or roll back. */
  pending(room: Room, entry: Entry, notify: Notify): void
  close(): void
}

/** The entries of a transaction of the host application are reported only if it commits within this many milliseconds. */
const MAX_TRANSACTION_MS = 10 * 60_000
const SWEEP_MS = 60_000

interface Awaited {
  readonly seq: number
  readonly notify: Notify
  /** False for an entry whose transaction may still be rolled back. */
  readonly isCommitted: boolean
  readonly since: number
}

/** Waits until a room delivers the pending entries. Subscribes to the room, so that the room stays loaded. */
class Watch implements Subscriber {
  /** No user has the id -1. */
  readonly userId = -1
  readonly showsReads = false
  readonly entries = new Map<number, Awaited>()
  readonly #room: Room
  readonly #onEnd: () => void

  constructor(room: Room, onEnd: () => void) {
    this.#room = room
    this.#onEnd = onEnd
    room.subscribers.add(this)
  }

  deliver({ frames }: Chunk<Entry>, head: number): void {
    for (const { id } of frames) {
      this.entries.get(id)?.notify()
      this.entries.delete(id)
    }
    // An entry up to `head` that was not delivered will never be delivered. If it is not known to be committed, it was rolled
    // back.
    this.drop(({ seq }) => seq <= head)
  }

  /**
   * Removes the entries for which `isDropped` returns true, and reports those of them that are known to be committed. Ends the
   * subscription if no entries are left.
   */
  drop(isDropped: (entry: Awaited) => boolean): void {
    for (const [id, entry] of this.entries) {
      if (!isDropped(entry)) continue
      this.entries.delete(id)
      if (entry.isCommitted) entry.notify()
    }
    if (this.entries.size > 0) return
    this.#room.subscribers.delete(this)
    this.#onEnd()
  }

  broken(): void {
    this.drop(() => true)
  }

  interrupt(): void {
    this.drop(() => true)
  }

  hint(): void {}
  replace(): void {}
  removed(): void {}
}

export const createCommittedEntries = (clock: Clock): CommittedEntries => {
  const watches = new Map<Room, Watch>()

  const add = (room: Room, { id, seq }: Entry, notify: Notify, isCommitted: boolean): void => {
    const watch = watches.get(room) ?? new Watch(room, () => watches.delete(room))
    watches.set(room, watch)
    watch.entries.set(id, { seq, notify, isCommitted, since: clock.monotonic() })
  }

  const stop = clock.every(SWEEP_MS, () => {
    const oldest = clock.monotonic() - MAX_TRANSACTION_MS
    for (const watch of [...watches.values()]) watch.drop(({ since }) => since < oldest)
  })

  return {
    committed(room, entry, notify) {
      // An entry of a pending transaction may precede `entry` in the log. To keep the order, `entry` is reported only when the
      // room delivers it.
      if (watches.has(room)) add(room, entry, notify, true)
      else notify()
    },
    passed(room, { seq }) {
      // The room may have read the entry from the database before the append queue received the result of the append. In this
      // case, the room has already delivered the entry and will not deliver it again, so the entry is reported here.
      if (room.head >= seq) watches.get(room)?.drop(awaited => awaited.seq === seq && awaited.isCommitted)
    },
    pending: (room, entry, notify) => add(room, entry, notify, false),
    close: stop
  }
}
