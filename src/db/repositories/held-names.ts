/** Stores the names of deleted accounts, as HMACs, until the names may be registered again. */
import type { SqlClient } from '../client/types.ts'

export interface HeldNamesRepository {
  /** Holds a name for a number of days. Does not shorten an existing hold. */
  hold(hash: string, days: number): Promise<void>
  isHeld(hash: string): Promise<boolean>
  /** Deletes the names that are no longer held. */
  sweep(): Promise<void>
}

/** @internal */
export const createHeldNamesRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): HeldNamesRepository => {
  const table = `"${schema.replaceAll('"', '""')}"."held_names"`
  return {
    async hold(hash, days) {
      await query(
        `insert into ${table} as held (hash, until)
         values ($1, clock_timestamp() + $2::double precision * interval '1 day')
         on conflict (hash) do update set until = greatest(held.until, excluded.until)`,
        [hash, days]
      )
    },
    isHeld: async hash =>
      (await query(`select 1 as held from ${table} where hash = $1 and until > clock_timestamp()`, [hash])).length > 0,
    async sweep() {
      await query(`delete from ${table} where until <= clock_timestamp()`)
    }
  }
}
