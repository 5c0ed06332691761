/** Queues entries with one append in flight; while it commits, the next batch gathers. */
import type { AppendedEntry, NewEntry } from '../../db/database.ts'
import type { ChatError } from '../../protocol/errors.ts'

/** Holds the result for an entry: its position in the log, or the error. */
export type Outcome = { readonly appended: AppendedEntry } | { readonly error: ChatError }

/** Holds an entry and the callbacks that wait for it. */
export interface Pending {
  readonly entry: NewEntry
  readonly bytes: number
  readonly settle: ((outcome: Outcome) => void)[]
}

/** Configures a lane. */
export interface LaneOptions {
  /** Settles every entry of the batch, or moves it to another lane. Never rejects. */
  readonly commit: (batch: Pending[]) => Promise<void>
  /** Called when nothing is queued or in flight. */
  readonly onIdle?: () => void
  readonly maxBatch: number
  /** Limits a batch, in bytes of ciphertext. */
  readonly maxBatchBytes: number
}

/** Queues the entries of one or more rooms. */
export interface Lane {
  /** Is true if nothing is queued or in flight. */
  readonly isIdle: boolean
  /** Queues an entry. Returns false if the same write id was queued; then it shares the outcome of that one. */
  add(pending: Pending): boolean
  /** Removes the queued entries of a room, and returns them in order. */
  remove(roomId: number): Pending[]
  /** Resolves when everything that was queued has been committed. */
  idle(): Promise<void>
}

export const createLane = ({ commit, onIdle = () => {}, maxBatch, maxBatchBytes }: LaneOptions): Lane => {
  const queue = new Map<string, Pending>()
  let running: Promise<void> | undefined

  const takeBatch = (): Pending[] => {
    const batch: Pending[] = []
    let bytes = 0
    for (const [key, pending] of queue) {
      if (batch.length > 0 && (batch.length >= maxBatch || bytes + pending.bytes > maxBatchBytes)) break
      bytes += pending.bytes
      batch.push(pending)
      queue.delete(key)
    }
    return batch
  }

  const run = async (): Promise<void> => {
    while (queue.size > 0) await commit(takeBatch())
    running = undefined
    onIdle()
  }

  return {
    get isIdle() {
      return running === undefined
    },
    add(pending) {
      const key = keyOf(pending.entry)
      const same = queue.get(key)
      // A batch must not contain a write id twice.
      if (same) same.settle.push(...pending.settle.map(settled => asReplay(settled, same.entry)))
      else queue.set(key, pending)
      // Deferred to the end of this turn of the event loop, so that what arrives together is written together.
      running ??= Promise.resolve().then(run)
      return !same
    },
    remove(roomId) {
      const removed = [...queue].filter(([, { entry }]) => entry.roomId === roomId)
      for (const [key] of removed) queue.delete(key)
      return removed.map(([, pending]) => pending)
    },
    async idle() {
      while (running) await running
    }
  }
}

const keyOf = ({ roomId, userId, writeId }: NewEntry): string => `${roomId} ${userId} ${writeId}`

const asReplay =
  (settled: Pending['settle'][number], { kind, targetSeq = null, content, meta, detail = null }: NewEntry) =>
  (outcome: Outcome): void =>
    settled(
      'error' in outcome
        ? outcome
        : { appended: { ...outcome.appended, replayed: true, stored: { kind, targetSeq, content, meta, detail } } }
    )
