/** The rooms: each a log, with the numbers of its newest and its oldest entry. */
import { eq, sql } from 'drizzle-orm'
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

/** The rooms of one schema. */
export interface RoomsRepository {
  findByName(name: string): Promise<RoomRow | undefined>
}

/** Makes the repository. */
export const createRoomsRepository = ({ drizzle }: SqlClient, { rooms }: Tables): RoomsRepository => {
  const { id, name, title, epoch, lastSeq, oldestSeq } = rooms
  const byName = drizzle
    .select({ id, name, title, epoch, lastSeq, oldestSeq })
    .from(rooms)
    .where(eq(rooms.name, sql.placeholder('name')))
    .limit(1)
    .prepare('chat_room_by_name')

  return {
    findByName: async wanted => (await byName.execute({ name: wanted }))[0]
  }
}
