/** Checks once a second whether the service can do its work. */
import type { Clock } from '../lib/clock.ts'

/** Holds the result of each check: `ok`, or what is wrong. */
export interface HealthChecks {
  readonly database: 'ok' | 'unavailable' | 'read_only'
  /** Holds `deaf` if notifications of other processes don't arrive. */
  readonly listening: 'ok' | 'deaf'
}

/** Configures the health monitor. */
export interface HealthOptions {
  readonly clock: Clock
  /** Queries the database; rejects if it doesn't respond in time. */
  readonly pingDatabase: () => Promise<'ok' | 'read_only'>
  /** Returns the milliseconds since the last notification arrived. */
  readonly msSinceHeartbeat: () => number
  /** Called with the checks each time one of them failed. */
  readonly onFailure: (checks: HealthChecks, error: unknown) => void
}

/** Reports the latest checks. */
export interface HealthMonitor {
  /** Checks for the first time; resolves when that is done. */
  start(): Promise<void>
  /** Holds the result of the latest check. */
  readonly latest: HealthChecks
  /** Becomes false after 3 failed checks in a row, and true after 2 successful ones. While false, no requests should be routed here. */
  readonly isReady: boolean
  stop(): void
}

const CHECK_MS = 1000
const DEAF_MS = 30_000
const FAILURES = 3
const SUCCESSES = 2

/** Creates the monitor, which checks from `start` to `stop`. */
export const createHealth = ({ clock, pingDatabase, msSinceHeartbeat, onFailure }: HealthOptions): HealthMonitor => {
  let latest: HealthChecks = { database: 'unavailable', listening: 'ok' }
  let isReady = false
  /** Counts the checks in a row that contradict `isReady`. */
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
    // A database that does not respond takes longer than the interval.
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
      isReady = await check()
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
