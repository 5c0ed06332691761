/** Keeps the row of this process in the table `processes` up to date, and reads which steps of a rolling upgrade are finished. */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { ProcessesRepository, ProcessRow, ProcessState } from '../db/repositories/processes.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/logging.ts'
import { withTimeout } from '../lib/timeout.ts'

/** Interval in milliseconds at which the row is refreshed. */
const REFRESH_MS = 10_000
/** Timeout in milliseconds for writing the row. It is short, because `start` and `stop` wait for a write. */
const TIMEOUT_MS = 1500
/** Interval in milliseconds of the attempts to write the row for the first time. `migrate finish` and `keys rotate` rely on the row. */
const FIRST_REFRESH_MS = 1000

export interface ProcessRecordOptions extends Omit<ProcessRow, 'id'> {
  readonly repository: ProcessesRepository
  readonly clock: Clock
  readonly log: Log
  /** Returns the values that change while the process runs. Called before each write of the row. */
  readonly state: () => Pick<ProcessState, 'connections' | 'bus'>
}

export interface ProcessRecord {
  /** Returns whether a step of a rolling upgrade was finished at the last read. The default of `step` is `kinds`. */
  isUpgradeFinished(step?: string): boolean
  /**
   * Reads which steps are finished. Before the first read, all steps count as unfinished, and reactions, for example, are refused
   * with `upgrade_pending`. Called while the process starts, except with a client of a host application and without
   * `migrateOnStart`. Rejects if the database does not respond.
   */
  load(processes: Pick<ProcessesRepository, 'finishedSteps'>): Promise<void>
  /** Writes the row, and then refreshes it every 10 s. Never rejects, because a failed write is only logged. */
  start(): Promise<void>
  /** Stops refreshing, and deletes the row. */
  stop(): Promise<void>
}

export const createProcessRecord = ({
  repository,
  clock,
  log,
  state,
  ...about
}: ProcessRecordOptions): ProcessRecord => {
  const row: ProcessRow = { id: randomUUID(), ...about }
  const [host, { pid }, createdAt] = [hostname(), process, clock.monotonic()]
  let finished: readonly string[] = []
  let isRecorded = false
  let refreshing: Promise<void> | undefined
  let stopTimers: (() => void)[] | undefined

  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await withTimeout(TIMEOUT_MS, 'the database', work())
    } catch (err) {
      log.warn(
        { err },
        'failed to write or delete the row of this process in the table "processes"; continuing without the change'
      )
    }
  }

  const refresh = (): Promise<void> => {
    refreshing ??= attempt(async () => {
      const now = { host, pid, uptimeMs: clock.monotonic() - createdAt, ...state() }
      finished = (await repository.refresh(row, now)).finishedSteps
      isRecorded = true
    }).finally(() => {
      refreshing = undefined
    })
    return refreshing
  }

  return {
    isUpgradeFinished: (step = 'kinds') => finished.includes(step),
    async load(processes) {
      finished = await processes.finishedSteps()
    },
    start() {
      stopTimers ??= [
        clock.every(REFRESH_MS, () => void refresh()),
        clock.every(FIRST_REFRESH_MS, () => isRecorded || void refresh())
      ]
      return refresh()
    },
    async stop() {
      if (!stopTimers) return
      for (const stopTimer of stopTimers) stopTimer()
      // A refresh that is still running would insert the row again after it was deleted.
      await refreshing
      await attempt(() => repository.remove(row.id))
    }
  }
}
