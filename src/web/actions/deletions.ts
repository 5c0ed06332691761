/**
 * Delays each deletion for a few seconds, so that the user can undo it. When the user hides or leaves the page, sends the
 * delayed deletions at once, because the user has already decided to delete the messages.
 */
import type { Outgoing, Room } from '../../../client/src/index.ts'

export interface Deletions {
  /** Returns the `seq` of each message with a delayed deletion in a room. Each change creates a new set. */
  waiting(room: string): ReadonlySet<number>
  start(room: Room, seq: number): void
  undo(room: Room, seq: number): void
  /** If `isHeld`, stops the timer of a deletion. Otherwise restarts it with the full delay. */
  hold(room: Room, seq: number, isHeld: boolean): void
  /** Sends all delayed deletions at once. */
  flush(): void
  subscribe(changed: () => void): () => void
}

/** Time in milliseconds for which a deletion can be undone. */
export const UNDO_MS = 5000

const NONE: ReadonlySet<number> = new Set()

/** Creates the list of delayed deletions. `flush` calls `onFlush` with each deletion that it sends. */
export const createDeletions = (onFlush: (deletion: Outgoing) => void = () => {}): Deletions => {
  const rooms = new Map<string, ReadonlySet<number>>()
  const jobs = new Map<string, { room: Room; seq: number; timer: ReturnType<typeof setTimeout> | undefined }>()
  const listeners = new Set<() => void>()
  const idOf = (room: Room, seq: number): string => `${seq} ${room.name}`

  const set = (name: string, change: (seqs: Set<number>) => void): void => {
    const seqs = new Set(rooms.get(name))
    change(seqs)
    rooms.set(name, seqs)
    for (const listener of listeners) listener()
  }
  const end = (room: Room, seq: number): boolean => {
    const job = jobs.get(idOf(room, seq))
    if (!job) return false
    clearTimeout(job.timer)
    jobs.delete(idOf(room, seq))
    set(room.name, seqs => seqs.delete(seq))
    return true
  }
  const send = (room: Room, seq: number): Outgoing => {
    // Deletes the message before the call of `end`. Otherwise, the page would show the message again for a moment.
    const deletion = room.delete(seq)
    end(room, seq)
    return deletion
  }

  return {
    waiting: name => rooms.get(name) ?? NONE,
    start(room, seq) {
      const id = idOf(room, seq)
      if (jobs.has(id)) return
      jobs.set(id, { room, seq, timer: setTimeout(() => send(room, seq), UNDO_MS) })
      set(room.name, seqs => seqs.add(seq))
    },
    undo: end,
    hold(room, seq, isHeld) {
      const job = jobs.get(idOf(room, seq))
      if (!job) return
      clearTimeout(job.timer)
      job.timer = isHeld ? undefined : setTimeout(() => send(room, seq), UNDO_MS)
    },
    flush() {
      for (const { room, seq } of [...jobs.values()]) onFlush(send(room, seq))
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    }
  }
}
