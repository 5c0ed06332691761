/** Records the exports of users' data. Across all processes, a user may have one export running, and one completed per hour. */
import type { SqlClient } from '../client/types.ts'
import { isLive, type UserSession } from './live-session.ts'

/** The user and the session that requested an export. The session is null for a user who logs in at another issuer. */
export interface ExportOwner extends Omit<UserSession, 'sessionId'> {
  readonly sessionId: string | null
}

/** A running export, and the user who requested it. */
export interface ExportClaim extends ExportOwner {
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

/** An authenticator app, without its secret. `createdAt` is in milliseconds since the epoch. */
export interface ExportedTotp {
  readonly createdAt: number
  readonly isConfirmed: boolean
}

/** A network from which the user logged in. `lastLoginAt` is in milliseconds since the epoch. */
export interface ExportedNetwork {
  readonly network: string
  readonly lastLoginAt: number
}

export interface ExportsRepository {
  /**
   * Begins an export with a lease of `leaseMs` milliseconds, and returns 0. If another export is running or was completed
   * within the last hour, returns the milliseconds to wait. Returns undefined if the session has ended, or if its owner did not
   * prove who they are within the last ten minutes.
   */
  begin(claim: ExportClaim, leaseMs: number): Promise<number | undefined>
  /**
   * Extends the lease. Returns false if the export must end: the session has ended, `users.status` or `users.generation` has
   * changed, or another export has begun.
   */
  renew(claim: ExportClaim, leaseMs: number): Promise<boolean>
  /** Marks an export as completed, so that the next one may begin after an hour. Returns false in the same cases as `renew`. */
  complete(claim: ExportClaim): Promise<boolean>
  /** Ends an export. If it was not completed, the next one may begin immediately. */
  end(claim: ExportClaim): Promise<void>
  sessionsOf(userId: number): Promise<ExportedSession[]>
  identitiesOf(userId: number): Promise<ExportedIdentity[]>
  totpOf(userId: number): Promise<ExportedTotp[]>
  networksOf(userId: number): Promise<ExportedNetwork[]>
}

/** @internal */
export const createExportsRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): ExportsRepository => {
  const quoted = `"${schema.replaceAll('"', '""')}"`
  const inSchema = (table: string): string => `${quoted}."${table}"`
  const table = inSchema('exports')
  const inMs = (parameter: string): string =>
    `clock_timestamp() + ${parameter}::double precision * interval '1 millisecond'`
  // $1 to $3 are the values of an `ExportOwner`, in the order of `valuesOf`.
  const owner = { userId: '$1', generation: '$2', sessionId: '$3' } as const
  const isProven = isLive(quoted, owner, { isProven: true })
  const begin = `insert into ${table} as latest (user_id, claim, leased_until)
    select $1::integer, $4::text, ${inMs('$5')} where ${isProven}
    on conflict (user_id) do update set claim = excluded.claim, leased_until = excluded.leased_until
    where coalesce(latest.leased_until < clock_timestamp(), true)
      and coalesce(latest.completed_at not between clock_timestamp() - interval '1 hour' and clock_timestamp(), true)
    returning user_id`
  // PostgreSQL before 17 cannot subtract from an infinite time.
  const wait = `select (extract(epoch from greatest(
      case when isfinite(leased_until) then leased_until - clock_timestamp() end,
      case when isfinite(completed_at) and completed_at < clock_timestamp() then completed_at + interval '1 hour' - clock_timestamp() end,
      interval '1 second'
    )) * 1000)::double precision as ms from ${table} where user_id = $1 and ${isProven}`
  const renew = `update ${table} set leased_until = ${inMs('$5')}
    where user_id = $1 and claim = $4 and ${isLive(quoted, owner)} returning user_id`
  const complete = `update ${table} set completed_at = clock_timestamp(), leased_until = null
    where user_id = $1 and claim = $4 and ${isLive(quoted, owner)} returning user_id`
  const valuesOf = ({ userId, generation, sessionId }: ExportOwner) => [userId, generation, sessionId]

  return {
    async begin(claim, leaseMs) {
      if ((await query(begin, [...valuesOf(claim), claim.claim, leaseMs])).length > 0) return 0
      return (await query<{ ms: number }>(wait, valuesOf(claim)))[0]?.ms
    },
    renew: async (claim, leaseMs) => (await query(renew, [...valuesOf(claim), claim.claim, leaseMs])).length > 0,
    complete: async claim => (await query(complete, [...valuesOf(claim), claim.claim])).length > 0,
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
      query<ExportedIdentity>(`select issuer, subject from ${inSchema('identities')} where user_id = $1`, [userId]),
    totpOf: userId =>
      query<ExportedTotp>(
        `select (extract(epoch from created_at) * 1000)::double precision as "createdAt",
           confirmed_at is not null as "isConfirmed" from ${inSchema('totp')} where user_id = $1`,
        [userId]
      ),
    networksOf: userId =>
      query<ExportedNetwork>(
        `select network, (extract(epoch from last_login_at) * 1000)::double precision as "lastLoginAt"
         from ${inSchema('known_networks')} where user_id = $1 order by last_login_at, network`,
        [userId]
      )
  }
}
