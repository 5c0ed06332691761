/**
 * Queues entries and appends them in batches (group commit). All rooms without rows that another transaction has locked
 * share one lane (a queue), which has one append in flight at a time. Each other room has its own lane, so that the lock delays
 * only the entries of that room. Each entry settles exactly once, after its commit or when it is rejected. The entries of a room
 * settle in the order in which they were queued. An entry that repeats a queued entry settles together with the queued entry.
 */
import pLimit from 'p-limit'
import type { NewEntry } from '../../db/database.ts'
import { withTimeout } from '../../lib/timeout.ts'
import { ChatError } from '../../protocol/errors.ts'
import { type CommitOptions, createCommit } from './commit.ts'
import { createLane, type Lane, type Outcome, type Pending } from './lane.ts'

export type { Outcome }

export interface AppendQueueOptions extends Pick<CommitOptions, 'append' | 'faultOf'> {
  /** Returns the ids in `roomIds` whose rooms are locked or do not exist. */
  readonly lockedRooms?: (roomIds: number[]) => Promise<number[]>
  /** Called for each failure, with the number of affected entries, so that the failure can be logged. */
  readonly onFailure?: CommitOptions['onFailure']
  /** Returns milliseconds since an arbitrary point, to measure how long entries wait. */
  readonly now?: () => number
  /** Called when a batch has settled, with the time in milliseconds that its oldest entry waited. */
  readonly onCommitted?: (waitedMs: number) => void
  /** Maximum number of entries in a batch. */
  readonly maxBatch?: number
  /** Maximum number of entries that are queued or in flight. */
  readonly maxQueue?: number
  /** Maximum size of a batch, in bytes of ciphertext. A batch of one entry may exceed the limit. */
  readonly maxBatchBytes?: number
  /** Maximum size of all entries that are queued or in flight, in bytes of ciphertext. The last entry may exceed the limit. */
  readonly maxQueueBytes?: number
  /**
   * Timeout in milliseconds of one attempt to append a batch. An attempt that times out is treated like a lost connection.
   */
  readonly attemptMs?: number
  readonly retryDelays?: readonly number[]
  readonly delay?: (ms: number) => Promise<void>
}

/**
 * Appends entries to the log. Every entry of this process is appended through this queue, except those in a transaction of the
 * host application.
 */
export interface AppendQueue {
  /** Queues an entry, and calls `settled` once with the result. If the queue is full, throws `busy` and queues nothing. */
  append(entry: NewEntry, settled: (outcome: Outcome) => void): void
  /** The number of entries that are queued or in flight. */
  readonly waiting: number
  /** Resolves when all queued entries have settled. */
  idle(): Promise<void>
}

const RETRY_DELAYS = [50, 200, 500, 1000, 2000, 3000]
/**
 * Maximum number of concurrent appends to locked rooms. Each of these appends uses a database connection until the lock is
 * released or the wait for the lock times out.
 */
const SLOW_AT_ONCE = 2
/** Timeout in milliseconds of the query for locked rooms. */
const LOCKED_MS = 2000
const wait = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

export const createAppendQueue = ({
  append,
  faultOf,
  lockedRooms = async () => [],
  onFailure = () => {},
  now = () => 0,
  onCommitted = () => {},
  maxBatch = 200,
  maxQueue = 10_000,
  maxBatchBytes = 2 * 1024 * 1024,
  maxQueueBytes = 32 * 1024 * 1024,
  attemptMs = 12_000,
  retryDelays = RETRY_DELAYS,
  delay = wait
}: AppendQueueOptions): AppendQueue => {
  const slowLanes = new Map<number, Lane>()
  const atOnce = pLimit(SLOW_AT_ONCE)
  let waiting = 0
  let waitingBytes = 0

  const onSettled = (batch: Pending[]): void => {
    waiting -= batch.reduce((count, { settle }) => count + settle.length, 0)
    waitingBytes -= batch.reduce((sum, { bytes }) => sum + bytes, 0)
    const [oldest] = batch
    if (oldest) onCommitted(now() - oldest.queuedAt)
  }
  const attempt: AppendQueueOptions['append'] = batch => withTimeout(attemptMs, 'the database', append(batch))
  const attempts = { faultOf, onFailure, retryDelays, delay }
  const bounds = { maxBatch, maxBatchBytes }

  /**
   * Returns the separate lane of a room that may be locked, and creates it if necessary. While the lane exists, new entries of
   * the room are queued only in this lane. So a long lock delays the other rooms only once. The lane is removed when it is idle
   * and its last append was not blocked by a lock.
   */
  const slowLaneOf = (roomId: number): Lane => {
    const known = slowLanes.get(roomId)
    if (known) return known
    let isLocked = true
    const attemptInTurn: AppendQueueOptions['append'] = async batch => {
      try {
        const appended = await atOnce(() => attempt(batch))
        isLocked = false
        return appended
      } catch (error) {
        isLocked = faultOf(error) === 'locked'
        throw error
      }
    }
    const commit = createCommit({ ...attempts, append: attemptInTurn, onSettled })
    const onIdle = (): void => {
      if (!isLocked) slowLanes.delete(roomId)
    }
    const lane = createLane({ ...bounds, commit, onIdle })
    slowLanes.set(roomId, lane)
    return lane
  }

  /**
   * Returns the rooms to which an append may have to wait. If the rooms themselves are not locked, another row is, such as a
   * message that gets a reaction. Then each room of the batch gets a lane, until its next append succeeds.
   */
  const whichMayBeLocked = async (batch: Pending[]): Promise<number[]> => {
    const rooms = [...new Set(batch.map(({ entry }) => entry.roomId))]
    if (rooms.length === 1) return rooms
    try {
      const locked = await withTimeout(LOCKED_MS, 'the database', lockedRooms(rooms))
      return locked.length > 0 ? locked : rooms
    } catch (error) {
      onFailure(error, batch.length)
      return []
    }
  }

  const setAside: CommitOptions['setAside'] = async (batch, later) => {
    const locked = new Set(await whichMayBeLocked(batch))
    // The entries keep the order in which they were queued: those of `batch` first, then those of `later`, then those in the
    // main lane.
    const moved = [...[...batch, ...later].filter(({ entry }) => locked.has(entry.roomId)), ...mainLane.remove(locked)]
    for (const pending of moved) if (!slowLaneOf(pending.entry.roomId).add(pending)) waitingBytes -= pending.bytes
    return locked
  }

  const mainLane = createLane({
    ...bounds,
    commit: createCommit({ ...attempts, append: attempt, setAside, onSettled })
  })

  return {
    get waiting() {
      return waiting
    },
    append(entry, settled) {
      if (waiting >= maxQueue || waitingBytes >= maxQueueBytes) throw busy()
      waiting++
      const bytes = (entry.content?.length ?? 0) + (entry.meta?.length ?? 0)
      const lane = slowLanes.get(entry.roomId) ?? mainLane
      if (lane.add({ entry, bytes, queuedAt: now(), settle: [settled] })) waitingBytes += bytes
    },
    async idle() {
      for (;;) {
        const running = [mainLane, ...slowLanes.values()].filter(({ isIdle }) => !isIdle)
        if (running.length === 0) return
        await Promise.all(running.map(lane => lane.idle()))
      }
    }
  }
}

const busy = (): ChatError =>
  new ChatError('busy', 'The service is busy. Send the message again, with the same nonce.', { retryAfterMs: 1000 })
