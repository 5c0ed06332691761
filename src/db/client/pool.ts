/**
 * Pools connections. The pool opens with its first use, can be replaced at once for all its users, and reserves connections for
 * urgent work. After a failover a pool may be connected to a server that is now a standby; it would stay there, because working
 * connections are never closed. And a lock that many requests wait for must not occupy the connections that appends need.
 */
import pLimit from 'p-limit'
import { systemClock } from '../../lib/clock.ts'
import { faultOf } from './errors.ts'

export interface PoolOptions<T> {
  readonly open: () => Promise<T>
  /** Ends what `open` returned, when its queries have ended, or after `seconds`. */
  readonly end: (opened: T, seconds: number) => Promise<void>
  readonly maxConnections: number
  /** Allows the pool to replace connections. If false, they belong to the host, and the pool only counts them. */
  readonly mayReplace: boolean
}

export interface Pool<T> {
  /** Runs work on a connection. An error because the server can't write replaces the connections. */
  run<R>(work: (opened: T) => Promise<R>): Promise<R>
  /** Runs work on a reserved connection, so that it doesn't wait for other work. */
  runUrgently<R>(work: (opened: T) => Promise<R>): Promise<R>
  /** Returns how many uses wait for a connection. */
  waiting(): number
  /** Ends every connection when its queries have ended, and opens others for further work; at most once a second. */
  replace(): void
  end(): Promise<void>
}

/** Returns how many connections to reserve: for two appends to locked rooms, one to all others and one notification; fewer in a small pool. */
const reservedOf = (max: number): number => (max < 2 ? 0 : Math.max(1, Math.min(4, Math.floor(0.4 * max))))

const REPLACE_MS = 1000
/** Limits how long queries may continue after their pool was replaced or ended, in seconds. */
const REPLACED_SECONDS = 12
const ENDED_SECONDS = 2

export const createPool = <T>({ open, end, maxConnections, mayReplace }: PoolOptions<T>): Pool<T> => {
  let current: Promise<T> | undefined
  /** Holds what `current` resolved to, so that a use need not wait for a turn of the event loop. */
  let opened: T | undefined
  let replacedAt = Number.NEGATIVE_INFINITY
  // Never more uses at a time than connections: postgres.js would queue the others behind queries that are running.
  const limit = pLimit(maxConnections - reservedOf(maxConnections))
  let ending: Promise<void> | undefined

  const openOnce = (): Promise<T> => {
    if (ending) throw Object.assign(new Error('The database pool is closed.'), { code: 'CONNECTION_ENDED' })
    if (current) return current
    const opening = open()
    current = opening
    opening.then(
      result => {
        if (current === opening) opened = result
      },
      () => {
        // The next use opens it again.
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
