/** Stores reports of messages. See drizzle/0020_reports.sql. */
import type { SqlClient } from '../client/types.ts'
import type { Visibility } from '../tables.ts'

export type ReportState = 'open' | 'resolved'
export type ReportOutcome = 'dismissed' | 'deleted'

export interface NewReport {
  readonly roomId: number
  readonly seq: number
  readonly userId: number
  /** A copy of the message's text, encrypted for the report. Null if the stored message could not be decrypted. */
  readonly content: string | null
  /** The encrypted reason. */
  readonly reason: string | null
  readonly keyId: string
}

/** A report with its ciphertexts. Times are in milliseconds since the epoch. */
export interface ReportRow {
  readonly id: number
  readonly roomId: number
  readonly room: string
  readonly visibility: Visibility
  readonly seq: number
  readonly reporterId: number
  readonly reporter: string
  readonly authorId: number
  readonly author: string
  readonly content: string | null
  readonly reason: string | null
  readonly keyId: string
  readonly createdAt: number
  readonly resolvedAt: number | null
  readonly resolvedById: number | null
  readonly resolvedBy: string | null
  readonly outcome: ReportOutcome | null
}

export interface ReportQuery {
  /** Selects only reports with a lower id. */
  readonly before?: number | undefined
  readonly state?: ReportState | undefined
  readonly limit: number
}

export interface ReportsRepository {
  /**
   * Stores a report. Returns the code of the error if the report is refused. `isNew` is false if the user has reported the
   * message before.
   */
  add(report: NewReport): Promise<{ readonly refused: string } | { readonly id: number; readonly isNew: boolean }>
  /** Returns whether a user may read and resolve the reports of a room. */
  mayReview(roomId: number, userId: number): Promise<boolean>
  /** Returns the reports of a room, newest first. Does not check who reads them. */
  ofRoom(roomId: number, query: ReportQuery): Promise<ReportRow[]>
  /**
   * Returns the reports that an administrator may read, newest first: those of public rooms and direct rooms, and of the private
   * rooms in which the administrator is a member.
   */
  forAdministrator(userId: number, query: ReportQuery): Promise<ReportRow[]>
  /** Returns one of the reports of `ofRoom`. */
  findInRoom(roomId: number, id: number): Promise<ReportRow | undefined>
  /** Returns one of the reports of `forAdministrator`. */
  findForAdministrator(userId: number, id: number): Promise<ReportRow | undefined>
  /**
   * Resolves an open report. If `outcome` is `deleted`, resolves all open reports of the same message. Returns false if the
   * report is not open anymore.
   */
  resolve(id: number, userId: number, outcome: ReportOutcome): Promise<boolean>
  /** Returns at most `limit` reports that a user sent, after the id `after`. */
  ofUser(userId: number, after: number, limit: number): Promise<ReportRow[]>
  /** Deletes at most `limit` reports that were resolved more than `days` days ago. Returns their number. */
  sweep(days: number, limit: number): Promise<number>
}

/** @internal */
export const createReportsRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): ReportsRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const table = `${inSchema}.reports`
  const ms = (column: string): string => `(extract(epoch from report.${column}) * 1000)::double precision`
  const rows = `select report.id, report.room_id as "roomId", room.name as room, room.visibility,
      report.seq::double precision as seq, report.user_id as "reporterId", reporter.username as reporter,
      report.author_id as "authorId", author.username as author, report.content, report.reason, report.key_id as "keyId",
      ${ms('created_at')} as "createdAt", ${ms('resolved_at')} as "resolvedAt", report.resolved_by as "resolvedById",
      resolver.username as "resolvedBy", report.outcome
    from ${table} as report
    join ${inSchema}.rooms as room on room.id = report.room_id and room.deleted_at is null
    join ${inSchema}.users as reporter on reporter.id = report.user_id
    join ${inSchema}.users as author on author.id = report.author_id
    left join ${inSchema}.users as resolver on resolver.id = report.resolved_by`
  const isForAdministrator = `(room.visibility <> 'private' or exists (
      select from ${inSchema}.members as member where member.room_id = room.id and member.user_id = $1
    ))`
  const page = `and ($2::integer is null or report.id < $2) and ($3::text is null or (report.resolved_at is null) = ($3 = 'open'))
    order by report.id desc limit $4`
  const resolve = `update ${table} as report set resolved_at = clock_timestamp(), resolved_by = $2, outcome = $3
    from ${table} as given
    where given.id = $1 and given.resolved_at is null and report.resolved_at is null
      and (report.id = given.id or ($3 = 'deleted' and report.room_id = given.room_id and report.seq = given.seq))
    returning report.id`
  const sweep = `delete from ${table} where id = any(array(
      select id from ${table} where resolved_at < clock_timestamp() - $1::integer * interval '1 day'
      order by resolved_at limit $2 for update skip locked
    )) returning id`
  const valuesOf = (
    id: number,
    { before = null, state = null, limit }: { [Key in keyof ReportQuery]: ReportQuery[Key] | null }
  ) => [id, before, state, limit]

  return {
    async add({ roomId, seq, userId, content, reason, keyId }) {
      const [row] = await query<{ code: string | null; id: number; isNew: boolean }>(
        `select code, id, is_new as "isNew" from ${inSchema}.chat_report($1, $2, $3, $4, $5, $6)`,
        [roomId, seq, userId, content, reason, keyId]
      )
      if (!row) throw new Error('The function "chat_report" returned no row.')
      return row.code === null ? { id: row.id, isNew: row.isNew } : { refused: row.code }
    },
    async mayReview(roomId, userId) {
      const [row] = await query<{ may: boolean }>(`select ${inSchema}.chat_may_review($1, $2) as may`, [roomId, userId])
      return row?.may ?? false
    },
    ofRoom: (roomId, wanted) => query<ReportRow>(`${rows} where report.room_id = $1 ${page}`, valuesOf(roomId, wanted)),
    forAdministrator: (userId, wanted) =>
      query<ReportRow>(`${rows} where ${isForAdministrator} ${page}`, valuesOf(userId, wanted)),
    findInRoom: async (roomId, id) =>
      (await query<ReportRow>(`${rows} where report.room_id = $1 and report.id = $2`, [roomId, id]))[0],
    findForAdministrator: async (userId, id) =>
      (await query<ReportRow>(`${rows} where ${isForAdministrator} and report.id = $2`, [userId, id]))[0],
    resolve: async (id, userId, outcome) =>
      (await query<{ id: number }>(resolve, [id, userId, outcome])).some(row => row.id === id),
    ofUser: (userId, after, limit) =>
      query<ReportRow>(`${rows} where report.user_id = $1 and report.id > $2 order by report.id limit $3`, [
        userId,
        after,
        limit
      ]),
    sweep: async (days, limit) => (await query(sweep, [days, limit])).length
  }
}
