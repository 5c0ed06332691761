/**
 * Queues appends (group commit): one append is in flight for all rooms. A locked room gets a lane of its own until it can be written
 * to again, so that it delays only its own messages. Entries of a room settle in the order in which they were added, only after
 * their commit, each exactly once.
 */
import pLimit from 'p-limit'
import type { NewEntry } from '../../db/database.ts'
import { withTimeout } from '../../lib/timeout.ts'
import { ChatError } from '../../protocol/errors.ts'
import { type CommitOptions, createCommit } from './commit.ts'
import { createLane, type Lane, type Outcome, type Pending } from './lane.ts'

export type { Outcome }

/** Configures the append queue. */
export interface AppendQueueOptions extends Pick<CommitOptions, 'append' | 'faultOf'> {
  /** Returns which of these rooms are locked. */
  readonly lockedRooms?: (roomIds: number[]) => Promise<number[]>
  /** Called with each failure; the caller logs it. */
  readonly onFailure?: CommitOptions['onFailure']
  readonly maxBatch?: number
  readonly maxQueue?: number
  /** Limits a batch, and the queue, in bytes of ciphertext. */
  readonly maxBatchBytes?: number
  readonly maxQueueBytes?: number
  /** Limits one attempt, in milliseconds; a database that doesn't respond counts as a lost connection. */
  readonly attemptMs?: number
  readonly retryDelays?: readonly number[]
  readonly delay?: (ms: number) => Promise<void>
}

/** Appends entries to the log; the only way to do so in this process. */
export interface AppendQueue {
  /** Queues an entry. `settled` is called once. Throws `busy` when the queue is full; then nothing was queued. */
  append(entry: NewEntry, settled: (outcome: Outcome) => void): void
  /** Resolves when everything that was queued has settled. */
  idle(): Promise<void>
}

const RETRY_DELAYS = [50, 200, 500, 1000, 2000, 3000]
/** Limits the locked rooms that are appended to at once: each attempt holds a connection until its lock times out. */
const SLOW_AT_ONCE = 2
/** Limits the query for locked rooms, in milliseconds. */
const LOCKED_MS = 2000
const wait = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

export const createAppendQueue = ({
  append,
  faultOf,
  lockedRooms = async () => [],
  onFailure = () => {},
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
  }
  const attempt: AppendQueueOptions['append'] = batch => withTimeout(attemptMs, 'the database', append(batch))
  const attempts = { faultOf, onFailure, retryDelays, delay }
  const bounds = { maxBatch, maxBatchBytes }

  /** Returns the lane of a locked room. It is kept while its last append met a lock, so that a long lock doesn't delay the other rooms again. */
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

  const whichAreLocked = async (batch: Pending[]): Promise<number[]> => {
    const rooms = [...new Set(batch.map(({ entry }) => entry.roomId))]
    if (rooms.length === 1) return rooms
    return withTimeout(LOCKED_MS, 'the database', lockedRooms(rooms)).catch(error => {
      onFailure(error, batch.length)
      return []
    })
  }

  const setAside: CommitOptions['setAside'] = async (batch, later) => {
    const locked = new Set(await whichAreLocked(batch))
    // Entries that were queued later stay behind earlier ones.
    const moved = [
      ...[...batch, ...later].filter(({ entry }) => locked.has(entry.roomId)),
      ...[...locked].flatMap(roomId => mainLane.remove(roomId))
    ]
    for (const pending of moved) if (!slowLaneOf(pending.entry.roomId).add(pending)) waitingBytes -= pending.bytes
    return locked
  }

  const mainLane = createLane({
    ...bounds,
    commit: createCommit({ ...attempts, append: attempt, setAside, onSettled })
  })

  return {
    append(entry, settled) {
      if (waiting >= maxQueue || waitingBytes >= maxQueueBytes) throw busy()
      waiting++
      const bytes = (entry.content?.length ?? 0) + (entry.meta?.length ?? 0)
      const lane = slowLanes.get(entry.roomId) ?? mainLane
      if (lane.add({ entry, bytes, settle: [settled] })) waitingBytes += bytes
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
