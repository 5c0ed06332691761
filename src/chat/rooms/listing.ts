/** The rooms that a person may read, by name: those of the database, less what the host says no to. */
import pLimit from 'p-limit'
import type { Keyring } from '../../crypto/keyring.ts'
import type { RoomRow, RoomsRepository } from '../../db/database.ts'
import type { Access, Principal } from '../access/authorize.ts'

export interface RoomListingOptions {
  readonly rooms: Pick<RoomsRepository, 'list'>
  readonly access: Access
  /** Seals the place to go on from where it is the name of a room that may not be read. */
  readonly keyring: Keyring
}

/** A part of the list. */
export interface RoomListPart {
  readonly rooms: readonly RoomRow[]
  /** What to go on after, if there may be more. */
  readonly next: string | undefined
}

/** How many rooms are looked at for one part, whether they may be read or not. */
const MAX_LOOKED_AT = 1000
/** How many are read at a time where some may have to be left out. */
const PAGE = 100
/** How many of the host's answers are waited for at once. */
const AT_ONCE = 16
/** Begins a sealed place (a Fernet token), and no room's name. */
const SEALED = /^gAAAA/

/** Returns at most `limit` of the rooms after a name, or after the `next` of the part before. */
export type ListRooms = (principal: Principal, after: string, limit: number) => Promise<RoomListPart>

export const createRoomListing =
  ({ rooms, access, keyring }: RoomListingOptions): ListRooms =>
  async (principal, after, limit) => {
    const atOnce = pLimit(AT_ONCE)
    const size = access.isDelegated ? PAGE : limit + 1
    const found: RoomRow[] = []
    let place = SEALED.test(after) ? (keyring.decrypt(after) ?? after) : after
    const next = (isShown: boolean): string => (isShown ? place : keyring.encrypt(place).token)

    for (let lookedAt = 0; lookedAt < MAX_LOOKED_AT; lookedAt += size) {
      const rows = await rooms.list(place, size)
      const may = await Promise.all(rows.map(({ name }) => atOnce(async () => access.may(principal, name, 'read'))))
      for (const [at, row] of rows.entries()) {
        if (found.length === limit) return { rooms: found, next: next(may[at - 1] ?? false) }
        place = row.name
        if (may[at]) found.push(row)
      }
      if (rows.length < size) return { rooms: found, next: undefined }
    }
    return { rooms: found, next: next(found.at(-1)?.name === place) }
  }
