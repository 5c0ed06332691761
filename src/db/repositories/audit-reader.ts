/** Reads the audit log in pages, newest event first. */
import type { SqlClient } from '../client/types.ts'

/** An event of the audit log. `at` is in milliseconds since the epoch. */
export interface AuditRow {
  readonly id: number
  readonly at: number
  readonly event: string
  readonly userId: number | null
  readonly actorId: number | null
  readonly sessionId: string | null
  readonly address: string | null
  readonly agent: string | null
  readonly detail: Readonly<Record<string, string | number | boolean>> | null
  /** The number of failed logins that a row counts. The number is 1 for every other event. */
  readonly count: number
}

/** Selects events. Every condition is optional. */
export interface AuditFilter {
  /** Selects only events before the event with this id. */
  readonly before?: number | undefined
  /** Selects only events that happened to this user or that this user caused. */
  readonly userId?: number | undefined
  readonly event?: string | undefined
}

const MAX_ID = Number.MAX_SAFE_INTEGER

/** @internal */
export const createAuditReader = ({ query }: Pick<SqlClient, 'query'>, schema: string) => {
  const table = `"${schema.replaceAll('"', '""')}"."audit"`
  // Casts values, because a host application's client may return a bigint as text, and may return JSON parsed or as text.
  const columns = `id::double precision as id, (extract(epoch from at) * 1000)::double precision as at, event,
    user_id as "userId", actor_id as "actorId", session_id as "sessionId", address, agent, detail::text as detail, count`
  const newest = (condition: string): string =>
    `select * from ${table} where id < $1::bigint and ${condition} order by id desc limit $2`
  const all = `select ${columns} from (${newest('true')}) as found order by id desc`
  const ofEvent = `select ${columns} from (${newest('event = $3')}) as found order by id desc`
  // Runs one query per index. With "or", PostgreSQL would read and sort all events of the user.
  const ofUser = (more = ''): string => `select ${columns} from (
      (${newest(`user_id = $3${more}`)}) union all
      (${newest(`actor_id = $3 and user_id is distinct from $3${more}`)})
    ) as found order by id desc limit $2`
  const ofUserAndEvent = ofUser(' and event = $4')

  const read = (before: number, limit: number, { userId, event }: AuditFilter): Promise<StoredRow[]> => {
    if (userId !== undefined && event !== undefined) return query(ofUserAndEvent, [before, limit, userId, event])
    if (userId !== undefined) return query(ofUser(), [before, limit, userId])
    if (event !== undefined) return query(ofEvent, [before, limit, event])
    return query(all, [before, limit])
  }

  return {
    async list(filter: AuditFilter, limit: number): Promise<AuditRow[]> {
      const rows = await read(filter.before ?? MAX_ID, limit, filter)
      return rows.map(row => ({ ...row, detail: row.detail === null ? null : JSON.parse(row.detail) }))
    }
  }
}

type StoredRow = Omit<AuditRow, 'detail'> & { readonly detail: string | null }
