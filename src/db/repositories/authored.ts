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
  const written = inSchema('chat_written')
  const rooms = `select searched.id, searched.name, exists (
      select from ${written}(searched.id, $1, '', 1, '${ERASURE}')
    ) as found
    from (select id, name from ${inSchema('rooms')} where id > $2 order by id limit ${ROOMS}) as searched
    order by searched.id`
  // `offset 0` makes PostgreSQL look up each row by the primary key. The updates find these rows by their `ctid`, without another
  // look-up. An update may miss a row that was changed since the statement began. In this case, the batch is repeated.
  const rowsOf = (table: string, condition: string): string => `select known.place from batch cross join lateral (
      select stored.ctid as place from ${inSchema(table)} as stored
      where stored.room_id = $1 and stored.seq = batch.seq and ${condition} offset 0
    ) as known`
  const erase = `with batch as materialized (
      select * from ${written}($1, $2, $3, ${ENTRIES})
    ), texts as materialized (
      select place from batch where has_text
    ), mentions as materialized (
      ${rowsOf('message_state', 'stored.mentions is not null')}
    ), edits as materialized (
      ${rowsOf('others', `stored.detail is not null and batch.kind = '${EDIT}'`)}
    ), erased_texts as (
      update ${messages} set content = null, meta = null, key_id = null
      where ctid = any(array(select place from texts)) returning true
    ), erased_mentions as (
      update ${inSchema('message_state')} set mentions = null
      where ctid = any(array(select place from mentions)) returning true
    ), erased_edits as (
      update ${inSchema('others')} set detail = null
      where ctid = any(array(select place from edits)) returning true
    )
    select count(*)::integer as count, max(write_id) as last,
      coalesce(max(seq) filter (where kind <> '${ERASURE}'), 0)::double precision as seq,
      (select count(*) from texts) = (select count(*) from erased_texts)
        and (select count(*) from mentions) = (select count(*) from erased_mentions)
        and (select count(*) from edits) = (select count(*) from erased_edits) as "isComplete"
    from batch`
  const page = `select seq::double precision as seq, write_id as "writeId" from ${written}($1, $2, $3, $4)`

  return {
    async rooms(userId, roomId) {
      const searched = await query<{ id: number; name: string; found: boolean }>(rooms, [userId, roomId])
      return {
        rooms: searched.filter(({ found }) => found).map(({ id, name }) => ({ id, name })),
        last: searched.length < ROOMS ? undefined : searched.at(-1)?.id
      }
    },
    async erase(roomId, userId, after) {
      const [row] = await query<{ count: number; last: string | null; seq: number; isComplete: boolean }>(erase, [
        roomId,
        userId,
        after
      ])
      if (!row?.isComplete) return { last: after, seq: row?.seq ?? 0 }
      return { last: row.count === ENTRIES ? (row.last ?? undefined) : undefined, seq: row.seq }
    },
    page: (roomId, userId, after, limit) => query<AuthoredEntry>(page, [roomId, userId, after, limit])
  }
}
