/** Stores what was imported from a FastAPI Chat Backend, and the progress of the import. */
import type { SqlClient } from '../client/types.ts'

/** A message to import. `content` is a Fernet token, `createdAt` is in milliseconds since the epoch. */
export interface ImportedMessage {
  readonly sourceId: number
  readonly userId: number
  readonly content: string
  readonly keyId: string
  /**
   * The time of the message. Null if the other service stored no time, or an infinite time. In this case, the message gets the
   * time of the previous message.
   */
  readonly createdAt: number | null
}

/** The room that the messages are imported into, and the source id of the last message that the import has processed. */
export interface ImportProgress {
  readonly roomId: number
  readonly lastId: number
}

export interface FastApiImportRepository {
  /** Returns the ids of the imported users, keyed by their ids in the other service. */
  users(): Promise<Map<number, number>>
  /** Records that a user was imported. Must be called in the transaction that creates the user. */
  recordUser(sourceId: number, userId: number): Promise<void>
  progress(): Promise<ImportProgress | undefined>
  /**
   * Returns the time of the newest entry of a room, in milliseconds since the epoch. Returns undefined if the room has no
   * entries.
   */
  lastAt(roomId: number): Promise<number | undefined>
  /**
   * Stores the room of the import, and the source id `lastId` after which the import continues. Does nothing if the import
   * already has a room.
   */
  begin(progress: ImportProgress): Promise<void>
  /**
   * Appends messages to the log of the room, and moves the progress from `from` to `to`. Must be called in a transaction. A
   * message keeps its own time, unless that time is missing, in the future, or earlier than the time of the newest entry. In
   * these cases, the message gets the time of the newest entry. Returns the number of changed times. Returns undefined, and
   * changes nothing, if the room was deleted or the progress is not `from`. A different progress means that another import is
   * running.
   */
  append(
    move: { readonly from: number; readonly to: number },
    batch: readonly ImportedMessage[]
  ): Promise<number | undefined>
  /** Returns those of the given messages that are stored. A message is identified by its author and its source id. */
  stored(messages: readonly Pick<ImportedMessage, 'userId' | 'sourceId'>[]): Promise<StoredImport[]>
}

/** A stored message that was imported. `content` is null if it was erased since. */
export interface StoredImport {
  readonly sourceId: number
  readonly seq: number
  readonly content: string | null
}

const writeIdOf = (sourceId: number): string => `fastapi:${sourceId}`

/** @internal */
export const createFastApiImportRepository = (
  { query }: Pick<SqlClient, 'query'>,
  schema: string
): FastApiImportRepository => {
  const inSchema = (table: string): string => `"${schema.replaceAll('"', '""')}"."${table}"`
  const [progress, users] = [inSchema('fastapi_import'), inSchema('fastapi_users')]
  const [rooms, messages] = [inSchema('rooms'), inSchema('messages')]
  const lockRoom = `select room.id, room.last_seq::double precision as "lastSeq",
      (extract(epoch from room.last_at) * 1000)::double precision as "lastAt",
      (extract(epoch from clock_timestamp()) * 1000)::double precision as now
    from ${progress} as import join ${rooms} as room on room.id = import.room_id
    where import.last_id = $1 and room.deleted_at is null for no key update`
  // One statement, because other transactions wait for the lock of the room meanwhile.
  const insert = `with entries as (
      insert into ${messages} (room_id, seq, kind, user_id, content, key_id, write_id, created_at)
      select $1, $2::bigint + entry.ord, 'message', entry.user_id, entry.content, entry.key_id, entry.write_id,
        to_timestamp(entry.ms / 1000)
      from unnest($3::integer[], $4::text[], $5::text[], $6::text[], $7::double precision[]) with ordinality
        as entry (user_id, content, key_id, write_id, ms, ord)
    ), grown as (
      update ${rooms} set last_seq = last_seq + cardinality($3::integer[]),
        last_at = greatest(last_at, to_timestamp($8::double precision / 1000))
      where id = $1 and cardinality($3::integer[]) > 0
    )
    update ${progress} set last_id = $9`
  // The range of one `seq` and the order make PostgreSQL look up each message by the primary key. See drizzle/0030_look_ups.sql.
  const stored = `select substr(entry.write_id, 9)::double precision as "sourceId", entry.seq::double precision as seq, entry.content
    from ${progress} as import
    cross join lateral ${inSchema('chat_stored_seqs')}(
      array_fill(import.room_id, array[cardinality($1::integer[])]), $1, $2::text[]
    ) as known
    cross join lateral (
      select message.write_id, message.seq, message.content from ${messages} as message
      where message.room_id = import.room_id and message.seq between known.seq and known.seq order by message.seq limit 1
    ) as entry`

  return {
    async users() {
      const rows = await query<{ sourceId: number; userId: number }>(
        `select source_id::double precision as "sourceId", user_id as "userId" from ${users}`
      )
      return new Map(rows.map(({ sourceId, userId }) => [sourceId, userId]))
    },
    async recordUser(sourceId, userId) {
      await query(`insert into ${users} (source_id, user_id) values ($1, $2)`, [sourceId, userId])
    },
    async progress() {
      const [row] = await query<ImportProgress>(
        `select room_id as "roomId", last_id::double precision as "lastId" from ${progress}`
      )
      return row
    },
    async lastAt(roomId) {
      const [row] = await query<{ ms: number }>(
        `select (extract(epoch from last_at) * 1000)::double precision as ms from ${rooms} where id = $1 and last_seq > 0`,
        [roomId]
      )
      return row?.ms
    },
    async begin({ roomId, lastId }) {
      await query(`insert into ${progress} (room_id, last_id) values ($1, $2) on conflict do nothing`, [roomId, lastId])
    },
    async append({ from, to }, batch) {
      const [room] = await query<{ id: number; lastSeq: number; lastAt: number; now: number }>(lockRoom, [from])
      if (!room) return undefined
      const { times, moved } = timesOf(batch, room)
      await query(insert, [
        room.id,
        room.lastSeq,
        batch.map(({ userId }) => userId),
        batch.map(({ content }) => content),
        batch.map(({ keyId }) => keyId),
        batch.map(({ sourceId }) => writeIdOf(sourceId)),
        times,
        times.at(-1) ?? null,
        to
      ])
      return moved
    },
    stored: wanted =>
      query<StoredImport>(stored, [
        wanted.map(({ userId }) => userId),
        wanted.map(({ sourceId }) => writeIdOf(sourceId))
      ])
  }
}

/**
 * Returns the times of a batch, and the number of changed times. A time that is missing, in the future, or earlier than the
 * previous time is replaced with the previous time. So the times never decrease, and a time in the future does not become the
 * time of every later message in the room.
 */
const timesOf = (
  batch: readonly ImportedMessage[],
  { lastAt, now }: { readonly lastAt: number; readonly now: number }
): { times: number[]; moved: number } => {
  let latest = Math.max(lastAt, 0)
  let moved = 0
  const times = batch.map(({ createdAt }) => {
    if (createdAt === null || createdAt < latest || createdAt > now) moved++
    else latest = createdAt
    return latest
  })
  return { times, moved }
}
