/** Counts requests per period, across all processes. A crash may reset the counts, because the table is unlogged. */
import { systemClock } from '../../lib/clock.ts'
import type { SqlClient } from '../client/types.ts'

/** Counts the requests of one schema. */
export interface RateLimitsRepository {
  /**
   * Counts one more request of `key`, in a period of `windowMs` milliseconds that its first request started. Returns the
   * requests so far and the milliseconds that remain.
   */
  hit(key: string, windowMs: number): Promise<{ current: number; ttlMs: number }>
}

/** Sets how often expired counters are deleted, in milliseconds. */
const SWEEP_MS = 60_000
const MAX_SWEPT = 10_000

/** Creates the repository. */
export const createRateLimitsRepository = ({ query }: SqlClient, schema: string): RateLimitsRepository => {
  const table = `"${schema.replaceAll('"', '""')}"."rate_limits"`
  // Uses the database's clock, since the clocks of processes may differ. A period that ends much later than a new one would was
  // started before that clock was set back, and has expired too.
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
      if (!row) throw new Error('Counting a request returned no row.')
      if (systemClock.monotonic() - sweptAt > SWEEP_MS) {
        sweptAt = systemClock.monotonic()
        // Runs in the background, and skips locked counters.
        query(sweep).catch(() => {})
      }
      return { current: row.hits, ttlMs: Math.ceil(row.ttl) }
    }
  }
}
