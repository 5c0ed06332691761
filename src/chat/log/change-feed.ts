/**
 * Reads changes that were made directly in the database, such as deleted users, new names and erased entries. A notification
 * starts a read. The feed also polls, so that a lost notification delays a change by a few seconds, and no change is missed.
 */

import type { Changes, ChangesRepository } from '../../db/database.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import { withTimeout } from '../../lib/timeout.ts'

export interface ChangeFeedOptions {
  readonly repository: ChangesRepository
  readonly clock: Clock
  readonly log: Log
  /** How often the feed polls, in milliseconds, by default 2000. A database without notifications needs a shorter interval. */
  readonly pollMs?: number | undefined
  /** Called with the changes of each read. */
  readonly onChanges: (changes: Changes) => void
  /** Called instead of `onChanges` if the changes are not known one by one. Anything may have changed. */
  readonly onLost: () => void
}

export interface ChangeFeed {
  /** Returns whether all changes were reported that are older than a few seconds. */
  isCurrent(): boolean
  /** Reads new changes. Called when a notification arrives. */
  wake(): void
  /** Starts the feed. Called again when the database may be another one: earlier changes are lost then, and `onLost` is called. */
  reset(): void
  close(): void
}

const POLL_MS = 2000
/** `isCurrent` returns false if the last successful read began longer ago than this, in milliseconds. */
const CURRENT_MS = 5000
const READ_TIMEOUT_MS = 3000
/** Minimum time between two reads, in milliseconds, because many changes cause as many notifications. */
const PAUSE_MS = 50
/** How often old changes are deleted from the database, in milliseconds. */
const SWEEP_MS = 10 * 60_000
/** If no read has succeeded for this long, in milliseconds, changes may have been deleted before they were read. */
const LOST_AFTER_MS = 30 * 60_000
/** Minimum time between two log lines about failures, in milliseconds. */
const REPORT_MS = 60_000

/** Creates the feed. It reads nothing before the first `reset`. */
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
    // Unreferenced, so that the timer does not keep the process running.
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
      if (isStarted) repository.sweep().catch(err => log.warn({ err }, 'failed to delete old changes; retrying'))
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

/** Creates a function that logs failures: at most one line per interval, with their number. */
const createReport = ({ clock, log }: ChangeFeedOptions) => {
  let failures = 0
  let reportedAt = Number.NEGATIVE_INFINITY
  return (err: unknown): void => {
    failures++
    if (clock.monotonic() - reportedAt < REPORT_MS) return
    log.warn({ err, failures }, 'failed to read changes; retrying, and reading the history from the database meanwhile')
    reportedAt = clock.monotonic()
    failures = 0
  }
}
