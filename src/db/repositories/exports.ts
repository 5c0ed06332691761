/** Stores the exports of users' data, so that all processes together run one at a time per user, and one per hour. */
import type { SqlClient } from '../client/types.ts'

/** A running export. `generation` is that of the user when the export began. */
export interface ExportClaim {
  readonly userId: number
  readonly generation: number
  /** A random id of this export. */
  readonly claim: string
}

/** A session in an export. Times are in milliseconds since the epoch. */
export interface ExportedSession {
  readonly id: string
  readonly device: string | null
  readonly address: string | null
  readonly createdAt: number
  readonly lastUsedAt: number
}

/** The account of a user at another issuer. */
export interface ExportedIdentity {
  readonly issuer: string
  readonly subject: string
}

export interface ExportsRepository {
  /**
   * Begins an export for `leaseMs` milliseconds. Returns 0, or after how many milliseconds the user may try again, because
   * another export is running or was completed within the last hour.
   */
  begin(claim: ExportClaim, leaseMs: number): Promise<number>
  /** Extends the lease. Returns false if the export must end, because the user logged out everywhere or was deleted. */
  renew(claim: ExportClaim, leaseMs: number): Promise<boolean>
  /** Marks an export as completed, so that the next one may begin after an hour. */
  complete(claim: ExportClaim): Promise<void>
  /** Ends an export. If it was not completed, the next one may begin at once. */
  end(claim: ExportClaim): Promise<void>
  sessionsOf(userId: number): Promise<ExportedSession[]>
  identitiesOf(userId: number): Promise<ExportedIdentity[]>
}

/** @internal */
export const createExportsRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): ExportsRepository => {
  const inSchema = (table: string): string => `"${schema.replaceAll('"', '""')}"."${table}"`
  const table = inSchema('exports')
  const inMs = (parameter: string): string =>
    `clock_timestamp() + ${parameter}::double precision * interval '1 millisecond'`
  const begin = `insert into ${table} as latest (user_id, claim, leased_until) values ($1, $2, ${inMs('$3')})
    on conflict (user_id) do update set claim = excluded.claim, leased_until = excluded.leased_until
    where coalesce(latest.leased_until < clock_timestamp(), true)
      and coalesce(latest.completed_at < clock_timestamp() - interval '1 hour', true)
    returning user_id`
  const wait = `select (extract(epoch from greatest(
      leased_until - clock_timestamp(), completed_at + interval '1 hour' - clock_timestamp(), interval '1 second'
    )) * 1000)::double precision as ms from ${table} where user_id = $1`
  const renew = `update ${table} set leased_until = ${inMs('$3')}
    where user_id = $1 and claim = $2
      and exists (select from ${inSchema('users')} where id = $1 and status = 'active' and generation = $4)
    returning user_id`

  return {
    async begin({ userId, claim }, leaseMs) {
      if ((await query(begin, [userId, claim, leaseMs])).length > 0) return 0
      const [row] = await query<{ ms: number }>(wait, [userId])
      return row?.ms ?? 1000
    },
    renew: async ({ userId, claim, generation }, leaseMs) =>
      (await query(renew, [userId, claim, leaseMs, generation])).length > 0,
    async complete({ userId, claim }) {
      await query(
        `update ${table} set completed_at = clock_timestamp(), leased_until = null where user_id = $1 and claim = $2`,
        [userId, claim]
      )
    },
    async end({ userId, claim }) {
      await query(`update ${table} set leased_until = null where user_id = $1 and claim = $2`, [userId, claim])
    },
    sessionsOf: userId =>
      query<ExportedSession>(
        `select id, device, address, (extract(epoch from created_at) * 1000)::double precision as "createdAt",
           (extract(epoch from last_used_at) * 1000)::double precision as "lastUsedAt"
         from ${inSchema('sessions')} where user_id = $1 and expires_at > clock_timestamp() order by created_at, id`,
        [userId]
      ),
    identitiesOf: userId =>
      query<ExportedIdentity>(`select issuer, subject from ${inSchema('identities')} where user_id = $1`, [userId])
  }
}
