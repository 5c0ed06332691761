/** Reads the changes that triggers recorded: deleted and renamed users, changed or deleted entries, and changed or deleted rooms. */
import type { SqlClient, SqlTransaction } from '../client/types.ts'

/** The changes that became visible since a snapshot. */
export interface Changes {
  readonly deletedUsers: readonly number[]
  readonly renamedUsers: readonly { readonly id: number; readonly username: string }[]
  /** Rooms whose title changed, and deleted rooms. */
  readonly rooms: readonly { readonly id: number; readonly title: string | null; readonly isDeleted: boolean }[]
  /** Ranges of entries that were changed or deleted; `from` and `to` are inclusive. */
  readonly entries: readonly { readonly roomId: number; readonly from: number; readonly to: number }[]
}

/** The result of a read. */
export interface ChangesRead {
  /** The snapshot of this read. Pass it to the next read, which then returns the changes that were not visible in it. */
  readonly snapshot: string
  /**
   * `undefined` if the changes cannot be listed: there are too many, a table was truncated, or `since` is from another database or
   * from before it was restored.
   */
  readonly changes: Changes | undefined
}

/** Reads the changes of one schema. */
export interface ChangesRepository {
  /** Returns the current snapshot, and the changes since an earlier one. Without `since`, `changes` is `undefined`. */
  read(since: string | undefined): Promise<ChangesRead>
  /** Returns the names of existing users, by id. */
  usernames(ids: readonly number[]): Promise<Map<number, string>>
  /** Returns the titles of existing rooms, by id. */
  titles(ids: readonly number[]): Promise<Map<number, string | null>>
  /** Deletes recorded changes that are older than an hour. */
  sweep(): Promise<void>
}

/** How long a read waits for a locked table, in milliseconds. It is short, because the read may occupy a reserved connection. */
const LOCK_MS = 1000
/** Maximum number of changes of each sort that are listed. */
const MAX_CHANGES = 1000

interface Row {
  readonly snapshot: string
  readonly is_lost: boolean
  /** JSON text, so that no driver converts its types. */
  readonly deleted: string
  readonly changed: string
}

interface ChangedRow {
  readonly room_id: number | null
  readonly from_seq: number | null
  readonly to_seq: number | null
  readonly user_id: number | null
  readonly username: string | null
  readonly title: string | null
  readonly has_room: boolean
}

/**
 * Creates the repository.
 * @internal
 */
export const createChangesRepository = ({ query, transaction }: SqlClient, schema: string): ChangesRepository => {
  const inSchema = (table: string): string => `"${schema.replaceAll('"', '""')}".${table}`
  // The last condition excludes rows of a restored database whose transaction ids are still in the future here. With a snapshot
  // that is older than an hour, changes may be missing, because they have been swept.
  const isNew = `xid >= pg_snapshot_xmin($1::text::pg_snapshot)
    and not pg_visible_in_snapshot(xid, $1::text::pg_snapshot)
    and xid < pg_snapshot_xmax(pg_current_snapshot())`
  const read = `select pg_current_snapshot()::text as snapshot,
    $1::text is null or pg_snapshot_xmax($1::text::pg_snapshot) > pg_snapshot_xmax(pg_current_snapshot()) as is_lost,
    (select coalesce(json_agg(uid), '[]')::text from (
      select uid from ${inSchema('revocations')} where ${isNew} and reason = 'deleted' limit ${MAX_CHANGES + 1}
    ) as revoked) as deleted,
    (select coalesce(json_agg(row_to_json(changed)), '[]')::text from (
      select log.room_id, log.from_seq, log.to_seq, log.user_id, users.username, rooms.title, rooms.id is not null as has_room
      from (select * from ${inSchema('log_changes')} where ${isNew} limit ${MAX_CHANGES + 1}) as log
      left join ${inSchema('users')} as users on users.id = log.user_id
      left join ${inSchema('rooms')} as rooms on rooms.id = log.room_id
    ) as changed) as changed`

  /** True while a read uses the reserved (urgent) connection. Only one read may; the others queue for the pool. */
  let isUrgentTaken = false
  const readRow = async (since: string | undefined): Promise<Row | undefined> => {
    const isUrgent = !isUrgentTaken
    isUrgentTaken = true
    try {
      const work = async (own: SqlTransaction): Promise<Row[]> => {
        // A separate statement, because a query locks its tables before it evaluates any expression.
        await own.exec(`set local lock_timeout = ${LOCK_MS}`)
        return own.query<Row>(read, [since ?? null])
      }
      return (await transaction(work, { isUrgent }))[0]
    } finally {
      if (isUrgent) isUrgentTaken = false
    }
  }

  return {
    async read(since) {
      const row = await readRow(since)
      if (!row) throw new Error('Reading the changes returned no row.')
      const deleted = JSON.parse(row.deleted) as number[]
      const changed = JSON.parse(row.changed) as ChangedRow[]
      const isTooMuch = Math.max(deleted.length, changed.length) > MAX_CHANGES || changed.some(isEverything)
      return { snapshot: row.snapshot, changes: row.is_lost || isTooMuch ? undefined : changesOf(deleted, changed) }
    },
    async usernames(ids) {
      const text = `select id, username from ${inSchema('users')} where id = any($1)`
      const rows = await query<{ id: number; username: string }>(text, [ids])
      return new Map(rows.map(({ id, username }) => [id, username]))
    },
    async titles(ids) {
      const text = `select id, title from ${inSchema('rooms')} where id = any($1)`
      const rows = await query<{ id: number; title: string | null }>(text, [ids])
      return new Map(rows.map(({ id, title }) => [id, title]))
    },
    async sweep() {
      const isOld = `at < clock_timestamp() - interval '1 hour'`
      await query(`with swept as (delete from ${inSchema('revocations')} where ${isOld})
        delete from ${inSchema('log_changes')} where ${isOld}`)
    }
  }
}

const isEverything = ({ room_id, user_id }: ChangedRow): boolean => room_id === null && user_id === null

const changesOf = (deletedUsers: number[], changed: ChangedRow[]): Changes => ({
  deletedUsers,
  renamedUsers: changed.flatMap(({ user_id: id, username }) =>
    id === null || username === null ? [] : [{ id, username }]
  ),
  rooms: changed.flatMap(({ room_id: id, from_seq, title, has_room }) =>
    id === null || from_seq !== null ? [] : [{ id, title, isDeleted: !has_room }]
  ),
  entries: changed.flatMap(({ room_id: roomId, from_seq: from, to_seq: to }) =>
    roomId === null || from === null || to === null ? [] : [{ roomId, from, to }]
  )
})
