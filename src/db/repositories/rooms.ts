/** The rooms: each a log, with the numbers of its newest and its oldest entry. */

import { eq, sql } from 'drizzle-orm'
import { ChatError } from '../../protocol/errors.ts'
import type { SqlClient } from '../client/types.ts'
import type { Tables } from '../tables.ts'

/** A room. `epoch` names this incarnation of its log; `lastSeq` is 0 and `oldestSeq` 1 while it is empty. */
export interface RoomRow {
  readonly id: number
  readonly name: string
  readonly title: string | null
  readonly epoch: string
  readonly lastSeq: number
  readonly oldestSeq: number
}

/** A room to be. */
export interface NewRoom {
  readonly name: string
  readonly title: string | null
}

/** How far a room's log reaches. */
export type RoomReach = Pick<RoomRow, 'id' | 'epoch' | 'lastSeq' | 'oldestSeq'>

/** The rooms of one schema. */
export interface RoomsRepository {
  findByName(name: string): Promise<RoomRow | undefined>
  /** The rooms of these names that there are, in one query. */
  findByNames(names: readonly string[]): Promise<RoomRow[]>
  /** Rooms by name, those after `after`, at most `limit`. */
  list(after: string, limit: number): Promise<RoomRow[]>
  /** Throws `room_taken`. */
  create(room: NewRoom): Promise<RoomRow>
  /** Returns the room as it is after the change; undefined when it doesn't exist. */
  update(id: number, change: Pick<NewRoom, 'title'>): Promise<RoomRow | undefined>
  /** How far the log of a room reaches now. */
  reach(id: number): Promise<RoomReach | undefined>
  /** Of these rooms, those whose log is not as it is known to be: grown, pruned, or another one. In one query, so give a bounded number. */
  changed(known: readonly RoomReach[]): Promise<RoomReach[]>
  /** Of these rooms, those on which somebody holds a lock that keeps an append waiting. */
  locked(ids: readonly number[]): Promise<number[]>
}

const UNIQUE_VIOLATION = '23505'

/**
 * Makes the repository.
 * @internal
 */
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
  // By bytes, as names compare in JavaScript, whatever the database's collation.
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

  const table = `"${schema.replaceAll('"', '""')}"."rooms"`
  // As numbers: a driver reads a bigint as text.
  const changed = `select room.id, room.epoch, room.last_seq::double precision as "lastSeq",
      room.oldest_seq::double precision as "oldestSeq"
    from unnest($1::integer[], $2::text[], $3::bigint[], $4::bigint[]) as known (id, epoch, last_seq, oldest_seq)
    join ${table} as room on room.id = known.id
    where (room.epoch, room.last_seq, room.oldest_seq) is distinct from (known.epoch, known.last_seq, known.oldest_seq)`
  const byNames = `select id, name, title, epoch, last_seq::double precision as "lastSeq",
      oldest_seq::double precision as "oldestSeq" from ${table} where name = any($1::text[])`
  const unlocked = `select id from ${table} where id = any($1::integer[]) for no key update skip locked`

  return {
    findByName: async wanted => (await byName.execute({ name: wanted }))[0],
    findByNames: wanted => client.query<RoomRow>(byNames, [[...wanted]]),
    list: (after, limit) => inOrder.execute({ after, limit }),
    async create(room) {
      try {
        const [row] = await drizzle.insert(rooms).values(room).returning(columns)
        if (!row) throw new Error('an insert returned no row')
        return row
      } catch (error) {
        if (sqlStateOf(error) !== UNIQUE_VIOLATION) throw error
        throw new ChatError('room_taken', `There is a room "${room.name}" already. Choose another name.`)
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
      // An append waits for it.
      const rows = await client.query<{ id: number }>(unlocked, [[...ids]], { isUrgent: true })
      const free = new Set(rows.map(row => row.id))
      return ids.filter(one => !free.has(one))
    }
  }
}

/** Drizzle wraps the driver's error. */
const sqlStateOf = (error: unknown): unknown =>
  error instanceof Error && error.cause instanceof Error && 'code' in error.cause ? error.cause.code : undefined
