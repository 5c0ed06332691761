/** The rooms: each a log, with the numbers of its newest and its oldest entry. */

import { eq, inArray, sql } from 'drizzle-orm'
import { ChatError } from '../errors.ts'
import type { SqlClient } from './client.ts'
import type { Tables } from './tables.ts'

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
  /** Rooms by name, those after `after`, at most `limit`. */
  list(after: string, limit: number): Promise<RoomRow[]>
  /** Throws `room_taken`. */
  create(room: NewRoom): Promise<RoomRow>
  /** How far the logs of rooms reach now. */
  reach(ids: readonly number[]): Promise<RoomReach[]>
}

const UNIQUE_VIOLATION = '23505'

/**
 * Makes the repository.
 * @internal
 */
export const createRoomsRepository = ({ drizzle }: SqlClient, { rooms }: Tables): RoomsRepository => {
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

  return {
    findByName: async wanted => (await byName.execute({ name: wanted }))[0],
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
    reach: ids =>
      drizzle
        .select({ id, epoch, lastSeq, oldestSeq })
        .from(rooms)
        .where(inArray(id, [...ids]))
  }
}

/** Drizzle wraps the driver's error. */
const sqlStateOf = (error: unknown): unknown =>
  error instanceof Error && error.cause instanceof Error && 'code' in error.cause ? error.cause.code : undefined
