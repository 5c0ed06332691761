/**
 * Queues entries and appends them in batches, one batch at a time. Entries that arrive during an append form the next batch.
 */
import type { AppendedEntry, NewEntry } from '../../db/database.ts'
import type { ChatError } from '../../protocol/errors.ts'

/** The result for an entry: its position in the log, or the error. */
export type Outcome = { readonly appended: AppendedEntry } | { readonly error: ChatError }

/** A queued entry, and the callbacks that receive its result. */
export interface Pending {
  readonly entry: NewEntry
  /** The size of the entry, in bytes of ciphertext. */
  readonly bytes: number
  /** See `AppendQueueOptions.now`. */
  readonly queuedAt: number
  /** Called with the result. There are several callbacks if the same entry was queued several times. */
  readonly settle: ((outcome: Outcome) => void)[]
}

export interface LaneOptions {
  /** Appends a batch. Settles every entry of the batch, or moves the entry to another lane. Never rejects. */
  readonly commit: (batch: Pending[]) => Promise<void>
  /** Called when no entry is queued or in flight. */
  readonly onIdle?: () => void
  /** Maximum number of entries in a batch. */
  readonly maxBatch: number
  /** Maximum size of a batch, in bytes of ciphertext. A batch of one entry may exceed the limit. */
  readonly maxBatchBytes: number
}

/** A queue for the entries of one or more rooms. */
export interface Lane {
  /** True if no entry is queued or in flight. */
  readonly isIdle: boolean
  /**
   * Queues an entry. If an entry with the same room, user and write id is already queued, returns false. In this case, the new
   * entry settles as a replay, with the result of the queued entry.
   */
  add(pending: Pending): boolean
  /** Removes the queued entries of these rooms, and returns them in order. */
  remove(roomIds: ReadonlySet<number>): Pending[]
  /** Resolves when no entry is queued or in flight. */
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
      // A batch must not contain the same write id twice, so the second entry is not queued.
      if (same) same.settle.push(...pending.settle.map(settled => asReplay(settled, same.entry)))
      else queue.set(key, pending)
      // The run starts in a microtask, so that entries that are added by the same synchronous code are in one batch.
      running ??= Promise.resolve().then(run)
      return !same
    },
    remove(roomIds) {
      const removed = [...queue].filter(([, { entry }]) => roomIds.has(entry.roomId))
      for (const [key] of removed) queue.delete(key)
      return removed.map(([, pending]) => pending)
    },
    async idle() {
      while (running) await running
    }
  }
}

const keyOf = ({ roomId, userId, writeId }: NewEntry): string => `${roomId} ${userId} ${writeId}`

/**
 * Returns the callback of a repeated entry, which has the same write id as an entry in the queue. `settled` receives the result
 * of the queued entry when that entry is appended. The result contains the content of the queued entry in `stored`, so that
 * append-draft.ts can compare it with the content of the repeated entry.
 */
const asReplay =
  (settled: Pending['settle'][number], { kind, targetSeq = null, content, meta, detail = null }: NewEntry) =>
  (outcome: Outcome): void => {
    if ('error' in outcome) return settled(outcome)
    const { appended } = outcome
    const stored = { kind, targetSeq, content, meta, detail }
    settled({ appended: { ...appended, outcome: appended.outcome === 'unchanged' ? 'unchanged' : 'replayed', stored } })
  }
