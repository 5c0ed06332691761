/**
 * Deletes entries of the log whose retention time has ended. First moves `oldest_seq` of the room, so that no process shows the
 * entries anymore, and then deletes their rows in batches. Every process looks for work, but only one deletes at a time. Another
 * process continues after a crash.
 */
import type { MessageRetentionRepository } from '../db/repositories/message-retention.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/logging.ts'
import { createPace } from '../lib/pace.ts'

export interface MessageRetentionOptions {
  readonly repository: MessageRetentionRepository
  /** The setting MESSAGE_RETENTION_DAYS. If 0, only the limits of rooms apply. */
  readonly days: number
  readonly clock: Clock
  readonly log: Log
}

export interface MessageRetention {
  /** The number of entries that this process has deleted. */
  readonly deletedEntries: number
  start(): void
  /** Deletes expired entries now. Resolves when none are left, or when another process is deleting entries. */
  run(): Promise<void>
  /** Stops the timer. Resolves when a running statement has ended. */
  stop(): Promise<void>
}

/** Interval in milliseconds at which a process looks for work. */
const RUN_MS = 10 * 60_000
/** Maximum number of entries per transaction. */
const MAX_ROWS = 500

export const createMessageRetention = (options: MessageRetentionOptions): MessageRetention => {
  const { repository, days, clock, log } = options
  const stopping = new AbortController()
  const pace = createPace(clock, { maxRows: MAX_ROWS, signal: stopping.signal })
  let stopTimer: (() => void) | undefined
  let running: Promise<void> | undefined
  let deletedEntries = 0

  /** Deletes the expired entries of a room. Returns false if another process is deleting entries. */
  const deleteOf = async (roomId: number): Promise<boolean> => {
    while (!stopping.signal.aborted) {
      const batch = await pace.run(rows => repository.deleteSome(roomId, rows))
      if (!batch) return false
      deletedEntries += batch.deleted
      if (batch.found === 0) return true
    }
    return true
  }

  const work = async (): Promise<void> => {
    for (let after: number | undefined = 0; after !== undefined && !stopping.signal.aborted; ) {
      const rooms = await repository.rooms(after, days)
      for (const { id, isDue, hasRows } of rooms) {
        if (stopping.signal.aborted) return
        if (isDue && !(await repository.expire(id, days))) log.info({ room_id: id }, LOCKED)
        if ((isDue || hasRows) && !(await deleteOf(id))) return
      }
      after = rooms.at(-1)?.id
    }
  }

  const run = (): Promise<void> => {
    running ??= work()
      .catch(err => log.warn({ err }, 'failed to delete expired messages; retrying in ten minutes'))
      .finally(() => {
        running = undefined
      })
    return running
  }

  return {
    get deletedEntries() {
      return deletedEntries
    },
    start() {
      stopTimer ??= clock.every(RUN_MS, () => void run())
    },
    run,
    async stop() {
      stopTimer?.()
      stopping.abort()
      await running
    }
  }
}

const LOCKED = 'a room was locked for a second, so its expired messages are not deleted yet; retrying in ten minutes'
