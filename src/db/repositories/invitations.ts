/**
 * Stores invitations, each as the SHA-256 of its token. An invitation belongs to no user, so it stays valid when the sessions
 * of the administrator who created it end.
 */
import type { SqlClient } from '../client/types.ts'

export interface InvitationsRepository {
  /**
   * Stores an invitation, and deletes all expired one-time tokens. Returns when the invitation expires, in milliseconds since the
   * epoch.
   */
  add(hash: string, lifetimeMs: number): Promise<number>
  /** Returns whether an invitation can be used. */
  isValid(hash: string): Promise<boolean>
  /**
   * Uses up an invitation. Returns false if the invitation does not exist or has expired. Must be called in the transaction of
   * the registration, so that a second registration with the same invitation waits for the first.
   */
  take(hash: string): Promise<boolean>
}

/** @internal */
export const createInvitationsRepository = (
  { query }: Pick<SqlClient, 'query'>,
  schema: string
): InvitationsRepository => {
  const table = `"${schema.replaceAll('"', '""')}"."one_time_tokens"`
  const isUsable = `hash = $1 and purpose = 'invite' and expires_at > clock_timestamp()`
  const add = `with expired as (delete from ${table} where expires_at < clock_timestamp())
    insert into ${table} (hash, purpose, expires_at)
      values ($1, 'invite', clock_timestamp() + $2::double precision * interval '1 millisecond')
    returning (extract(epoch from expires_at) * 1000)::double precision as at`

  return {
    async add(hash, lifetimeMs) {
      const [row] = await query<{ at: number }>(add, [hash, lifetimeMs])
      if (!row) throw new Error('The insert into "one_time_tokens" returned no row.')
      return row.at
    },
    isValid: async hash => (await query(`select 1 as one from ${table} where ${isUsable}`, [hash])).length > 0,
    take: async hash => (await query(`delete from ${table} where ${isUsable} returning 1 as one`, [hash])).length > 0
  }
}
