/**
 * The group commit: one append in flight, and while it commits the next batch gathers. Entries settle in the order in
 * which they were given, only after their commit, each exactly once.
 */

import type { AppendedEntry, NewEntry } from '../db/database.ts'
import { ChatError } from '../errors.ts'
import { TooLate, within } from '../within.ts'

/** What became of an entry: where it stands in the log, or why it isn't there. */
export type Outcome = { readonly appended: AppendedEntry } | { readonly error: ChatError }

/** What the writer needs, and its bounds. */
export interface WriterOptions {
  /** Appends a batch atomically; answers in the batch's order. A repeat of a write id answers the first one's place. */
  readonly append: (batch: NewEntry[]) => Promise<AppendedEntry[]>
  /** Whether a failure was the connection's: then the batch may or may not be there, and it is tried again whole. */
  readonly isConnectionError: (error: unknown) => boolean
  /** Told of each failure; the caller logs it. */
  readonly onFailure?: (error: unknown, entries: number) => void
  readonly maxBatch?: number
  readonly maxQueue?: number
  /** The most that a batch, and the queue, may weigh, in bytes of sealed text. */
  readonly maxBatchBytes?: number
  readonly maxQueueBytes?: number
  /** How long one try may take, in milliseconds; a silent database counts as a lost connection. */
  readonly attemptMs?: number
  /** Waits between the tries of a batch whose connection failed, in milliseconds; their number bounds the tries. */
  readonly retryDelays?: readonly number[]
  readonly delay?: (ms: number) => Promise<void>
}

/** The one way into the log for this process. */
export interface Writer {
  /** Queues an entry. `settled` is called once. Throws `busy` when the queue is full: then nothing was queued. */
  append(entry: NewEntry, settled: (outcome: Outcome) => void): void
  /** Resolves when everything that was given has settled. */
  idle(): Promise<void>
}

interface Pending {
  readonly entry: NewEntry
  readonly bytes: number
  readonly settle: ((outcome: Outcome) => void)[]
}

const RETRY_DELAYS = [50, 200, 500, 1000, 2000, 3000]
const wait = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))
const keyOf = ({ roomId, userId, writeId }: NewEntry): string => `${roomId} ${userId} ${writeId}`

/** Makes the process's writer. */
export const createWriter = ({
  append,
  isConnectionError,
  onFailure = () => {},
  maxBatch = 200,
  maxQueue = 10_000,
  maxBatchBytes = 2 * 1024 * 1024,
  maxQueueBytes = 32 * 1024 * 1024,
  attemptMs = 12_000,
  retryDelays = RETRY_DELAYS,
  delay = wait
}: WriterOptions): Writer => {
  const queue = new Map<string, Pending>()
  let waiting = 0
  let waitingBytes = 0
  let running: Promise<void> | undefined

  /** Appends a batch, and again when only the connection failed: the write ids keep a batch that got through single. */
  const appendSurely = async (batch: Pending[]): Promise<AppendedEntry[]> => {
    for (let attempt = 0; ; attempt++) {
      try {
        return await within(attemptMs, 'the database', append(batch.map(({ entry }) => entry)))
      } catch (error) {
        onFailure(error, batch.length)
        const pause = retryDelays[attempt]
        if (!isLost(error) || pause === undefined) throw error
        await delay(pause)
      }
    }
  }

  // A try took too long: what it did, if anything, isn't known; its write ids make a second one safe.
  const isLost = (error: unknown): boolean => error instanceof TooLate || isConnectionError(error)

  /** Tells everyone who waits for an entry. One that fails at hearing it must not keep the log from the others. */
  const settleAll = (batch: Pending[], outcomeOf: (at: number) => Outcome): void => {
    batch.forEach(({ settle }, at) => {
      for (const settled of settle) {
        try {
          settled(outcomeOf(at))
        } catch (error) {
          onFailure(error, 1)
        }
      }
    })
  }

  /** Commits a batch. A failure that isn't the connection's is halved down to the entry that causes it. */
  const commit = async (batch: Pending[]): Promise<void> => {
    let appended: AppendedEntry[]
    try {
      appended = await appendSurely(batch)
    } catch (error) {
      if (batch.length === 1 || isLost(error)) return settleAll(batch, () => ({ error: failure(error) }))
      await commit(batch.slice(0, batch.length / 2))
      return commit(batch.slice(batch.length / 2))
    }
    settleAll(batch, at => {
      const entry = appended[at]
      return entry ? { appended: entry } : { error: failure(new Error('the append left an entry out')) }
    })
  }

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
    while (queue.size > 0) {
      const batch = takeBatch()
      await commit(batch)
      waiting -= batch.reduce((count, { settle }) => count + settle.length, 0)
      waitingBytes -= batch.reduce((sum, { bytes }) => sum + bytes, 0)
    }
    running = undefined
  }

  return {
    append(entry, settled) {
      if (waiting >= maxQueue || waitingBytes >= maxQueueBytes) {
        throw new ChatError('busy', 'The service is busy. Send the message again, with the same nonce.', {
          retryAfterMs: 1000
        })
      }
      waiting++
      const key = keyOf(entry)
      const same = queue.get(key)
      // A repeat within the batch rides with the first; a batch must not hold a write id twice.
      if (same) same.settle.push(outcome => settled(asReplay(outcome, same.entry)))
      else {
        const bytes = (entry.content?.length ?? 0) + (entry.meta?.length ?? 0)
        waitingBytes += bytes
        queue.set(key, { entry, bytes, settle: [settled] })
      }
      // Deferred to the end of this turn of the loop, so that what arrives together is written together.
      running ??= Promise.resolve().then(run)
    },
    async idle() {
      while (running) await running
    }
  }
}

const asReplay = (outcome: Outcome, { content, meta }: NewEntry): Outcome =>
  'error' in outcome ? outcome : { appended: { ...outcome.appended, replayed: true, stored: { content, meta } } }

const failure = (cause: unknown): ChatError =>
  new ChatError('unavailable', 'The message may not have been stored. Send it again, with the same nonce.', {
    retryAfterMs: 1000,
    cause
  })
