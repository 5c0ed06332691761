/** Lists the rooms that a user may read, in the order of their names. */
import type { SqlClient } from '../client/types.ts'
import { type RoomOfUser, roomColumns } from './room-row.ts'

export interface RoomSearch {
  readonly userId: number
  /** The search begins after this room name. */
  readonly after: string
  /** Selects only rooms whose name or title contains this text, regardless of case. */
  readonly query: string
  /** If true, selects only rooms in which the user is a member. */
  readonly isMine: boolean
  /** Maximum number of rooms that are searched. */
  readonly examined: number
  /** Maximum number of rooms that are returned. */
  readonly limit: number
}

/** The rooms that were found. `upTo` is the name of the last room that was searched, or null if no room is left to search. */
export interface RoomsFound {
  readonly rooms: RoomOfUser[]
  readonly upTo: string | null
}

/** Searches public rooms, and the rooms in which the user is a member. */
export type SearchRooms = (search: RoomSearch) => Promise<RoomsFound>

/** @internal */
export const createSearchRooms = ({ query }: Pick<SqlClient, 'query'>, schema: string): SearchRooms => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  // Names are ordered by bytes, as JavaScript orders ASCII names, regardless of the collation of the database.
  const page = `room.name collate "C" > $2 order by room.name collate "C" limit $4`
  // `offset 0` makes PostgreSQL begin with the memberships of the user. A generic plan could read all private rooms instead.
  const own = `(
      select room.*, member.role
      from (select known.room_id, known.role from ${inSchema}."members" as known where known.user_id = $1 offset 0) as member
      cross join lateral (
        select given.* from ${inSchema}."rooms" as given where given.id = member.room_id and given.deleted_at is null offset 0
      ) as room
    ) as room`
  const mine = `select * from ${own} where ${page}`
  // A union of two queries, because one query over all rooms would read the private rooms of other people. The first uses the
  // index of public rooms, the second the index of the user's memberships.
  const readable = `select * from (
      (select room.*, (
          select member.role from ${inSchema}."members" as member where member.room_id = room.id and member.user_id = $1
        ) as role
        from ${inSchema}."rooms" as room where room.visibility = 'public' and room.deleted_at is null and ${page})
      union all
      (select * from ${own} where room.visibility <> 'public' and ${page})
    ) as room order by room.name collate "C" limit $4`
  const found = `select ${roomColumns('room')}, room.role from searched as room
      where strpos(lower(room.name), lower($3)) > 0 or strpos(lower(room.title), lower($3)) > 0
      order by room.name collate "C" limit $5`
  const statementOf = (searched: string): string => `with searched as materialized (${searched})
    select found.*, bound."upTo"
    from (select case when count(*) = $4 then max(name collate "C") end as "upTo" from searched) as bound
    left join lateral (${found}) as found on true`
  const [ofUser, all] = [statementOf(mine), statementOf(readable)]

  return async ({ userId, after, query: text, isMine, examined, limit }) => {
    const rows = await query<RoomOfUser & { upTo: string | null }>(isMine ? ofUser : all, [
      userId,
      after,
      text,
      examined,
      limit
    ])
    // If no room was found, the query returns one row without a room.
    const rooms = rows.filter(row => row.id !== null).map(({ upTo: _, ...room }) => room)
    return { rooms, upTo: rows[0]?.upTo ?? null }
  }
}
