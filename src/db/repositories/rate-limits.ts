/** Hits in windows of time, counted over all processes. The table forgets in a crash, and may. */
import { systemClock } from '../../lib/clock.ts'
import type { SqlClient } from '../client/types.ts'

/** The counters of one schema. */
export interface RateLimitsRepository {
  /**
   * Counts one more hit of `key` in its window, which the first hit began and which is `windowMs` long. Answers the hits
   * so far and the milliseconds that are left.
   */
  hit(key: string, windowMs: number): Promise<{ current: number; ttlMs: number }>
}

/** Windows that are over are swept out about this often, by the process that notices. */
const SWEEP_MS = 60_000
const MAX_SWEPT = 10_000

/** Makes the repository. */
export const createRateLimitsRepository = ({ query }: SqlClient, schema: string): RateLimitsRepository => {
  const table = `"${schema.replaceAll('"', '""')}"."rate_limits"`
  // The database's clock, since the processes' own may differ. A window that ends much later than a new one would was
  // begun before that clock was set back, and is over too.
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
      if (!row) throw new Error('counting a hit returned no row')
      if (systemClock.monotonic() - sweptAt > SWEEP_MS) {
        sweptAt = systemClock.monotonic()
        // Nobody waits for it: neither the caller, nor it for a counter that is locked.
        query(sweep).catch(() => {})
      }
      return { current: row.hits, ttlMs: Math.ceil(row.ttl) }
    }
  }
}
