/** Stores rooms. The row of a room contains the `seq` of the newest and of the oldest entry in the log of the room. */

import { and, eq, isNull, sql } from 'drizzle-orm'
import { ChatError } from '../../protocol/errors.ts'
import { codesOf } from '../client/errors.ts'
import type { SqlClient } from '../client/types.ts'
import type { Tables, Visibility } from '../tables.ts'
import { createEnsureDirectRoom, type EnsureDirectRoom } from './direct-rooms.ts'
import { MAX_MEMBERSHIPS, mayJoinAnother } from './membership-limit.ts'
import { createSearchRooms, type SearchRooms } from './room-lists.ts'
import { type RoomOfUser, type RoomRow, roomColumns } from './room-row.ts'

export type { RoomOfUser, RoomRow } from './room-row.ts'

export interface NewRoom {
  readonly name: string
  readonly title: string | null
  readonly topic?: string | null | undefined
  /** The default is `public`. */
  readonly visibility?: Visibility | undefined
  /** The id of the user who becomes the owner. Without an owner, the room has no members. */
  readonly owner?: number | undefined
}

/** The range of entries in a room's log, and the epoch of the log. */
export type RoomReach = Pick<RoomRow, 'id' | 'epoch' | 'lastSeq' | 'oldestSeq'>

/** Reads and writes the rooms of one schema. */
export interface RoomsRepository {
  findByName(name: string): Promise<RoomRow | undefined>
  /** Returns the rooms with these names, in one query. Omits rooms that do not exist. */
  findByNames(names: readonly string[]): Promise<RoomRow[]>
  /** Returns a room as a user sees it. Does not check whether the user may read it. */
  findFor(id: number, userId: number): Promise<RoomOfUser | undefined>
  /**
   * Creates a room, and makes its owner a member. Throws `room_taken` if a room with this name exists. Throws `not_allowed` if
   * the owner is not an active user, or if the owner is a member of too many rooms.
   */
  create(room: NewRoom): Promise<RoomRow>
  /** Searches the rooms that a user may read, in the order of their names. */
  readonly search: SearchRooms
  /** Returns the direct room of a set of users, and creates it if it does not exist. */
  readonly ensureDirect: EnsureDirectRoom
  /** Returns the current range of a room's log, or `undefined` if the room does not exist. */
  reach(id: number): Promise<RoomReach | undefined>
  /**
   * Returns the current range of each room in `known` whose log has changed: entries were appended or have expired, or the log
   * has a new epoch. Sends all of `known` in one query, so the caller must limit the number of rooms.
   */
  changed(known: readonly RoomReach[]): Promise<RoomReach[]>
  /** Returns the given ids whose rooms are locked or do not exist. An append to a locked room would wait for the lock. */
  locked(ids: readonly number[]): Promise<number[]>
}

const UNIQUE_VIOLATION = '23505'

/** @internal */
export const createRoomsRepository = (client: SqlClient, { rooms }: Tables, schema: string): RoomsRepository => {
  const { drizzle } = client
  const { id, name, title, topic, visibility, epoch, lastSeq, oldestSeq } = rooms
  const { guarded, archived, slowModeSeconds, invite, retentionDays, deletedAt } = rooms
  const described = { title, topic, guarded, archived, slowModeSeconds, invite, retentionDays }
  const columns = { id, name, visibility, epoch, lastSeq, oldestSeq, ...described }
  const byName = drizzle
    .select(columns)
    .from(rooms)
    .where(and(eq(rooms.name, sql.placeholder('name')), isNull(deletedAt)))
    .limit(1)
    .prepare('chat_room_by_name')
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
  const byNames = `select ${roomColumns('rooms')},
      exists (select from ${inSchema}."others" as other where other.room_id = rooms.id) as "hasOthers"
    from ${table} as rooms where name = any($1::text[]) and deleted_at is null`
  const byIdFor = `select ${roomColumns('room')}, member.role from ${table} as room
    left join ${inSchema}."members" as member on member.room_id = room.id and member.user_id = $2
    where room.id = $1 and room.deleted_at is null`
  // The lock makes a deletion of the owner's account wait until the room is committed. The deletion then also removes the
  // membership in the new room.
  const create = `with owner as (
      select id from ${inSchema}."users" where id = $5 and status = 'active' and ${mayJoinAnother(inSchema, '$5')} for share
    ), room as (
      insert into ${table} (name, title, topic, visibility, guarded)
      select $1, $2, $3, $4, $4 <> 'public' where $5::integer is null or exists (select from owner)
      returning *
    ), member as (
      insert into ${inSchema}."members" (room_id, user_id, role) select room.id, owner.id, 'owner' from room, owner
    )
    select ${roomColumns('room')} from room`
  const unlocked = `select id from ${table} where id = any($1::integer[]) for no key update skip locked`

  return {
    findByName: async wanted => (await byName.execute({ name: wanted }))[0],
    findByNames: wanted => client.query<RoomRow>(byNames, [[...wanted]]),
    findFor: async (wanted, userId) => (await client.query<RoomOfUser>(byIdFor, [wanted, userId]))[0],
    async create({ name, title, topic = null, visibility = 'public', owner = null }) {
      try {
        const [row] = await client.query<RoomRow>(create, [name, title, topic, visibility, owner])
        if (row) return row
      } catch (error) {
        if (!codesOf(error).includes(UNIQUE_VIOLATION)) throw error
        throw new ChatError('room_taken', `A room "${name}" already exists. Choose another name.`)
      }
      throw new ChatError(
        'not_allowed',
        `The room was not created, because you are a member of ${MAX_MEMBERSHIPS} rooms or your account is not active. Leave a room, or ask an administrator.`
      )
    },
    search: createSearchRooms(client, schema),
    ensureDirect: createEnsureDirectRoom(client, schema),
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
