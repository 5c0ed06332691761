/** Stores how far members have read their rooms. */
import type { SqlClient } from '../client/types.ts'
import { isBlocked } from './blocks.ts'
import { unplanned } from './plans.ts'

/** A change of the read mark of a user. If the user is not a member of the room, the change is ignored. */
export interface ReadChange {
  readonly userId: number
  /** The name of the room. */
  readonly room: string
  /**
   * The `seq` of the last entry that the user has read. 0 keeps the mark. A value above the newest entry means the newest one.
   */
  readonly upTo: number
  /** Whether the user has marked the room as unread. */
  readonly isUnread: boolean
  /** The epoch of the log that `upTo` refers to. In another epoch, the change is ignored. Undefined for any epoch. */
  readonly epoch?: string | undefined
}

/** The read mark of a member after a change. */
export interface ReadMark {
  readonly userId: number
  readonly room: string
  readonly roomId: number
  readonly readSeq: number
  readonly isUnread: boolean
  /** False if the mark was the same before. */
  readonly isChanged: boolean
  /** True if `readSeq` has changed, and not only `isUnread`. */
  readonly isMoved: boolean
  /** True if the members of the room may see each other’s marks. */
  readonly mayShare: boolean
  /** True if another transaction has locked the member, so that nothing was changed. The change has to be written again. */
  readonly isLocked: boolean
}

export interface ReadMarksRepository {
  /**
   * Writes changes in one statement. A mark never moves back. Deletes the mentions that were read. Omits users who are not
   * members. The changes must be of different pairs of a user and a room. Does not wait until the changes are on disk, so a crash
   * of the database may lose them.
   */
  write(changes: readonly ReadChange[]): Promise<ReadMark[]>
}

/** If a room has more members than this, its members do not see each other’s read marks. */
const MAX_SHARED = 100

/**
 * Returns an SQL condition for whether the members of a room may see each other’s read marks. The condition is true if the room has
 * few members, and is not a direct room in which one user has blocked the other. `order by` makes PostgreSQL use the index instead
 * of reading the whole table.
 * @internal
 */
export const mayShare = (inSchema: string, roomId: string): string => `(not exists (
    select from ${inSchema}.members as few where few.room_id = ${roomId} order by few.user_id offset ${MAX_SHARED} limit 1
  ) and not ${isBlocked(inSchema, roomId)})`

/** @internal */
export const createReadMarksRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): ReadMarksRepository => {
  const quoted = `"${schema.replaceAll('"', '""')}"`
  const inSchema = (table: string): string => `${quoted}."${table}"`
  const members = inSchema('members')
  // `offset 0` makes PostgreSQL look up each room and member by its index. Locked members and mentions are skipped, because a
  // wait for them could cause a deadlock with an append. A skipped mention is deleted when the mark changes again. Until then,
  // the mention does not count as unread, because its `seq` is not above the mark. `found` reads the mark without a lock.
  // `locked` reads the mark again, because another process may have moved the mark in the meantime.
  const given = ['$1::integer[]', '$2::text[]', '$3::bigint[]', '$4::boolean[]', '$5::text[]'].map(unplanned).join(', ')
  const write = `with given as materialized (
      select * from unnest(${given}) as given (user_id, room, up_to, is_unread, epoch)
    ), found as materialized (
      select given.user_id, given.room, room.id as room_id,
        case when room.is_current then least(given.up_to, room.last_seq) else 0 end as up_to,
        case when room.is_current then given.is_unread end as is_unread,
        member.read_seq as before_seq, member.is_unread as was_unread
      from given
      cross join lateral (
        select known.id, known.last_seq, given.epoch is null or known.epoch = given.epoch as is_current
        from ${inSchema('rooms')} as known where known.name = given.room offset 0
      ) as room
      cross join lateral (
        select known.read_seq, known.is_unread from ${members} as known
        where known.room_id = room.id and known.user_id = given.user_id offset 0
      ) as member
    ), shares as materialized (
      select room.room_id, ${mayShare(quoted, 'room.room_id')} as may_share
      from (select distinct found.room_id from found) as room
    ), locked as materialized (
      select found.room_id, found.user_id, found.up_to, found.is_unread, free.read_seq, free.is_unread as was_unread
      from found cross join lateral (
        select known.read_seq, known.is_unread from ${members} as known
        where known.room_id = found.room_id and known.user_id = found.user_id for no key update skip locked
      ) as free
    ), written as (
      update ${members} as member
      set read_seq = greatest(member.read_seq, locked.up_to), is_unread = coalesce(locked.is_unread, member.is_unread)
      from locked
      where member.room_id = locked.room_id and member.user_id = locked.user_id
        and (member.read_seq < locked.up_to or member.is_unread <> coalesce(locked.is_unread, member.is_unread))
      returning member.room_id, member.user_id, member.read_seq, member.is_unread
    ), forgotten as (
      delete from ${inSchema('mentions')} as mention using (
        select unread.ctid from written cross join lateral (
          select known.ctid from ${inSchema('mentions')} as known
          where known.user_id = written.user_id and known.room_id = written.room_id and known.seq <= written.read_seq
          for update skip locked
        ) as unread
      ) as found where mention.ctid = found.ctid
    )
    select found.user_id as "userId", found.room, found.room_id as "roomId",
      coalesce(written.read_seq, locked.read_seq, found.before_seq)::double precision as "readSeq",
      coalesce(written.is_unread, locked.was_unread, found.was_unread) as "isUnread",
      written.room_id is not null as "isChanged",
      coalesce(written.read_seq > locked.read_seq, false) as "isMoved", shares.may_share as "mayShare", locked.room_id is null as "isLocked",
      set_config('synchronous_commit', 'off', true) as setting
    from found
    join shares on shares.room_id = found.room_id
    left join locked on locked.room_id = found.room_id and locked.user_id = found.user_id
    left join written on written.room_id = found.room_id and written.user_id = found.user_id`

  return {
    async write(changes) {
      if (changes.length === 0) return []
      const column = <Name extends keyof ReadChange>(name: Name) => changes.map(change => change[name] ?? null)
      const columns = [column('userId'), column('room'), column('upTo'), column('isUnread'), column('epoch')]
      const rows = await query<ReadMark & { setting: string }>(write, columns)
      return rows.map(({ setting: _, ...mark }) => mark)
    }
  }
}
