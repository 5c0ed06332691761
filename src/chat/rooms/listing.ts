/** Lists the rooms that a user may read, by name: those of the database without those that the host denies. */
import pLimit from 'p-limit'
import type { Keyring } from '../../crypto/keyring.ts'
import type { RoomRow, RoomsRepository } from '../../db/database.ts'
import type { Access, Principal } from '../access/authorize.ts'

export interface RoomListingOptions {
  readonly rooms: Pick<RoomsRepository, 'list'>
  readonly access: Access
  /** Encrypts the cursor if it is the name of a room that may not be read. */
  readonly keyring: Keyring
}

/** Holds a part of the list. */
export interface RoomListPart {
  readonly rooms: readonly RoomRow[]
  /** Holds the cursor of the next part, if there may be one. */
  readonly next: string | undefined
}

/** Limits the rooms that are examined for one part, whether they may be read or not. */
const MAX_EXAMINED = 1000
/** Sets how many rooms are read at a time if some may have to be omitted. */
const PAGE = 100
/** Limits concurrent calls of the host's function. */
const AT_ONCE = 16
/** Matches an encrypted cursor (a Fernet token), and no room name. */
const ENCRYPTED = /^gAAAA/

/** Returns at most `limit` rooms after a name, or after the `next` of the previous part. */
export type ListRooms = (principal: Principal, after: string, limit: number) => Promise<RoomListPart>

export const createRoomListing =
  ({ rooms, access, keyring }: RoomListingOptions): ListRooms =>
  async (principal, after, limit) => {
    const atOnce = pLimit(AT_ONCE)
    const size = access.isDelegated ? PAGE : limit + 1
    const found: RoomRow[] = []
    let place = ENCRYPTED.test(after) ? (keyring.decrypt(after) ?? after) : after
    const next = (isShown: boolean): string => (isShown ? place : keyring.encrypt(place).token)

    for (let examined = 0; examined < MAX_EXAMINED; examined += size) {
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
