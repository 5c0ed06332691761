/** Reads and erases the entries of one user, room by room and in batches. Uses the index of write ids. */
import { EDIT, ERASURE } from '../../protocol/http/messages.ts'
import type { SqlClient } from '../client/types.ts'

/**
 * A page of the rooms in which a user wrote. `last` is the last room that was searched. It is undefined if no room is left to
 * search.
 */
export interface AuthoredRooms {
  readonly rooms: readonly { readonly id: number; readonly name: string }[]
  readonly last: number | undefined
}

/** A batch of erased entries. */
export interface ErasedBatch {
  /** The write id after which the next batch begins. Undefined if this is the last batch. */
  readonly last: string | undefined
  /** The highest `seq` of the entries in the batch that are not of the kind `erasure`. 0 if there are no such entries. */
  readonly seq: number
}

/** The `seq` and the write id of an entry that a user appended. */
export interface AuthoredEntry {
  readonly seq: number
  readonly writeId: string
}

export interface AuthoredRepository {
  /** Returns the rooms after `roomId` in which the user wrote. Searches a limited number of rooms. */
  rooms(userId: number, roomId: number): Promise<AuthoredRooms>
  /**
   * Erases the texts and the mentions of at most `ENTRIES` entries of the user in a room. These are the first entries after the
   * write id `after`, in the order of their write ids.
   */
  erase(roomId: number, userId: number, after: string): Promise<ErasedBatch>
  /** Returns at most `limit` entries of the user in a room, in the order of their write ids, after the write id `after`. */
  page(roomId: number, userId: number, after: string, limit: number): Promise<AuthoredEntry[]>
}

/** Maximum number of rooms that one statement searches. */
const ROOMS = 1000
/** Maximum number of entries that one statement erases. */
const ENTRIES = 200

/** @internal */
export const createAuthoredRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): AuthoredRepository => {
  const inSchema = (table: string): string => `"${schema.replaceAll('"', '""')}"."${table}"`
  const messages = inSchema('messages')
  // `offset 0` prevents PostgreSQL from joining the tables in an order that reads the whole log.
  const rooms = `select searched.id, searched.name, exists (
      select from ${messages} as entry
      where entry.room_id = searched.id and entry.user_id = $1 and entry.kind <> '${ERASURE}' offset 0
    ) as found
    from (select id, name from ${inSchema('rooms')} where id > $2 order by id limit ${ROOMS}) as searched
    order by searched.id`
  const batch = `select seq, write_id, kind, content is not null or meta is not null as has_text from ${messages}
    where room_id = $1 and user_id = $2 and write_id > $3 order by write_id limit ${ENTRIES}`
  const erase = `with batch as (${batch}), erased as (
      update ${messages} as entry set content = null, meta = null, key_id = null
      from batch where entry.room_id = $1 and entry.seq = batch.seq and batch.has_text
    ), erased_mentions as (
      update ${inSchema('message_state')} as state set mentions = null
      from batch where state.room_id = $1 and state.seq = batch.seq and state.mentions is not null
    ), erased_edits as (
      update ${inSchema('others')} as other set detail = null
      from batch where other.room_id = $1 and other.seq = batch.seq and batch.kind = '${EDIT}' and other.detail is not null
    )
    select count(*)::integer as count, max(write_id) as last,
      coalesce(max(seq) filter (where kind <> '${ERASURE}'), 0)::double precision as seq
    from batch`
  const page = `select seq::double precision as seq, write_id as "writeId" from ${messages}
    where room_id = $1 and user_id = $2 and write_id > $3 order by write_id limit $4`

  return {
    async rooms(userId, roomId) {
      const searched = await query<{ id: number; name: string; found: boolean }>(rooms, [userId, roomId])
      return {
        rooms: searched.filter(({ found }) => found).map(({ id, name }) => ({ id, name })),
        last: searched.length < ROOMS ? undefined : searched.at(-1)?.id
      }
    },
    async erase(roomId, userId, after) {
      const [row] = await query<{ count: number; last: string | null; seq: number }>(erase, [roomId, userId, after])
      return { last: row?.count === ENTRIES ? (row.last ?? undefined) : undefined, seq: row?.seq ?? 0 }
    },
    page: (roomId, userId, after, limit) => query<AuthoredEntry>(page, [roomId, userId, after, limit])
  }
}
