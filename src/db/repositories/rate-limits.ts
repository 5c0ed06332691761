/**
 * Counts requests per period, across all processes. A crash of the database server resets the counts, because the table is
 * unlogged.
 */
import type { SqlClient } from '../client/types.ts'

/** Counts requests in the table `rate_limits` of one schema. */
export interface RateLimitsRepository {
  /**
   * Counts a request for `key`. The first request starts a period of `windowMs` milliseconds. Returns the number of requests in
   * the current period, and the milliseconds until the period ends.
   */
  hit(key: string, windowMs: number): Promise<{ current: number; ttlMs: number }>
  /** Deletes at most `limit` counters whose period has ended. Returns their number. */
  sweep(limit: number): Promise<number>
}

export const createRateLimitsRepository = ({ query }: SqlClient, schema: string): RateLimitsRepository => {
  const table = `"${schema.replaceAll('"', '""')}"."rate_limits"`
  // The database's clock is used, because the clocks of processes may differ. If the database's clock was set back, the stored
  // end of a period may be far in the future. So a period also counts as expired if the time until its end is more than twice
  // its length.
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
    select key from ${table} where expires_at <= now() limit $1 for update skip locked) returning key`

  return {
    async hit(key, windowMs) {
      const [row] = await query<{ hits: number; ttl: number }>(hit, [key, windowMs])
      if (!row) throw new Error('The query that counts a request in "rate_limits" returned no row.')
      return { current: row.hits, ttlMs: Math.ceil(row.ttl) }
    },
    sweep: async limit => (await query(sweep, [limit])).length
  }
}
