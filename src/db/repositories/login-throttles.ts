/** Counts attempts to log in, across all processes. A crash of the database server resets the counts. */
import type { SqlClient } from '../client/types.ts'

/** A rule that identifies a count of attempts and determines how long the next attempt must wait. */
export interface ThrottleRule {
  /** Identifies the count. Contains no name and no address. */
  readonly key: string
  /** The number of attempts that need no wait. */
  readonly free: number
  /** The first wait in milliseconds. The wait doubles with each further attempt, up to `maxWaitMs`. */
  readonly firstWaitMs: number
  readonly maxWaitMs: number
  /** Time in milliseconds after which the count is reset. */
  readonly windowMs: number
  /** True if `windowMs` begins with the last attempt. False if it begins with the first attempt. */
  readonly isSliding: boolean
}

export interface LoginThrottlesRepository {
  /**
   * Counts an attempt for each rule. If any rule requires a wait, counts the attempt for no rule. Returns the wait in
   * milliseconds, or 0 if the attempt was counted.
   */
  count(rules: readonly ThrottleRule[]): Promise<number>
  /**
   * Deletes the counts whose keys are in `ended`. For each count whose key is in `uncounted`, subtracts one attempt and ends the
   * wait.
   */
  forgive(ended: readonly string[], uncounted: readonly string[]): Promise<void>
  /** Deletes at most `limit` counts whose time has ended. Returns their number. */
  sweep(limit: number): Promise<number>
}

/** @internal */
export const createLoginThrottlesRepository = (
  { query }: Pick<SqlClient, 'query'>,
  schema: string
): LoginThrottlesRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const table = `${inSchema}."login_throttles"`
  const count = `select ${inSchema}."chat_count_attempt"($1::text[], $2::integer[], $3::double precision[],
    $4::double precision[], $5::double precision[], $6::boolean[]) as wait`
  // Locks the rows in the order of their keys, as "chat_count_attempt" does, to prevent deadlocks.
  const forgive = `with locked as materialized (
      select key from ${table} where key = any($1::text[] || $2::text[]) order by key for update
    ), ended as (
      delete from ${table} where key in (select key from locked) and key = any($1::text[])
    )
    update ${table} set attempts = greatest(0, attempts - 1), allowed_at = date_trunc('milliseconds', clock_timestamp())
    where key in (select key from locked) and key = any($2::text[])`
  const sweep = `delete from ${table} where key in (
    select key from ${table} where expires_at <= clock_timestamp() limit $1 for update skip locked) returning key`

  return {
    async count(rules) {
      const of = <T>(value: (rule: ThrottleRule) => T): T[] => rules.map(value)
      const [row] = await query<{ wait: number }>(count, [
        of(rule => rule.key),
        of(rule => rule.free),
        of(rule => rule.firstWaitMs),
        of(rule => rule.maxWaitMs),
        of(rule => rule.windowMs),
        of(rule => rule.isSliding)
      ])
      return Math.ceil(row?.wait ?? 0)
    },
    async forgive(ended, uncounted) {
      await query(forgive, [ended, uncounted])
    },
    sweep: async limit => (await query(sweep, [limit])).length
  }
}
