/** Stores the audit log: what happened to accounts, by whom and from where. */
import type { SqlClient } from '../client/types.ts'
import { type AuditFilter, type AuditRow, createAuditReader } from './audit-reader.ts'

/**
 * An event that happened to the account `userId`. `actorId` is the user who caused the event, if that is another user. `detail`
 * contains ids, numbers and codes, but no names, addresses, tokens or texts.
 */
export interface NewAuditEvent {
  readonly event: string
  readonly userId?: number | undefined
  readonly actorId?: number | undefined
  readonly sessionId?: string | undefined
  /** The network address of the client. */
  readonly address?: string | undefined
  /** The `User-Agent` of the client. */
  readonly agent?: string | undefined
  readonly detail?: Readonly<Record<string, string | number | boolean>> | undefined
}

/**
 * A failed login. `userId` is absent if no user has the name. Failures with unknown names are counted together, per network.
 */
export interface FailedLogin {
  readonly userId?: number | undefined
  /** The network of the client, as `networkOf` returns it. */
  readonly network: string
}

export interface AuditRepository {
  /** Stores an event. Call it with the repositories of the transaction that changes the account. */
  record(event: NewAuditEvent): Promise<void>
  /** Counts a failed login. One row counts the failed logins to one account from one network in one hour. */
  countFailedLogin(login: FailedLogin): Promise<void>
  /** Returns at most `limit` events, newest first. */
  list(filter: AuditFilter, limit: number): Promise<AuditRow[]>
  /**
   * Removes the address and the agent from the events that a user caused, and the network from failed logins to the account.
   * Called when the account is deleted. Events that an administrator caused for this user keep the address and the agent of the
   * administrator.
   */
  blankUser(userId: number): Promise<void>
  /** Sets addresses and agents that are older than `days` to null, in at most `limit` rows. Returns the number of rows. */
  blankOlderThan(days: number, limit: number): Promise<number>
  /** Deletes at most `limit` events whose retention time has ended. Returns the number of rows. */
  deleteExpired(limit: number): Promise<number>
}

export interface AuditOptions {
  /** Number of days for which an event is kept. */
  readonly days?: number
  /** Called after a statement that stored an event. In a transaction, called after the commit. */
  readonly onRecorded?: (event: NewAuditEvent) => void
}

/** Default number of days for which an event is kept. */
export const AUDIT_DAYS = 365
/** Maximum number of rows that one statement of `blankUser` changes. */
const BATCH = 1000

/** @internal */
export const createAuditRepository = (
  { query }: Pick<SqlClient, 'query'>,
  schema: string,
  { days = AUDIT_DAYS, onRecorded = () => {} }: AuditOptions = {}
): AuditRepository => {
  const table = `"${schema.replaceAll('"', '""')}"."audit"`
  const keptUntil = `clock_timestamp() + ${Number(days)} * interval '1 day'`
  const insert = `insert into ${table} (kept_until, event, user_id, actor_id, session_id, address, agent, detail)
    values (${keptUntil}, $1, $2, $3, $4, $5, $6, $7::text::jsonb)`
  const count = `insert into ${table} as counted (kept_until, event, user_id, address, hour)
    values (${keptUntil}, 'login_failed', $1, $2, date_trunc('hour', clock_timestamp()))
    on conflict (event, coalesce(user_id, 0), address, hour) where hour is not null and address is not null
    do update set count = counted.count + 1
    returning count`
  const isStored = '(address is not null or agent is not null)'
  const blank = (rows: string): string => `update ${table} set address = null, agent = null
    where id in (select id from ${table} where ${isStored} and ${rows} for update skip locked)
    returning id`
  const blankUser = blank(`(user_id = $1 and actor_id is null or actor_id = $1) limit ${BATCH}`)
  const blankOld = blank(`at < clock_timestamp() - $1::double precision * interval '1 day' order by at limit $2`)
  const deleteExpired = `delete from ${table} where id in (
      select id from ${table} where kept_until <= clock_timestamp() order by kept_until limit $1 for update skip locked
    ) returning id`

  return {
    ...createAuditReader({ query }, schema),
    async record(event) {
      const { userId = null, actorId = null, sessionId = null, address = null, agent = null, detail } = event
      const json = detail === undefined ? null : JSON.stringify(detail)
      await query(insert, [event.event, userId, actorId, sessionId, address, agent, json])
      onRecorded(event)
    },
    async countFailedLogin({ userId, network }) {
      const [row] = await query<{ count: number }>(count, [userId ?? null, network])
      // Reports only the first failed login of a row, so that an attacker who guesses passwords cannot fill the service log.
      if (row?.count === 1) onRecorded({ event: 'login_failed', userId })
    },
    async blankUser(userId) {
      while ((await query(blankUser, [userId])).length === BATCH);
    },
    blankOlderThan: async (olderThan, limit) => (await query(blankOld, [olderThan, limit])).length,
    deleteExpired: async limit => (await query(deleteExpired, [limit])).length
  }
}
