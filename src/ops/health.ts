/** Whether the service can do its work: checked once a second, whoever asks. */
import type { Clock } from '../lib/clock.ts'

/** What was checked: `ok` for each that is well. */
export interface HealthChecks {
  readonly database: 'ok' | 'unavailable' | 'read_only'
  /** `deaf`: notifications of other processes don't arrive. */
  readonly listening: 'ok' | 'deaf'
}

/** What health is made of. */
export interface HealthOptions {
  readonly clock: Clock
  /** Queries the database; rejects when it doesn't respond in time. */
  readonly askDatabase: () => Promise<'ok' | 'read_only'>
  /** Returns for how many milliseconds no notification was heard. */
  readonly msSinceHeartbeat: () => number
  /** Called with each check that failed. */
  readonly onFailure: (checks: HealthChecks, error: unknown) => void
}

/** The latest checks. */
export interface HealthMonitor {
  /** Checks for the first time; resolves when that is done. */
  start(): Promise<void>
  /** What the latest check found. */
  readonly latest: HealthChecks
  /** Whether requests may be sent here: no after 3 failed checks in a row, yes after 2 good ones. */
  readonly isReady: boolean
  stop(): void
}

const CHECK_MS = 1000
const DEAF_MS = 30_000
const FAILURES = 3
const SUCCESSES = 2

/** Creates the monitor; it checks from `start` to `stop`. */
export const createHealth = ({ clock, askDatabase, msSinceHeartbeat, onFailure }: HealthOptions): HealthMonitor => {
  let latest: HealthChecks = { database: 'unavailable', listening: 'ok' }
  let isReady = false
  /** Checks in a row that contradict `isReady`. */
  let contrary = 0
  let isChecking = false
  let stop = () => {}

  const check = async (): Promise<boolean> => {
    const listening = msSinceHeartbeat() >= DEAF_MS ? 'deaf' : 'ok'
    let failure: unknown
    const database = await askDatabase().catch(error => {
      failure = error
      return 'unavailable' as const
    })
    latest = { database, listening }
    const isWell = database === 'ok' && listening === 'ok'
    if (!isWell) onFailure(latest, failure)
    return isWell
  }

  const checkAgain = async (): Promise<void> => {
    // A silent database takes longer than the interval.
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
