/**
 * Reads the changes that triggers of the database have recorded, such as deleted users, new names and erased entries. A change
 * may come from any process, or from SQL that an operator runs. A notification starts a read. The feed also polls, so that a
 * change whose notification was lost is still read within a few seconds.
 */

import type { Changes, ChangesRepository } from '../../db/database.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import { withTimeout } from '../../lib/timeout.ts'

export interface ChangeFeedOptions {
  readonly repository: ChangesRepository
  readonly clock: Clock
  readonly log: Log
  /**
   * Interval in milliseconds at which the feed polls. The default is 2000. A database without notifications needs a shorter
   * interval.
   */
  readonly pollMs?: number | undefined
  /** Called with the changes of each read. */
  readonly onChanges: (changes: Changes) => void
  /** Called instead of `onChanges` if the individual changes are not known. In this case, anything may have changed. */
  readonly onLost: () => void
}

export interface ChangeFeed {
  /** Returns whether every change that is older than a few seconds has been reported. */
  isCurrent(): boolean
  /** Reads new changes. Called when a notification arrives. */
  wake(): void
  /**
   * Starts the feed. Called each time the bus has connected, because the database may have been replaced in the meantime. The
   * next read calls `onLost`, because the changes since the last read are not known.
   */
  reset(): void
  close(): void
}

const POLL_MS = 2000
/** `isCurrent` returns false if the last successful read began more than this many milliseconds ago. */
const CURRENT_MS = 5000
const READ_TIMEOUT_MS = 3000
/**
 * Delay in milliseconds before the next read if notifications arrived during a read. The delay lets one read return many
 * changes. Without it, each notification could cause a read.
 */
const PAUSE_MS = 50
/** Interval in milliseconds at which old changes are deleted from the database. */
const SWEEP_MS = 10 * 60_000
/**
 * If no read has succeeded for this many milliseconds, the next successful read calls `onLost`. This time is shorter than the
 * hour after which changes are deleted from the database, so that no change is deleted unnoticed.
 */
const LOST_AFTER_MS = 30 * 60_000
/** Minimum time in milliseconds between two log lines about failed reads. */
const REPORT_MS = 60_000

/** Creates the feed, which reads nothing before the first call of `reset`. */
export const createChangeFeed = (options: ChangeFeedOptions): ChangeFeed => {
  const { repository, clock, log, pollMs = POLL_MS, onChanges, onLost } = options
  const report = createReport(options)
  let since: string | undefined
  let readAt = Number.NEGATIVE_INFINITY
  let isLost = true
  let isStarted = false
  let isReading = false
  let isWanted = false
  let isClosed = false

  const read = async (): Promise<void> => {
    const startedAt = clock.monotonic()
    if (startedAt - readAt > LOST_AFTER_MS) isLost = true
    const from = isLost ? undefined : since
    isLost = false
    try {
      const { snapshot, changes } = await withTimeout(READ_TIMEOUT_MS, 'the database', repository.read(from))
      since = snapshot
      if (isClosed) return
      if (changes) onChanges(changes)
      else onLost()
      readAt = startedAt
    } catch (error) {
      if (from === undefined) isLost = true
      if (!isClosed) report(error)
    }
  }

  const run = async (): Promise<void> => {
    isReading = true
    await read()
    isReading = false
    if (!isWanted || isClosed) return
    isWanted = false
    // The timer is unreferenced, so that it does not keep the process running.
    setTimeout(wake, PAUSE_MS).unref()
  }

  const wake = (): void => {
    if (!isStarted || isClosed) return
    if (isReading) isWanted = true
    else void run()
  }

  const stops = [
    clock.every(pollMs, wake),
    clock.every(SWEEP_MS, () => {
      if (isStarted)
        repository.sweep().catch(err => log.warn({ err }, 'failed to delete old rows of log_changes; retrying'))
    })
  ]

  return {
    isCurrent: () => !isLost && clock.monotonic() - readAt < CURRENT_MS,
    wake,
    reset() {
      isStarted = isLost = true
      wake()
    },
    close() {
      isClosed = true
      for (const stop of stops) stop()
    }
  }
}

/** Creates a function that counts failures and logs their number at most once per `REPORT_MS`. */
const createReport = ({ clock, log }: ChangeFeedOptions) => {
  let failures = 0
  let reportedAt = Number.NEGATIVE_INFINITY
  return (err: unknown): void => {
    failures++
    if (clock.monotonic() - reportedAt < REPORT_MS) return
    log.warn(
      { err, failures },
      'failed to read changes from the database; retrying. Until a read succeeds, history may be read without the page cache'
    )
    reportedAt = clock.monotonic()
    failures = 0
  }
}
