/** Stores rooms. The row of a room contains the `seq` of the newest and of the oldest entry in the log of the room. */

import { eq, sql } from 'drizzle-orm'
import { ChatError } from '../../protocol/errors.ts'
import type { SqlClient } from '../client/types.ts'
import type { Tables } from '../tables.ts'

/** A room. `epoch` identifies the incarnation of its log. In a new room, `lastSeq` is 0 and `oldestSeq` is 1. */
export interface RoomRow {
  readonly id: number
  readonly name: string
  readonly title: string | null
  readonly epoch: string
  readonly lastSeq: number
  readonly oldestSeq: number
  /** Whether the log has entries other than messages. Only `findByNames` sets this field. */
  readonly hasOthers?: boolean
}

export interface NewRoom {
  readonly name: string
  readonly title: string | null
}

/** The range of entries in a room's log, and the incarnation of the log. */
export type RoomReach = Pick<RoomRow, 'id' | 'epoch' | 'lastSeq' | 'oldestSeq'>

/** Reads and writes the rooms of one schema. */
export interface RoomsRepository {
  findByName(name: string): Promise<RoomRow | undefined>
  /** Returns the rooms with these names, in one query. Omits rooms that do not exist. */
  findByNames(names: readonly string[]): Promise<RoomRow[]>
  /** Returns at most `limit` rooms in the order of their names, starting after the name `after`. */
  list(after: string, limit: number): Promise<RoomRow[]>
  /** Creates a room. Throws `room_taken` if a room with this name exists. */
  create(room: NewRoom): Promise<RoomRow>
  /** Updates a room and returns it. Returns `undefined` if the room does not exist. */
  update(id: number, change: Pick<NewRoom, 'title'>): Promise<RoomRow | undefined>
  /** Returns the current range of a room's log, or `undefined` if the room does not exist. */
  reach(id: number): Promise<RoomReach | undefined>
  /**
   * Returns the current range of each room in `known` whose log has changed: entries were appended or pruned, or the log is a
   * new incarnation. Sends all of `known` in one query, so the caller must limit the number of rooms.
   */
  changed(known: readonly RoomReach[]): Promise<RoomReach[]>
  /** Returns the given ids whose rooms are locked or do not exist. An append to a locked room would wait for the lock. */
  locked(ids: readonly number[]): Promise<number[]>
}

const UNIQUE_VIOLATION = '23505'

/** @internal */
export const createRoomsRepository = (client: SqlClient, { rooms }: Tables, schema: string): RoomsRepository => {
  const { drizzle } = client
  const { id, name, title, epoch, lastSeq, oldestSeq } = rooms
  const columns = { id, name, title, epoch, lastSeq, oldestSeq }
  const byName = drizzle
    .select(columns)
    .from(rooms)
    .where(eq(rooms.name, sql.placeholder('name')))
    .limit(1)
    .prepare('chat_room_by_name')
  // Orders by bytes, as JavaScript orders ASCII names, regardless of the collation of the database.
  const inOrder = drizzle
    .select(columns)
    .from(rooms)
    .where(sql`${name} collate "C" > ${sql.placeholder('after')}`)
    .orderBy(sql`${name} collate "C"`)
    .limit(sql.placeholder('limit'))
    .prepare('chat_rooms_in_order')
  const byId = drizzle
    .select({ id, epoch, lastSeq, oldestSeq })
    .from(rooms)
    .where(eq(id, sql.placeholder('id')))
    .prepare('chat_room_reach')

  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const table = `${inSchema}."rooms"`
  // Casts to double precision, because the client that a host application passes in may return a bigint as text.
  const changed = `select room.id, room.epoch, room.last_seq::double precision as "lastSeq",
      room.oldest_seq::double precision as "oldestSeq"
    from unnest($1::integer[], $2::text[], $3::bigint[], $4::bigint[]) as known (id, epoch, last_seq, oldest_seq)
    join ${table} as room on room.id = known.id
    where (room.epoch, room.last_seq, room.oldest_seq) is distinct from (known.epoch, known.last_seq, known.oldest_seq)`
  const byNames = `select id, name, title, epoch, last_seq::double precision as "lastSeq",
      oldest_seq::double precision as "oldestSeq",
      exists (select from ${inSchema}."others" as other where other.room_id = ${table}.id) as "hasOthers"
    from ${table} where name = any($1::text[])`
  const unlocked = `select id from ${table} where id = any($1::integer[]) for no key update skip locked`

  return {
    findByName: async wanted => (await byName.execute({ name: wanted }))[0],
    findByNames: wanted => client.query<RoomRow>(byNames, [[...wanted]]),
    list: (after, limit) => inOrder.execute({ after, limit }),
    async create(room) {
      try {
        const [row] = await drizzle.insert(rooms).values(room).returning(columns)
        if (!row) throw new Error('The insert into "rooms" returned no row.')
        return row
      } catch (error) {
        if (sqlStateOf(error) !== UNIQUE_VIOLATION) throw error
        throw new ChatError('room_taken', `A room "${room.name}" already exists. Choose another name.`)
      }
    },
    async update(wanted, change) {
      const [row] = await drizzle.update(rooms).set(change).where(eq(id, wanted)).returning(columns)
      return row
    },
    reach: async wanted => (await byId.execute({ id: wanted }))[0],
    changed: known =>
      client.query<RoomReach>(changed, [
        known.map(room => room.id),
        known.map(room => room.epoch),
        known.map(room => room.lastSeq),
        known.map(room => room.oldestSeq)
      ]),
    async locked(ids) {
      // Uses a reserved connection, because an append waits for the result.
      const rows = await client.query<{ id: number }>(unlocked, [[...ids]], { isUrgent: true })
      const free = new Set(rows.map(row => row.id))
      return ids.filter(one => !free.has(one))
    }
  }
}

/** Returns the SQLSTATE of an error. Drizzle wraps the driver's error, so the code is in the cause. */
const sqlStateOf = (error: unknown): unknown =>
  error instanceof Error && error.cause instanceof Error && 'code' in error.cause ? error.cause.code : undefined
