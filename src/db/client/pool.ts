/**
 * A pool of postgres.js whose connections can all be replaced at once, for everyone who holds it, and which keeps some of them
 * for what is urgent. After a failover a pool may be connected to a server that is a standby now: connections that work are
 * never closed, so that it would stay there. And a lock that many requests wait for must not take the connections of appends.
 *
 * What of postgres.js this relies on, held by tests/db/pool.pg.test.ts: a query calls its own `handler` when it is sent and
 * its own `resolve` or `reject` when it has ended.
 */
import type postgres from 'postgres'
import { systemClock } from '../../clock.ts'
import { faultOf } from './errors.ts'

/** The pool, and what is known of its work. */
export interface Pool {
  readonly sql: postgres.Sql
  /** How many queries wait for a connection. */
  waiting(): number
  /** Sends a query that waits for no other: on the connections that are kept for it. */
  urgent(
    text: string,
    parameters: postgres.ParameterOrJSON<never>[],
    options: { prepare: boolean }
  ): Promise<postgres.Row[]>
  /** Ends every connection when its query has ended, and opens others for what comes next; at most once a second. */
  replace(): void
}

interface SentQuery {
  handler: ((query: unknown) => unknown) & { debug?: unknown }
  resolve: (result: unknown) => void
  reject: (error: unknown) => void
}

const REPLACE_MS = 1000
/** How long a query may go on when its pool was replaced, in seconds. */
const END_SECONDS = 12

/** Creates a pool over what `open` returns. Without `mayReplace` it is somebody else's, and only watched. */
export const createPool = (open: () => postgres.Sql, { mayReplace }: { mayReplace: boolean }): Pool => {
  let current = open()
  let replacedAt = Number.NEGATIVE_INFINITY
  // Never more queries at once than connections: postgres.js would send the rest behind those that are running.
  const slots = createSlots(current.options.max - reservedOf(current.options.max))

  const replace = (): void => {
    if (!mayReplace || systemClock.monotonic() - replacedAt < REPLACE_MS) return
    replacedAt = systemClock.monotonic()
    const before = current
    current = open()
    before.end({ timeout: END_SECONDS }).catch(() => {})
  }

  const failed = (on: postgres.Sql, error: unknown): void => {
    if (on === current && faultOf(error) === 'replace-connection') replace()
  }

  const watch = <Started>(started: Started): Started => {
    if (!(started instanceof Promise)) return started
    const on = current
    const query = started as unknown as SentQuery
    const { handler, resolve, reject } = query
    let leave = (): void => {}
    const enter = (sent: unknown): void =>
      slots.enter(left => {
        leave = left
        handler(sent)
      })
    query.handler = Object.assign(enter, { debug: handler.debug })
    query.resolve = result => {
      leave()
      resolve(result)
    }
    query.reject = error => {
      leave()
      failed(on, error)
      reject(error)
    }
    return started
  }

  const begin = async (...args: Parameters<postgres.Sql['begin']>): Promise<unknown> => {
    const leave = await new Promise<() => void>(slots.enter)
    const on = current
    try {
      return await on.begin(...args)
    } catch (error) {
      failed(on, error)
      throw error
    } finally {
      leave()
    }
  }

  const sql = new Proxy(current, {
    apply: (_, __, args) => watch(Reflect.apply(current, undefined, args)),
    get(_, name) {
      if (name === 'unsafe') return (...args: Parameters<postgres.Sql['unsafe']>) => watch(current.unsafe(...args))
      return name === 'begin' ? begin : Reflect.get(current, name)
    }
  })

  return {
    sql,
    replace,
    waiting: () => slots.waiting,
    async urgent(text, parameters, options) {
      const on = current
      try {
        return [...(await on.unsafe(text, parameters, options))]
      } catch (error) {
        failed(on, error)
        throw error
      }
    }
  }
}

/** Two appends to locked rooms, one to all others and one notification; of a small pool, its share. */
const reservedOf = (max: number): number => Math.min(4, Math.floor(0.4 * max))

/** Lets a bounded number in at once, in the order in which they came; each leaves once. */
const createSlots = (max: number) => {
  const queue = new Set<() => void>()
  let taken = 0
  const enter = (start: (leave: () => void) => void): void => {
    let isIn = true
    const leave = (): void => {
      if (!isIn) return
      isIn = false
      taken--
      const [next] = queue
      if (!next) return
      queue.delete(next)
      next()
    }
    const go = (): void => {
      taken++
      start(leave)
    }
    if (taken < max) go()
    else queue.add(go)
  }
  return {
    enter,
    get waiting() {
      return queue.size
    }
  }
}
