/**
 * Reads changes that were made directly in the database: deleted users, new names, erased entries. A notification starts a read, and
 * the feed polls, so that a lost notification delays a change by seconds and loses none.
 */

import type { Changes, ChangesRepository } from '../../db/database.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import { withTimeout } from '../../lib/timeout.ts'

export interface ChangeFeedOptions {
  readonly repository: ChangesRepository
  readonly clock: Clock
  readonly log: Log
  /** Sets how often it polls, in milliseconds, by default 2000; less if there are no notifications. */
  readonly pollMs?: number | undefined
  readonly onChanges: (changes: Changes) => void
  /** Called instead if changes can't be listed one by one: anything may have changed. */
  readonly onLost: () => void
}

export interface ChangeFeed {
  /** Returns whether every change that is older than a few seconds was reported. */
  isCurrent(): boolean
  /** Reads new changes; called when a notification arrives. */
  wake(): void
  /** Starts over, the first time and whenever the database may be another one. */
  reset(): void
  close(): void
}

const POLL_MS = 2000
/** Sets how long after the last complete read changes may have been missed, in milliseconds. */
const CURRENT_MS = 5000
const READ_TIMEOUT_MS = 3000
/** Sets the minimum time between two reads, in milliseconds, because many changes cause as many notifications. */
const PAUSE_MS = 50
const SWEEP_MS = 10 * 60_000
/** Sets after how long the database may have deleted changes that were not read, in milliseconds. */
const LOST_AFTER_MS = 30 * 60_000
/** Sets how often failures are logged, in milliseconds. */
const REPORT_MS = 60_000

/** Creates the feed; it reads nothing before the first `reset`. */
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
    // Does not keep the process alive.
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
      if (isStarted) repository.sweep().catch(err => log.warn({ err }, 'can not delete old changes; retrying'))
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

/** Creates the log of failures: one line per interval, with a count. */
const createReport = ({ clock, log }: ChangeFeedOptions) => {
  let failures = 0
  let reportedAt = Number.NEGATIVE_INFINITY
  return (err: unknown): void => {
    failures++
    if (clock.monotonic() - reportedAt < REPORT_MS) return
    log.warn({ err, failures }, 'can not read changes; the history is read from the database meanwhile')
    reportedAt = clock.monotonic()
    failures = 0
  }
}
