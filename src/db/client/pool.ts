/**
 * A pool of connections that is opened with the first use, can be replaced at once for everyone who uses it, and keeps some
 * connections for what is urgent. After a failover a pool may be connected to a server that is a standby now: connections
 * that work are never closed, so that it would stay there. And a lock that many requests wait for must not take the
 * connections of appends.
 */
import pLimit from 'p-limit'
import { systemClock } from '../../lib/clock.ts'
import { faultOf } from './errors.ts'

export interface PoolOptions<T> {
  readonly open: () => Promise<T>
  /** Ends what `open` returned, when its work has ended, or after as many seconds. */
  readonly end: (opened: T, seconds: number) => Promise<void>
  readonly maxConnections: number
  /** Without it the connections are somebody else's, and only counted. */
  readonly mayReplace: boolean
}

export interface Pool<T> {
  /** Every use of a connection. A failure that says that the server can't write replaces them. */
  run<R>(work: (opened: T) => Promise<R>): Promise<R>
  /** A use that waits for no other, on the connections that are kept for it. */
  runUrgently<R>(work: (opened: T) => Promise<R>): Promise<R>
  /** How many uses wait for a connection. */
  waiting(): number
  /** Ends every connection when its work has ended, and opens others for what comes next; at most once a second. */
  replace(): void
  end(): Promise<void>
}

/** Two appends to locked rooms, one to all others and one notification; of a small pool its share, and of a single connection none. */
const reservedOf = (max: number): number => (max < 2 ? 0 : Math.max(1, Math.min(4, Math.floor(0.4 * max))))

const REPLACE_MS = 1000
/** How long queries may continue after their pool was replaced, and after it was ended, in seconds. */
const REPLACED_SECONDS = 12
const ENDED_SECONDS = 2

export const createPool = <T>({ open, end, maxConnections, mayReplace }: PoolOptions<T>): Pool<T> => {
  let current: Promise<T> | undefined
  /** What `current` resolved to, so that a use need not wait for a turn of the loop. */
  let opened: T | undefined
  let replacedAt = Number.NEGATIVE_INFINITY
  // Never more uses at once than connections: postgres.js would send the rest behind those that are running.
  const limit = pLimit(maxConnections - reservedOf(maxConnections))
  let ending: Promise<void> | undefined

  const openOnce = (): Promise<T> => {
    if (ending) throw Object.assign(new Error('the pool was ended'), { code: 'CONNECTION_ENDED' })
    if (current) return current
    const opening = open()
    current = opening
    opening.then(
      result => {
        if (current === opening) opened = result
      },
      () => {
        // The next use tries again.
        if (current === opening) current = undefined
      }
    )
    return opening
  }

  const drop = (seconds: number): Promise<void> => {
    const before = current
    current = undefined
    opened = undefined
    return before?.then(result => end(result, seconds)).catch(() => {}) ?? Promise.resolve()
  }

  const replace = (): void => {
    if (!mayReplace || systemClock.monotonic() - replacedAt < REPLACE_MS) return
    replacedAt = systemClock.monotonic()
    void drop(REPLACED_SECONDS)
  }

  const runUrgently: Pool<T>['runUrgently'] = async work => {
    let used: T | undefined
    try {
      used = opened ?? (await openOnce())
      return await work(used)
    } catch (error) {
      if (used !== undefined && used === opened && faultOf(error) === 'replace-connection') replace()
      throw error
    }
  }

  return {
    run: work => limit(() => runUrgently(work)),
    runUrgently,
    replace,
    waiting: () => limit.pendingCount,
    end() {
      ending ??= drop(ENDED_SECONDS)
      return ending
    }
  }
}
