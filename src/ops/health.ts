/** Checks once a second whether the database is writable and whether notifications arrive. */
import type { Clock } from '../lib/clock.ts'

/** The result of each check: `ok`, or the failure. */
export interface HealthChecks {
  readonly database: 'ok' | 'unavailable' | 'read_only'
  /**
   * `deaf` if this process has not received its own heartbeat for 30 s. The process then probably misses other notifications
   * too.
   */
  readonly listening: 'ok' | 'deaf'
}

export interface HealthOptions {
  readonly clock: Clock
  /** Queries the database. Rejects if the database doesn't respond in time. */
  readonly pingDatabase: () => Promise<'ok' | 'read_only'>
  /** Returns the milliseconds since this process last received its own heartbeat. */
  readonly msSinceHeartbeat: () => number
  /** Called with the results after each run in which a check failed. */
  readonly onFailure: (checks: HealthChecks, error: unknown) => void
}

/** Runs the checks and reports their latest results. */
export interface HealthMonitor {
  /** Starts the interval, and resolves after the first run of the checks. */
  start(): Promise<void>
  /** The results of the latest run. */
  readonly latest: HealthChecks
  /**
   * Whether requests should be routed to this process. Becomes true in `start` if the first run succeeds. Later becomes false
   * after 3 consecutive runs with a failed check, and true after 2 consecutive runs without a failed check.
   */
  readonly isReady: boolean
  stop(): void
}

const CHECK_MS = 1000
const DEAF_MS = 30_000
const FAILURES = 3
const SUCCESSES = 2

/** Creates a monitor, which checks from `start` until `stop`. */
export const createHealth = ({ clock, pingDatabase, msSinceHeartbeat, onFailure }: HealthOptions): HealthMonitor => {
  let latest: HealthChecks = { database: 'unavailable', listening: 'ok' }
  let isReady = false
  /** The number of consecutive runs whose result differs from `isReady`. */
  let contrary = 0
  let isChecking = false
  let stop = () => {}

  const check = async (): Promise<boolean> => {
    const listening = msSinceHeartbeat() >= DEAF_MS ? 'deaf' : 'ok'
    let failure: unknown
    const database = await pingDatabase().catch(error => {
      failure = error
      return 'unavailable' as const
    })
    latest = { database, listening }
    const isWell = database === 'ok' && listening === 'ok'
    if (!isWell) onFailure(latest, failure)
    return isWell
  }

  const checkAgain = async (): Promise<void> => {
    // A run that waits for the database may take longer than the interval. Runs must not overlap.
    if (isChecking) return
    isChecking = true
    const isWell = await check()
    isChecking = false
    contrary = isWell === isReady ? 0 : contrary + 1
    if (contrary < (isReady ? FAILURES : SUCCESSES)) return
    isReady = isWell
    contrary = 0
  }

  return {
    async start() {
      stop = clock.every(CHECK_MS, () => void checkAgain())
      isChecking = true
      isReady = await check()
      isChecking = false
    },
    get latest() {
      return latest
    },
    get isReady() {
      return isReady
    },
    stop: () => stop()
  }
}
