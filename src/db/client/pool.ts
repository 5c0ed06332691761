/**
 * A pool of postgres.js whose connections can all be replaced at once, for everyone who holds it. After a failover a pool may
 * be connected to a server that is a standby now: connections that work are never closed, so that it would stay there.
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
  let active = 0

  const replace = (): void => {
    if (!mayReplace || systemClock.monotonic() - replacedAt < REPLACE_MS) return
    replacedAt = systemClock.monotonic()
    const before = current
    current = open()
    before.end({ timeout: END_SECONDS }).catch(() => {})
  }

  const ended = (on: postgres.Sql, error?: unknown): void => {
    active--
    if (error !== undefined && on === current && faultOf(error) === 'replace-connection') replace()
  }

  const watch = (started: unknown): unknown => {
    if (!(started instanceof Promise)) return started
    const on = current
    const query = started as unknown as SentQuery
    const { handler, resolve, reject } = query
    let isSent = false
    query.handler = Object.assign(
      (sent: unknown) => {
        isSent = true
        active++
        return handler(sent)
      },
      { debug: handler.debug }
    )
    query.resolve = result => {
      if (isSent) ended(on)
      isSent = false
      resolve(result)
    }
    query.reject = error => {
      if (isSent) ended(on, error)
      isSent = false
      reject(error)
    }
    return started
  }

  const begin = async (...args: Parameters<postgres.Sql['begin']>): Promise<unknown> => {
    const on = current
    active++
    try {
      const result = await on.begin(...args)
      ended(on)
      return result
    } catch (error) {
      ended(on, error)
      throw error
    }
  }

  const sql = new Proxy(current, {
    apply: (_, __, args) => watch(Reflect.apply(current, undefined, args)),
    get(_, name) {
      if (name === 'unsafe') return (...args: Parameters<postgres.Sql['unsafe']>) => watch(current.unsafe(...args))
      return name === 'begin' ? begin : Reflect.get(current, name)
    }
  })

  return { sql, replace, waiting: () => Math.max(0, active - current.options.max) }
}
