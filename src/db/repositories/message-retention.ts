/**
 * Finds and deletes the entries that are older than the retention time of their room. Does not hold the lock of a room while it
 * deletes.
 */
import { codesOf } from '../client/errors.ts'
import type { SqlClient } from '../client/types.ts'

/** The work of the retention job in a room. */
export interface RoomRetention {
  readonly id: number
  /** True if the retention time of the oldest entry has ended. */
  readonly isDue: boolean
  /** True if rows of expired entries are still stored. */
  readonly hasRows: boolean
}

export interface DeletedEntries {
  readonly deleted: number
  /** Number of expired entries that were found. If it is 0, all expired entries are deleted or locked. */
  readonly found: number
}

export interface MessageRetentionRepository {
  /**
   * Returns the next rooms in the order of their ids, after the id `after`. Entries are kept for `days` days, or for fewer days
   * if the room has its own limit. With `days` 0, only the limits of rooms apply.
   */
  rooms(after: number, days: number): Promise<RoomRetention[]>
  /**
   * Moves `oldest_seq` of a room to the first entry that is kept. The database notifies every process of the change. Resolves
   * with false if the lock of the room was not granted within a second.
   */
  expire(roomId: number, days: number): Promise<boolean>
  /**
   * Deletes at most `limit` expired entries of a room, and the rows that belong to them. Resolves with undefined if another
   * process is deleting at the moment.
   */
  deleteSome(roomId: number, limit: number): Promise<DeletedEntries | undefined>
}

/** Maximum number of rooms per query. */
const PAGE = 500
const LOCK_MS = 1000
const LOCK_TIMEOUT = '55P03'

/** @internal */
export const createMessageRetentionRepository = (
  { query, transaction }: Pick<SqlClient, 'query' | 'transaction'>,
  schema: string
): MessageRetentionRepository => {
  const inSchema = (table: string): string => `"${schema.replaceAll('"', '""')}"."${table}"`
  const [rooms, messages, others] = [inSchema('rooms'), inSchema('messages'), inSchema('others')]
  /** Returns SQL for the time from which entries are kept. The time is null if there is no limit. */
  const cutoff = (room: string, days: string): string =>
    `clock_timestamp() - least(nullif(${days}::integer, 0), nullif(${room}.retention_days, 0)) * interval '1 day'`
  const page = `select room.id, coalesce(oldest.created_at < room.cutoff, false) as "isDue",
      coalesce((
        select true from ${messages} as entry where entry.room_id = room.id and entry.seq < room.oldest_seq
        order by entry.seq limit 1
      ), false) as "hasRows"
    from (
      select known.id, known.oldest_seq, ${cutoff('known', '$2')} as cutoff from ${rooms} as known
      where known.id > $1 and known.deleted_at is null order by known.id limit ${PAGE}
    ) as room
    left join lateral (
      select entry.created_at from ${messages} as entry
      where entry.room_id = room.id and entry.seq >= room.oldest_seq and room.cutoff is not null order by entry.seq limit 1
    ) as oldest on true
    order by room.id`
  // The times of the entries in a room never decrease, so the boundary is found by a binary search through the primary key. An
  // index by time would slow down every append.
  const expire = `with recursive room as materialized (
      select known.oldest_seq, known.last_seq, ${cutoff('known', '$2')} as cutoff from ${rooms} as known where known.id = $1
    ), search (low, high) as (
      select oldest_seq, last_seq + 1 from room
      union all
      select case when probe.is_old then probe.middle + 1 else search.low end,
        case when probe.is_old then search.high else probe.middle end
      from search cross join lateral (
        select (search.low + search.high) / 2 as middle, coalesce((
          select entry.created_at < (select cutoff from room) from ${messages} as entry
          where entry.room_id = $1 and entry.seq >= (search.low + search.high) / 2 order by entry.seq limit 1
        ), false) as is_old
      ) as probe
      where search.low < search.high
    )
    update ${rooms} as known set oldest_seq = found.low
    from (select max(low) as low from search where low >= high) as found
    where known.id = $1 and known.oldest_seq < found.low`
  // Skips locked rows, because waiting for one row while other rows are locked could cause a deadlock. The deletion finds the
  // rows by their `ctid`, without another look-up. A row that was changed since the statement began counts as found, but only a
  // later statement deletes the row.
  const remove = `with expired as materialized (
      select entry.ctid as place from ${messages} as entry
      where entry.room_id = $1 and entry.seq < (select oldest_seq from ${rooms} where id = $1)
      order by entry.seq limit $2 for update skip locked
    ), gone as (
      delete from ${messages} where ctid = any(array(select place from expired)) returning seq
    )
    select count(*)::integer as deleted, max(seq)::double precision as last,
      (select count(*) from expired)::integer as found from gone`
  // A trigger deletes the rows that belong to a deleted message. This statement deletes the rows that other transactions added
  // during that deletion, for example a reaction.
  const removeOf = (table: string): string =>
    `delete from ${inSchema(table)} where room_id = $1 and seq between 0 and $2`
  // Keeps the last row before the boundary. The row contains the number of entries that are not messages, which the inbox needs
  // (inbox.ts).
  const removeOthers = `delete from ${others} where room_id = $1 and seq <= $2 and seq < (
      select max(other.seq) from ${others} as other
      where other.room_id = $1 and other.seq < (select oldest_seq from ${rooms} where id = $1)
    )`

  return {
    rooms: (after, days) => query<RoomRetention>(page, [after, days]),
    expire: (roomId, days) =>
      transaction(async own => {
        await own.exec(`set local lock_timeout = ${LOCK_MS}`)
        await own.query(expire, [roomId, days])
      }).then(
        () => true,
        error => {
          if (codesOf(error).includes(LOCK_TIMEOUT)) return false
          throw error
        }
      ),
    deleteSome: (roomId, limit) =>
      transaction(async own => {
        const [lock] = await own.query<{ is_locked: boolean }>(
          'select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as is_locked',
          [`fastify-chat:retention:${schema}`]
        )
        if (!lock?.is_locked) return undefined
        const [gone] = await own.query<DeletedEntries & { last: number | null }>(remove, [roomId, limit])
        if (!gone) return undefined
        const { deleted, found, last } = gone
        if (last === null) return { deleted, found }
        // With `between` and a generic plan, PostgreSQL expects few rows and does not read a whole table.
        await own.exec('set local plan_cache_mode = force_generic_plan')
        for (const table of ['reactions', 'message_state']) await own.query(removeOf(table), [roomId, last])
        await own.query(removeOthers, [roomId, last])
        return { deleted, found }
      })
  }
}
