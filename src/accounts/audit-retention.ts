/** Periodically blanks old addresses in the audit log, and deletes the events that need not be kept anymore. */
import type { AuditRepository } from '../db/repositories/audit.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/logging.ts'

/** Interval in milliseconds between two runs. Every process runs them, and skips the rows that another process changes. */
const RUN_MS = 10 * 60_000
/** Maximum number of rows that one statement changes. */
const BATCH = 1000

export interface AuditRetentionOptions {
  readonly audit: Pick<AuditRepository, 'blankOlderThan' | 'deleteExpired'>
  readonly clock: Clock
  readonly log: Log
  /** How many days the audit log contains addresses. */
  readonly addressDays: number
}

export interface AuditRetention {
  start(): void
  /** Stops the timer. Resolves when a running statement has ended. */
  stop(): Promise<void>
}

export const createAuditRetention = ({ audit, clock, log, addressDays }: AuditRetentionOptions): AuditRetention => {
  let stopTimer: (() => void) | undefined
  let running: Promise<void> | undefined

  /** Repeats a statement until it finds no more rows, or the process stops. */
  const drain = async (work: () => Promise<number>): Promise<void> => {
    while (stopTimer && (await work()) === BATCH);
  }

  const run = async (): Promise<void> => {
    try {
      await drain(() => audit.blankOlderThan(addressDays, BATCH))
      await drain(() => audit.deleteExpired(BATCH))
    } catch (err) {
      log.warn({ err }, 'failed to blank addresses or delete old events in the audit log; retrying in ten minutes')
    }
  }

  return {
    start() {
      stopTimer ??= clock.every(RUN_MS, () => {
        running ??= run().finally(() => {
          running = undefined
        })
      })
    },
    async stop() {
      stopTimer?.()
      stopTimer = undefined
      await running
    }
  }
}
