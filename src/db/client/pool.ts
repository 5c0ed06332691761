/**
 * Manages a pool of connections. The pool opens on first use.
 *
 * - All connections can be replaced at once. After a failover, the connections may lead to a server that is now a standby. Such
 *   connections still work, so postgres.js would keep them.
 * - Some connections are reserved for urgent work. Without this reserve, many requests that wait for one lock would occupy the
 *   connections that appends need.
 */
import pLimit from 'p-limit'
import { systemClock } from '../../lib/clock.ts'
import { TimeoutError, withTimeout } from '../../lib/timeout.ts'
import { faultOf } from './errors.ts'

export interface PoolOptions<T> {
  readonly open: () => Promise<T>
  /** Closes the value that `open` returned, after its queries have ended or after `seconds`, whichever is first. */
  readonly end: (opened: T, seconds: number) => Promise<void>
  readonly maxConnections: number
  /**
   * Whether the pool may replace connections. If false, the connections belong to the host application, and the pool only
   * limits how many of them are used at a time.
   */
  readonly mayReplace: boolean
  /** Maximum time in milliseconds that a call of `run` waits for a free connection. */
  readonly waitMs: number
}

export interface Pool<T> {
  /**
   * Runs work on a connection. Throws a TimeoutError if no connection is free in time. Replaces the connections if the work fails
   * with a TimeoutError, or with the fault `replace-connection`, for example because the server is read-only.
   */
  run<R>(work: (opened: T) => Promise<R>): Promise<R>
  /**
   * Runs urgent work. Urgent work does not wait for calls of `run`, because `run` leaves the reserved connections free. In a pool
   * of one connection, no connection is reserved, so urgent work may wait.
   */
  runUrgently<R>(work: (opened: T) => Promise<R>): Promise<R>
  /**
   * Returns the number of connections in use. Also counts urgent work that waits in postgres.js for a connection, so the result
   * may exceed `maxConnections`.
   */
  inUse(): number
  /** Returns how many calls of `run` wait for a connection. */
  waiting(): number
  /**
   * Closes the connections after their queries have ended, or after `REPLACED_SECONDS`. Work that starts later uses new
   * connections. Does nothing if `mayReplace` is false, or if the last replacement was less than a second ago.
   */
  replace(): void
  end(): Promise<void>
}

/**
 * Returns how many connections to reserve for urgent work: 40 % of the pool, at least 1 and at most 4. A pool of one connection
 * reserves none. Four are enough for two appends to locked rooms, one append to all other rooms, and one notification.
 */
const reservedOf = (max: number): number => (max < 2 ? 0 : Math.max(1, Math.min(4, Math.floor(0.4 * max))))

const REPLACE_MS = 1000
/** Maximum time in seconds that queries may still run after their connections were replaced. */
const REPLACED_SECONDS = 12
/** Maximum time in seconds that queries may still run after `end` was called. */
const ENDED_SECONDS = 2

export const createPool = <T>(options: PoolOptions<T>): Pool<T> => {
  const { open, end, maxConnections, mayReplace, waitMs } = options
  let current: Promise<T> | undefined
  /** The value that `current` resolved to. Lets work start on an open pool without waiting for a microtask. */
  let opened: T | undefined
  let replacedAt = Number.NEGATIVE_INFINITY
  // Limits `run` to the connections that are not reserved. Without this limit, urgent work would wait behind the queries that
  // postgres.js queues.
  const atOnce = maxConnections - reservedOf(maxConnections)
  const limit = pLimit(atOnce)
  let ending: Promise<void> | undefined
  let inUse = 0

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
        // Opening has failed, so the next use of the pool must open it again.
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
    inUse++
    try {
      used = opened ?? (await openOnce())
      return await work(used)
    } catch (error) {
      if (used !== undefined && used === opened && isBroken(error)) replace()
      throw error
    } finally {
      inUse--
    }
  }

  /** Runs work when a connection is free. Does not run work that has waited too long. */
  const runInTurn: Pool<T>['run'] = async work => {
    let isLate = false
    let begin = (): void => {}
    const begun = new Promise<void>(resolve => {
      begin = resolve
    })
    const result = limit(async () => {
      if (isLate) return undefined
      begin()
      return { done: await runUrgently(work) }
    })
    try {
      await withTimeout(waitMs, 'a database connection', Promise.race([begun, result]))
    } catch (error) {
      isLate = true
      throw error
    }
    return ((await result) as { done: Awaited<ReturnType<typeof work>> }).done
  }

  return {
    run: work => (limit.activeCount + limit.pendingCount < atOnce ? limit(() => runUrgently(work)) : runInTurn(work)),
    runUrgently,
    replace,
    inUse: () => inUse,
    waiting: () => limit.pendingCount,
    end() {
      ending ??= drop(ENDED_SECONDS)
      return ending
    }
  }
}

/** Returns whether an error shows that the connections must be replaced, for example because the server is read-only. */
const isBroken = (error: unknown): boolean => error instanceof TimeoutError || faultOf(error) === 'replace-connection'
