/** Lists the rooms that a user may read, sorted by name. Omits the rooms that the host application denies. */
import pLimit from 'p-limit'
import type { Keyring } from '../../crypto/keyring.ts'
import type { RoomRow, RoomsRepository } from '../../db/database.ts'
import type { Access, Principal } from '../access/authorize.ts'

export interface RoomListingOptions {
  readonly rooms: Pick<RoomsRepository, 'list'>
  readonly access: Access
  /** Encrypts cursors that contain the name of a room that the user may not read. */
  readonly keyring: Keyring
}

/** A page of the list of rooms that a user may read. */
export interface RoomListPart {
  readonly rooms: readonly RoomRow[]
  /** The cursor of the next page. Undefined if there are no more rooms. */
  readonly next: string | undefined
}

/**
 * Maximum number of rooms that are read from the database for one page. The limit bounds the work for a user who may read only
 * a few of many rooms.
 */
const MAX_EXAMINED = 1000
/** The number of rooms per query if the host application authorizes reads. The host application may deny some of these rooms. */
const PAGE = 100
/** Maximum number of concurrent calls of `authorize` for one page. */
const AT_ONCE = 16
/** Matches an encrypted cursor, which is a Fernet token. No room name matches, because room names have no capital letters. */
const ENCRYPTED = /^gAAAA/

/**
 * Returns a page of at most `limit` rooms. `after` is a room name, or the `next` of the previous page. The page starts after the
 * room that `after` identifies.
 */
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
