/** Removes the rows of deleted rooms in batches, and stores which messages must be deleted after a ban. */
import { MESSAGE } from '../../protocol/http/messages.ts'
import type { SqlClient } from '../client/types.ts'

/** The deletion of the messages of a banned user, which this process may continue until its lease ends. */
export interface BanErasure {
  readonly roomId: number
  readonly room: string
  readonly userId: number
  /** The id of the user who imposed the ban. Null for the host application, or if the account was deleted. */
  readonly by: number | null
  /** The current name of the user in whose name the messages are deleted: `by`, or the banned user if `by` is null. */
  readonly username: string
  /** Messages up to this `seq` are still to be deleted. */
  readonly nextSeq: number
}

export interface RoomCleaningRepository {
  /**
   * Deletes a batch of rows that belong to a deleted room. If no such rows are left, deletes the row of the room itself.
   * Resolves with false if no room is left to clean.
   */
  deleteSome(): Promise<boolean>
  /** Leases an erasure for `leaseMs` milliseconds. */
  lease(leaseMs: number): Promise<BanErasure | undefined>
  /**
   * Searches the messages to delete, from the newest on. `next` is the `seq` at which the search continues, or null if the
   * search is complete.
   */
  messagesOf(erasure: BanErasure): Promise<{ readonly seqs: readonly number[]; readonly next: number | null }>
  /**
   * Records that the messages after `nextSeq` are deleted, and extends the lease. Resolves with the erasure, or with undefined if
   * the user was banned again in the meantime.
   */
  advance(erasure: BanErasure, nextSeq: number, leaseMs: number): Promise<BanErasure | undefined>
  /** Removes an erasure that is complete, unless the user was banned again in the meantime. */
  finish(erasure: BanErasure): Promise<void>
}

/**
 * The tables with rows of a room, in the order in which they are emptied. The rows of `messages` come last, because a trigger also
 * deletes the rows that depend on a deleted message, and these rows would not count towards `ROWS`. A test compares this list with
 * the tables that have a column `room_id`.
 */
export const ROOM_TABLES = [
  'reactions',
  'message_state',
  'others',
  'mentions',
  'room_invitations',
  'reports',
  'restrictions',
  'last_posts',
  'ban_erasures',
  // The progress of the import into this room. Without this row, the next import begins with the first message.
  'fastapi_import',
  'members',
  'messages'
] as const

/** Maximum number of rows that one transaction deletes. */
const ROWS = 1000
/** Maximum number of entries that one query searches. */
const EXAMINED = 5000

/** @internal */
export const createRoomCleaningRepository = (
  { query, transaction }: SqlClient,
  schema: string
): RoomCleaningRepository => {
  const inSchema = (table: string): string => `"${schema.replaceAll('"', '""')}"."${table}"`
  const [rooms, messages, erasures] = [inSchema('rooms'), inSchema('messages'), inSchema('ban_erasures')]
  const deleted = `select id from ${rooms} where deleted_at is not null order by deleted_at, id limit 1 for update skip locked`
  // In a table with partitions, two rows can have the same `ctid`, so the outer condition compares the room too. `+ 0` prevents
  // the use of an index by room. With that index, each row of the room would be compared with each `ctid`.
  const deleteFrom = (table: string): string => `with gone as (
      delete from ${inSchema(table)}
      where ctid = any(array(select ctid from ${inSchema(table)} where room_id = $1 limit $2)) and room_id + 0 = $1 returning 1
    ) select count(*)::integer as count from gone`
  const until = (parameter: string): string =>
    `clock_timestamp() + ${parameter}::double precision * interval '1 millisecond'`
  const lease = `with leased as (
      update ${erasures} as erasure set leased_until = ${until('$1')}
      where (room_id, user_id) in (
        select room_id, user_id from ${erasures}
        where leased_until is null or leased_until < clock_timestamp() limit 1 for update skip locked
      )
      returning erasure.*
    )
    select leased.room_id as "roomId", room.name as room, leased.user_id as "userId", leased.by, author.username,
      leased.next_seq::double precision as "nextSeq"
    from leased
    join ${rooms} as room on room.id = leased.room_id
    join ${inSchema('users')} as author on author.id = coalesce(leased.by, leased.user_id)`
  // The times of the entries in a room never decrease, so the search ends at the first message that is too old.
  const search = `with erasure as (
      select since from ${erasures} where room_id = $1 and user_id = $2
    ), examined as (
      select seq, created_at >= (select since from erasure) as is_recent,
        user_id = $2 and kind = '${MESSAGE}' and content is not null as is_theirs
      from ${messages} where room_id = $1 and seq <= $3 order by seq desc limit ${EXAMINED}
    )
    select coalesce(json_agg(seq order by seq desc) filter (where is_theirs and is_recent), '[]')::text as seqs,
      (case when count(*) = ${EXAMINED} and bool_and(is_recent) then min(seq) - 1 end)::double precision as next
    from examined`
  const advance = `update ${erasures} set next_seq = $4, leased_until = ${until('$5')}
    where room_id = $1 and user_id = $2 and next_seq = $3 returning user_id`

  return {
    deleteSome: () =>
      transaction(async own => {
        const [room] = await own.query<{ id: number }>(deleted)
        if (!room) return false
        let left = ROWS
        for (const table of ROOM_TABLES) {
          const [row] = await own.query<{ count: number }>(deleteFrom(table), [room.id, left])
          left -= row?.count ?? 0
          if (left <= 0) return true
        }
        await own.query(`delete from ${rooms} where id = $1`, [room.id])
        return true
      }),
    lease: async leaseMs => (await query<BanErasure>(lease, [leaseMs]))[0],
    async messagesOf({ roomId, userId, nextSeq }) {
      const [row] = await query<{ seqs: string; next: number | null }>(search, [roomId, userId, nextSeq])
      return { seqs: JSON.parse(row?.seqs ?? '[]') as number[], next: row?.next ?? null }
    },
    async advance(erasure, nextSeq, leaseMs) {
      const { roomId, userId } = erasure
      const rows = await query(advance, [roomId, userId, erasure.nextSeq, nextSeq, leaseMs])
      return rows.length > 0 ? { ...erasure, nextSeq } : undefined
    },
    async finish({ roomId, userId, nextSeq }) {
      await query(`delete from ${erasures} where room_id = $1 and user_id = $2 and next_seq = $3`, [
        roomId,
        userId,
        nextSeq
      ])
    }
  }
}
