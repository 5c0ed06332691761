/** Keeps the row of this process in the table `processes`, and knows from it whether a rolling upgrade is finished. */
import { randomUUID } from 'node:crypto'
import type { ProcessesRepository, ProcessRow } from '../db/repositories/processes.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/logging.ts'
import { withTimeout } from '../lib/timeout.ts'

/** How often the row is refreshed, in milliseconds. */
const REFRESH_MS = 10_000
/** How long the database has for it, in milliseconds; the start and the stop wait for it too. */
const TIMEOUT_MS = 1500

export interface ProcessRecordOptions extends Omit<ProcessRow, 'id'> {
  readonly repository: ProcessesRepository
  readonly clock: Clock
  readonly log: Log
}

export interface ProcessRecord {
  /** Whether no process of an older release runs, as of the last refresh. */
  readonly isUpgradeFinished: boolean
  /** Writes the row, and refreshes it from then on. Resolves also when the database can't be written to. */
  start(): Promise<void>
  /** Deletes the row. */
  stop(): Promise<void>
}

/** Creates the record of one process. */
export const createProcessRecord = ({ repository, clock, log, ...about }: ProcessRecordOptions): ProcessRecord => {
  const row: ProcessRow = { id: randomUUID(), ...about }
  let isUpgradeFinished = false
  let refreshing: Promise<void> | undefined
  let stopTimer: (() => void) | undefined

  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await withTimeout(TIMEOUT_MS, 'the database', work())
    } catch (err) {
      log.warn({ err }, 'the row of this process in the table "processes" could not be written')
    }
  }

  const refresh = (): Promise<void> => {
    refreshing ??= attempt(async () => {
      isUpgradeFinished = (await repository.refresh(row)).isFinished
    }).finally(() => {
      refreshing = undefined
    })
    return refreshing
  }

  return {
    get isUpgradeFinished() {
      return isUpgradeFinished
    },
    start() {
      stopTimer ??= clock.every(REFRESH_MS, () => void refresh())
      return refresh()
    },
    async stop() {
      if (!stopTimer) return
      stopTimer()
      // A refresh that is under way would write the row again.
      await refreshing
      await attempt(() => repository.remove(row.id))
    }
  }
}
