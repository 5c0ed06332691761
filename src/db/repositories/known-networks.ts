/** Stores the networks from which users logged in. */
import type { SqlClient } from '../client/types.ts'

/** Number of days for which a network is known after the last login from it. */
const KNOWN_DAYS = 30

export interface KnownNetworksRepository {
  /** Returns whether the registered user with this name logged in from a network within the last 30 days. */
  isKnown(username: string, network: string): Promise<boolean>
  /** Stores that a user logged in from a network. */
  record(userId: number, network: string): Promise<void>
  /** Deletes at most `limit` networks that are no longer known. Returns their number. */
  sweep(limit: number): Promise<number>
}

/** @internal */
export const createKnownNetworksRepository = (
  { query }: Pick<SqlClient, 'query'>,
  schema: string
): KnownNetworksRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const table = `${inSchema}."known_networks"`
  const since = `clock_timestamp() - interval '${KNOWN_DAYS} days'`
  // Repeats the condition of the index of registered users, so that PostgreSQL can use the index.
  const isKnown = `select from ${table} as known join ${inSchema}."users" as u on u.id = known.user_id
    where lower(u.username collate "C") = lower($1 collate "C") and u.external_id is null
      and known.network = $2 and known.last_login_at > ${since}`
  const record = `insert into ${table} as known (user_id, network) values ($1, $2)
    on conflict (user_id, network) do update set last_login_at = clock_timestamp()
      where known.last_login_at < clock_timestamp() - interval '1 hour'`
  const sweep = `delete from ${table} where (user_id, network) in (
      select user_id, network from ${table} where last_login_at <= ${since} limit $1 for update skip locked
    ) returning user_id`

  return {
    // PostgreSQL cannot store a NUL character in text, so no user has such a name.
    isKnown: async (username, network) =>
      !username.includes('\u0000') && (await query(isKnown, [username, network])).length > 0,
    async record(userId, network) {
      await query(record, [userId, network])
    },
    sweep: async limit => (await query(sweep, [limit])).length
  }
}
