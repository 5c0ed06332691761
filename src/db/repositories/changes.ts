/**
 * Reads the changes that database triggers have recorded: deleted, renamed or revoked users, ended sessions, changed or
 * deleted entries, and changed or deleted rooms.
 */
import type { SqlClient, SqlTransaction } from '../client/types.ts'
import type { UserStatus } from '../tables.ts'

/** The changes that have become visible since an earlier snapshot. */
export interface Changes {
  readonly deletedUsers: readonly number[]
  readonly renamedUsers: readonly { readonly id: number; readonly username: string }[]
  /** The ids of sessions that were ended before they expired. */
  readonly revokedSessions: readonly string[]
  /** The current state of users whose status or generation changed. */
  readonly revokedUsers: readonly RevokedUser[]
  /** Rooms whose properties changed, and deleted rooms. */
  readonly rooms: readonly ChangedRoom[]
  /** Ranges of entries that were changed or deleted; `from` and `to` are inclusive. */
  readonly entries: readonly { readonly roomId: number; readonly from: number; readonly to: number }[]
}

/** The properties of a room that processes keep in memory. */
export interface ChangedProperties {
  readonly title: string | null
  readonly topic: string | null
  readonly guarded: boolean
  readonly archived: boolean
  /** The `seq` of the oldest entry that is kept. */
  readonly oldestSeq: number
}

/** A room whose properties changed, or which was deleted. */
export interface ChangedRoom extends ChangedProperties {
  readonly id: number
  readonly isDeleted: boolean
}

/** A user whose earlier sessions have ended. */
export interface RevokedUser {
  readonly id: number
  readonly status: UserStatus
  /** Sessions and access tokens of a lower generation have ended. */
  readonly generation: number
  /**
   * The ids of the user's sessions that have the current generation and therefore have not ended. For example, the session that
   * changed the password is moved to the new generation.
   */
  readonly keptSessions: readonly string[]
}

export interface ChangesRead {
  /**
   * The database snapshot of this read. Pass it to the next read, which then returns the changes that have become visible since
   * this read.
   */
  readonly snapshot: string
  /**
   * `undefined` if the changes cannot be listed:
   * - `read` was called without a snapshot, or with a snapshot of another database.
   * - The database was restored after that snapshot.
   * - A table was truncated.
   * - There are too many changes.
   */
  readonly changes: Changes | undefined
}

/** Reads the changes that triggers have recorded in one schema, and deletes old ones. */
export interface ChangesRepository {
  /**
   * Returns the current snapshot, and the changes since the earlier snapshot `since`. Without `since`, `changes` is
   * `undefined`.
   */
  read(since: string | undefined): Promise<ChangesRead>
  /** Returns the properties of the rooms with these ids, keyed by id. Omits rooms that do not exist. */
  descriptions(ids: readonly number[]): Promise<Map<number, ChangedProperties>>
  /** Deletes recorded changes that are older than an hour. */
  sweep(): Promise<void>
}

/**
 * Timeout in milliseconds for a read that waits for a table lock. It is short, because the read may occupy a reserved
 * connection.
 */
const LOCK_MS = 1000
/** Maximum number of changes that a read lists from each of the tables `revocations` and `log_changes`. */
const MAX_CHANGES = 1000

interface Row {
  readonly snapshot: string
  readonly is_lost: boolean
  // The query returns JSON as text, so that no driver converts the values.
  readonly revoked: string
  readonly changed: string
}

interface RevokedRow {
  readonly uid: number
  readonly sid: string | null
  readonly reason: string
  readonly status: UserStatus | null
  readonly generation: number
  readonly kept: readonly string[] | null
}

interface ChangedRow {
  readonly room_id: number | null
  readonly from_seq: number | null
  readonly to_seq: number | null
  readonly user_id: number | null
  readonly username: string | null
  readonly title: string | null
  readonly topic: string | null
  readonly guarded: boolean | null
  readonly archived: boolean | null
  readonly oldest_seq: number | null
  readonly has_room: boolean
}

/** @internal */
export const createChangesRepository = ({ query, transaction }: SqlClient, schema: string): ChangesRepository => {
  const inSchema = (table: string): string => `"${schema.replaceAll('"', '""')}".${table}`
  // The last condition excludes rows that were restored from another server, if this server has not yet reached their
  // transaction ids. If `since` is older than an hour, the query may miss changes that `sweep` has deleted.
  const isNew = `xid >= pg_snapshot_xmin($1::text::pg_snapshot)
    and not pg_visible_in_snapshot(xid, $1::text::pg_snapshot)
    and xid < pg_snapshot_xmax(pg_current_snapshot())`
  const read = `select pg_current_snapshot()::text as snapshot,
    $1::text is null or pg_snapshot_xmax($1::text::pg_snapshot) > pg_snapshot_xmax(pg_current_snapshot()) as is_lost,
    (select coalesce(json_agg(row_to_json(revoked)), '[]')::text from (
      select log.uid, log.sid, log.reason, users.status, users.generation,
        case when users.id is not null then (select json_agg(sessions.id) from ${inSchema('sessions')} as sessions
          where sessions.user_id = users.id and sessions.generation = users.generation) end as kept
      from (select * from ${inSchema('revocations')} where ${isNew} limit ${MAX_CHANGES + 1}) as log
      left join ${inSchema('users')} as users on users.id = log.uid and log.sid is null and log.reason <> 'deleted'
    ) as revoked) as revoked,
    (select coalesce(json_agg(row_to_json(changed)), '[]')::text from (
      select log.room_id, log.from_seq, log.to_seq, log.user_id, users.username, rooms.title, rooms.topic,
        rooms.guarded, rooms.archived, rooms.oldest_seq, rooms.id is not null and rooms.deleted_at is null as has_room
      from (select * from ${inSchema('log_changes')} where ${isNew} limit ${MAX_CHANGES + 1}) as log
      left join ${inSchema('users')} as users on users.id = log.user_id
      left join ${inSchema('rooms')} as rooms on rooms.id = log.room_id
    ) as changed) as changed`

  /**
   * True while a read uses a reserved connection. Only one read at a time may use a reserved connection. Other reads use the
   * rest of the pool.
   */
  let isUrgentTaken = false
  const readRow = async (since: string | undefined): Promise<Row | undefined> => {
    const isUrgent = !isUrgentTaken
    isUrgentTaken = true
    try {
      const work = async (own: SqlTransaction): Promise<Row[]> => {
        // This is a separate statement, because `set_config` in the query would be too late: a query locks its tables before it
        // evaluates expressions.
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
      if (!row) throw new Error('The query for the changes in "revocations" and "log_changes" returned no row.')
      const revoked = JSON.parse(row.revoked) as RevokedRow[]
      const changed = JSON.parse(row.changed) as ChangedRow[]
      const isTooMuch = Math.max(revoked.length, changed.length) > MAX_CHANGES || changed.some(isEverything)
      return { snapshot: row.snapshot, changes: row.is_lost || isTooMuch ? undefined : changesOf(revoked, changed) }
    },
    async descriptions(ids) {
      const text = `select id, title, topic, guarded, archived, oldest_seq::double precision as "oldestSeq"
        from ${inSchema('rooms')}
        where id = any($1) and deleted_at is null`
      const rows = await query<ChangedProperties & { id: number }>(text, [ids])
      return new Map(rows.map(({ id, ...description }) => [id, description]))
    },
    async sweep() {
      const isOld = `at < clock_timestamp() - interval '1 hour'`
      await query(`with swept as (delete from ${inSchema('revocations')} where ${isOld})
        delete from ${inSchema('log_changes')} where ${isOld}`)
    }
  }
}

const isEverything = ({ room_id, user_id }: ChangedRow): boolean => room_id === null && user_id === null

const changesOf = (revoked: RevokedRow[], changed: ChangedRow[]): Changes => ({
  deletedUsers: revoked.filter(({ reason }) => reason === 'deleted').map(({ uid }) => uid),
  revokedSessions: revoked.flatMap(({ sid }) => sid ?? []),
  revokedUsers: revoked.flatMap(({ uid: id, status, generation, kept }) =>
    status === null ? [] : [{ id, status, generation, keptSessions: kept ?? [] }]
  ),
  renamedUsers: changed.flatMap(({ user_id: id, username }) =>
    id === null || username === null ? [] : [{ id, username }]
  ),
  rooms: changed.flatMap(({ room_id: id, from_seq, title, topic, guarded, archived, oldest_seq, has_room }) => {
    if (id === null || from_seq !== null) return []
    const flags = { guarded: guarded === true, archived: archived === true, isDeleted: !has_room }
    return [{ id, title, topic, ...flags, oldestSeq: oldest_seq ?? 1 }]
  }),
  entries: changed.flatMap(({ room_id: roomId, from_seq: from, to_seq: to }) =>
    roomId === null || from === null || to === null ? [] : [{ roomId, from, to }]
  )
})
