/** The rooms that a person may read, by name: those of the database, less what the host says no to. */
import pLimit from 'p-limit'
import type { RoomRow, RoomsRepository } from '../db/database.ts'
import type { Access, Actor } from './access.ts'

/** A part of the list. */
export interface RoomListPart {
  readonly rooms: readonly RoomRow[]
  /** The name to go on after, if there may be more. */
  readonly next: string | undefined
}

/** How many rooms are looked at for one part, whether they may be read or not. */
const MAX_LOOKED_AT = 1000
/** How many of the host's answers are waited for at once. */
const AT_ONCE = 16

/** Makes the function that lists: at most `limit` of the rooms after a name. */
export const createRoomList =
  ({ rooms, access }: { rooms: RoomsRepository; access: Access }) =>
  async (actor: Actor, after: string, limit: number): Promise<RoomListPart> => {
    const atOnce = pLimit(AT_ONCE)
    const found: RoomRow[] = []
    let next: string | undefined = after
    for (let lookedAt = 0; next !== undefined && found.length < limit && lookedAt < MAX_LOOKED_AT; ) {
      const wanted: number = limit - found.length
      const rows: RoomRow[] = await rooms.list(next, wanted + 1)
      const page = rows.slice(0, wanted)
      const readable = await Promise.all(page.map(({ name }) => atOnce(async () => access.may(actor, name, 'read'))))
      found.push(...page.filter((_, at) => readable[at]))
      lookedAt += page.length
      next = rows.length > wanted ? page.at(-1)?.name : undefined
    }
    return { rooms: found, next }
  }
