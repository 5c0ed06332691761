/** Lists the rooms that a user may read, sorted by name. Omits the rooms that the host application denies. */
import pLimit from 'p-limit'
import type { Keyring } from '../../crypto/keyring.ts'
import type { RoomOfUser, RoomsRepository } from '../../db/database.ts'
import type { Access, Principal } from '../access/authorize.ts'
import { publicRoomOfRow } from './public-room.ts'

export interface RoomListingOptions {
  readonly search: RoomsRepository['search']
  readonly access: Access
  /** Encrypts cursors that contain the name of a room that the user may not read. */
  readonly keyring: Keyring
}

export interface RoomQuery {
  /** A room name, or the `next` of the previous page. The page starts after the room with this name or cursor. */
  readonly after?: string | undefined
  /** Maximum number of rooms. */
  readonly limit: number
  /** Selects only rooms whose name or title contains this text, regardless of case. */
  readonly query?: string | undefined
  /** If true, selects only rooms in which the user is a member. */
  readonly isMine?: boolean | undefined
}

/** A page of the list of rooms that a user may read. */
export interface RoomListPart {
  readonly rooms: readonly RoomOfUser[]
  /** The cursor of the next page. Undefined if there are no more rooms. */
  readonly next: string | undefined
}

/**
 * Maximum number of rooms that are searched for one page. The limit bounds the work for a user who may read only a few of many
 * rooms, and for a query that only a few rooms match.
 */
const MAX_EXAMINED = 1000
/** The number of rooms per query if the host application authorizes reads. The host application may deny some of these rooms. */
const PAGE = 100
/** Approximate maximum size of a page in bytes of JSON. A page has at least one room. */
const MAX_BYTES = 1024 * 1024
/** Maximum number of concurrent calls of `authorize` for one page. */
const AT_ONCE = 16
/** Matches an encrypted cursor, which is a Fernet token. No room name matches, because room names have no capital letters. */
const ENCRYPTED = /^gAAAA/

/** Returns a page of rooms. */
export type ListRooms = (principal: Principal, query: RoomQuery) => Promise<RoomListPart>

export const createRoomListing =
  ({ search, access, keyring }: RoomListingOptions): ListRooms =>
  async (principal, { after = '', limit, query = '', isMine = false }) => {
    const atOnce = pLimit(AT_ONCE)
    const size = access.isDelegated ? PAGE : limit + 1
    const step = query === '' ? size : MAX_EXAMINED
    const shown: RoomOfUser[] = []
    let place = ENCRYPTED.test(after) ? (keyring.decrypt(after) ?? after) : after
    let bytes = 0
    const next = (isShown: boolean): string => (isShown ? place : keyring.encrypt(place).token)

    for (let examined = 0; examined < MAX_EXAMINED; examined += step) {
      const found = { userId: principal.userId, after: place, query, isMine, examined: step, limit: size }
      const { rooms, upTo } = await search(found)
      const may = await Promise.all(rooms.map(({ name }) => atOnce(async () => access.may(principal, name, 'read'))))
      for (const [at, room] of rooms.entries()) {
        if (may[at]) bytes += Buffer.byteLength(JSON.stringify(publicRoomOfRow(room))) + 1
        const isFull = shown.length === limit || (bytes > MAX_BYTES && shown.length > 0)
        if (isFull) return { rooms: shown, next: next(may[at - 1] ?? false) }
        place = room.name
        if (may[at]) shown.push(room)
      }
      if (rooms.length === size) continue
      if (upTo === null) return { rooms: shown, next: undefined }
      place = upTo
    }
    return { rooms: shown, next: next(shown.at(-1)?.name === place) }
  }
