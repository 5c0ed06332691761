/** Periodically deletes data whose retention time has ended. */
import type { ChatDatabase } from '../db/database.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/logging.ts'

/**
 * Interval in milliseconds between two runs. Every process performs the runs, and skips rows that another process has locked.
 */
const RUN_MS = 10 * 60_000
/** Maximum number of rows that one statement changes. */
const BATCH = 1000

/** Deletes or changes at most `limit` rows, and returns their number. */
export type RetentionJob = (limit: number) => Promise<number>

export interface RetentionOptions {
  /** The jobs. Each key is the name under which a failure of the job is logged. */
  readonly jobs: Readonly<Record<string, RetentionJob>>
  readonly clock: Clock
  readonly log: Log
}

export interface Retention {
  start(): void
  /** Stops the timer. Resolves when a running statement has ended. */
  stop(): Promise<void>
}

/**
 * Returns the jobs for the tables of accounts, invitations and reports. The audit log keeps addresses for `addressDays` days.
 * Reports are kept for `reportDays` days after their resolution.
 */
export const retentionJobs = (
  {
    audit,
    sessions,
    loginThrottles,
    knownNetworks,
    rateLimits,
    roomInvitations,
    reports
  }: Pick<
    ChatDatabase,
    'audit' | 'sessions' | 'loginThrottles' | 'knownNetworks' | 'rateLimits' | 'roomInvitations' | 'reports'
  >,
  addressDays: number,
  reportDays = 30
): RetentionOptions['jobs'] => ({
  audit_addresses: limit => audit.blankOlderThan(addressDays, limit),
  audit: audit.deleteExpired,
  sessions: sessions.sweep,
  login_throttles: loginThrottles.sweep,
  known_networks: knownNetworks.sweep,
  rate_limits: rateLimits.sweep,
  room_invitations: roomInvitations.sweep,
  reports: limit => reports.sweep(reportDays, limit)
})

export const createRetention = ({ jobs, clock, log }: RetentionOptions): Retention => {
  let stopTimer: (() => void) | undefined
  let running: Promise<void> | undefined

  const run = async (): Promise<void> => {
    for (const [job, work] of Object.entries(jobs)) {
      try {
        // The job is repeated until a statement finds fewer rows than its limit, or until the process stops.
        while (stopTimer && (await work(BATCH)) === BATCH);
      } catch (err) {
        log.warn({ err, job }, 'failed to delete rows that need not be kept anymore; retrying in ten minutes')
      }
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
