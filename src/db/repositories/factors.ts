/** Reads which second factors users have, and counts wrong codes. */
import type { SqlClient } from '../client/types.ts'

/**
 * The second factors of a user. `passkeys` counts only the passkeys that work with the host name `rpId`, and `recoveryCodes` only
 * the unused codes.
 */
export interface FactorSummary {
  readonly hasTotp: boolean
  readonly recoveryCodes: number
  readonly passkeys: number
  /**
   * The number of all passkeys. Passkeys for another host name also count as a second factor, although they do not work here.
   */
  readonly allPasskeys: number
}

/** Reads and deletes the second factors of users in one schema. */
export interface FactorsRepository {
  summary(userId: number, rpId: string | undefined): Promise<FactorSummary>
  /** Deletes all factors and recovery codes of a user. */
  removeAll(userId: number): Promise<void>
  /**
   * Counts a code before it is checked. Returns 0 if the code may be checked, or else the milliseconds to wait. A user may
   * enter `max` codes per `windowMs` milliseconds.
   */
  countCode(userId: number, max: number, windowMs: number): Promise<number>
  /** Subtracts a code from the count, because the code was right. */
  uncountCode(userId: number): Promise<void>
}

/** @internal */
export const createFactorsRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): FactorsRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const summary = `select
      exists (select from ${inSchema}.totp where user_id = $1 and confirmed_at is not null) as "hasTotp",
      (select count(*)::integer from ${inSchema}.recovery_codes where user_id = $1 and used_at is null) as "recoveryCodes",
      count(*) filter (where rp_id = $2)::integer as passkeys, count(*)::integer as "allPasskeys"
    from ${inSchema}.passkeys where user_id = $1`
  // Uses the table "rate_limits". The repository in rate-limits.ts deletes the expired rows of that table.
  const count = `insert into ${inSchema}.rate_limits as counted (key, hits, expires_at)
    values ($1, 1, clock_timestamp() + $2::double precision * interval '1 millisecond')
    on conflict (key) do update set
      hits = case when counted.expires_at > clock_timestamp() then counted.hits + 1 else 1 end,
      expires_at = case when counted.expires_at > clock_timestamp() then counted.expires_at else excluded.expires_at end
    where counted.expires_at <= clock_timestamp() or counted.hits < $3
    returning hits`
  const keyOf = (userId: number): string => `second-factor:${userId}`

  return {
    async summary(userId, rpId = '') {
      const [row] = await query<FactorSummary>(summary, [userId, rpId])
      return row ?? { hasTotp: false, recoveryCodes: 0, passkeys: 0, allPasskeys: 0 }
    },
    async removeAll(userId) {
      for (const table of ['totp', 'recovery_codes', 'passkeys', 'passkey_handles'])
        await query(`delete from ${inSchema}.${table} where user_id = $1`, [userId])
    },
    async countCode(userId, max, windowMs) {
      if ((await query(count, [keyOf(userId), windowMs, max])).length > 0) return 0
      const [row] = await query<{ ms: number }>(
        `select greatest(1, extract(epoch from expires_at - clock_timestamp()) * 1000)::double precision as ms
         from ${inSchema}.rate_limits where key = $1`,
        [keyOf(userId)]
      )
      return row?.ms ?? 1
    },
    async uncountCode(userId) {
      await query(`update ${inSchema}.rate_limits set hits = hits - 1 where key = $1 and hits > 0`, [keyOf(userId)])
    }
  }
}
