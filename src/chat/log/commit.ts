/**
 * Appends a batch and settles its entries. If the append fails, the type of the error determines what happens: the batch is
 * retried, the batch is divided, the batch is rejected, or the entries of locked rooms are moved to separate queues.
 */

import type { DatabaseFault } from '../../db/client/errors.ts'
import type { AppendedEntry, NewEntry, RefusedEntry } from '../../db/database.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { Outcome, Pending } from './lane.ts'
import { refusalOf } from './refusals.ts'

export interface CommitOptions {
  /**
   * Appends a batch in one transaction. Returns one result per entry, in the order of the batch. If the write id of an entry is
   * already stored, its result is the position of the stored entry.
   */
  readonly append: (batch: NewEntry[]) => Promise<(AppendedEntry | RefusedEntry)[]>
  /** Classifies a failure of `append`. See src/db/client/errors.ts. */
  readonly faultOf: (error: unknown) => DatabaseFault
  /**
   * Finds the locked rooms of `batch`, and returns their ids. Adds all entries of each locked room to a separate queue (see
   * lane.ts): those in `batch`, those in `later`, and those that are queued. The entries stay in `batch` and `later`, so the
   * caller must skip them.
   */
  readonly setAside?: (batch: Pending[], later: Pending[]) => Promise<ReadonlySet<number>>
  /** Called when all entries of a batch have been settled. */
  readonly onSettled: (batch: Pending[]) => void
  /** Called for each failure, with the number of affected entries. */
  readonly onFailure: (error: unknown, entries: number) => void
  /** The delays before the retries, in milliseconds. The number of delays is the maximum number of retries. */
  readonly retryDelays: readonly number[]
  readonly delay: (ms: number) => Promise<void>
}

const TRANSIENT: ReadonlySet<DatabaseFault> = new Set(['retry', 'locked', 'replace-connection'])

/** Creates the function that commits a batch. The function never rejects. */
export const createCommit = (options: CommitOptions): ((batch: Pending[]) => Promise<void>) => {
  const { append, faultOf, setAside, onSettled, onFailure, retryDelays, delay } = options

  /** Calls the callbacks of a batch. If a callback throws, the others are still called. */
  const settle = (batch: Pending[], outcomeOf: (at: number) => Outcome): void => {
    batch.forEach((pending, at) => {
      for (const settled of pending.settle) {
        try {
          settled(outcomeOf(at))
        } catch (error) {
          onFailure(error, 1)
        }
      }
    })
    onSettled(batch)
  }

  /**
   * Commits the parts of a batch one after another. An attempt may fail although its entries were stored. A retry does not
   * store them again, because it finds their write ids in the database.
   */
  const commit = async ([batch, ...later]: Pending[][], attempt = 0): Promise<void> => {
    if (!batch) return
    if (batch.length === 0) return commit(later)
    let results: (AppendedEntry | RefusedEntry)[]
    try {
      results = await append(batch.map(({ entry }) => entry))
    } catch (error) {
      onFailure(error, batch.length)
      return recover([batch, ...later], error, attempt)
    }
    settle(batch, at => {
      const result = results[at]
      if (!result) return { error: failure(new Error('The append returned no result for an entry.')) }
      return 'refused' in result ? { error: refusalOf(result.refused, result) } : { appended: result }
    })
    return commit(later)
  }

  const recover = async ([batch = [], ...later]: Pending[][], error: unknown, attempt: number): Promise<void> => {
    const fault = faultOf(error)
    if (fault === 'divide' && batch.length > 1) {
      const half = batch.length / 2
      return commit([batch.slice(0, half), batch.slice(half), ...later])
    }
    if (fault === 'locked' && setAside) {
      const locked = await setAside(batch, later.flat())
      const isLeft = ({ entry }: Pending): boolean => !locked.has(entry.roomId)
      if (locked.size > 0)
        return commit(
          [batch, ...later].map(part => part.filter(isLeft)),
          attempt
        )
    }
    const pause = retryDelays[attempt]
    if (!TRANSIENT.has(fault) || pause === undefined) {
      settle(batch, () => ({ error: failure(error) }))
      return commit(later)
    }
    await delay(pause)
    return commit([batch, ...later], attempt + 1)
  }

  return batch => commit([batch])
}

const failure = (cause: unknown): ChatError =>
  new ChatError('unavailable', 'The message may not have been stored. Send it again, with the same nonce.', {
    retryAfterMs: 1000,
    cause
  })
