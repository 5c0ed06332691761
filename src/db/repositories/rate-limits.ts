/**
 * Counts requests per period, across all processes. A crash of the database server resets the counts, because the table is
 * unlogged.
 */
import { systemClock } from '../../lib/clock.ts'
import type { SqlClient } from '../client/types.ts'

/** Counts requests in the table `rate_limits` of one schema. */
export interface RateLimitsRepository {
  /**
   * Counts a request for `key`. The first request starts a period of `windowMs` milliseconds. Returns the number of requests in
   * the current period, and the milliseconds until the period ends.
   */
  hit(key: string, windowMs: number): Promise<{ current: number; ttlMs: number }>
}

/** Minimum time in milliseconds between two deletions of expired counters by the same process. */
const SWEEP_MS = 60_000
const MAX_SWEPT = 10_000

export const createRateLimitsRepository = ({ query }: SqlClient, schema: string): RateLimitsRepository => {
  const table = `"${schema.replaceAll('"', '""')}"."rate_limits"`
  // The database's clock is used, because the clocks of processes may differ. If the database's clock was set back, the stored
  // end of a period may be far in the future. So a period also counts as expired if its end is further away than twice its
  // length.
  const ms = "$2::double precision * interval '1 millisecond'"
  const isRunning = `counted.expires_at > now() and counted.expires_at < now() + 2 * ${ms}`
  const hit = `insert into ${table} as counted (key, hits, expires_at)
    values ($1, 1, now() + ${ms})
    on conflict (key) do update set
      hits = case when ${isRunning} then counted.hits + 1 else 1 end,
      expires_at = case when ${isRunning} then counted.expires_at else excluded.expires_at end
    returning hits,
      least($2, greatest(0, extract(epoch from expires_at - now()) * 1000))::double precision as ttl`
  const sweep = `delete from ${table} where key in (
    select key from ${table} where expires_at <= now() limit ${MAX_SWEPT} for update skip locked)`
  let sweptAt = systemClock.monotonic()

  return {
    async hit(key, windowMs) {
      const [row] = await query<{ hits: number; ttl: number }>(hit, [key, windowMs])
      if (!row) throw new Error('The query that counts a request in "rate_limits" returned no row.')
      if (systemClock.monotonic() - sweptAt > SWEEP_MS) {
        sweptAt = systemClock.monotonic()
        // The deletion is not awaited, so that the request is not delayed. A failure is ignored, because the next deletion
        // includes the same counters.
        query(sweep).catch(() => {})
      }
      return { current: row.hits, ttlMs: Math.ceil(row.ttl) }
    }
  }
}
