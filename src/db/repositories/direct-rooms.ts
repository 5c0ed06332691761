/** Creates direct rooms. The same people have only one direct room. */
import type { SqlClient } from '../client/types.ts'
import { hasNotBlocked } from './blocks.ts'
import { mayJoinAnother } from './membership-limit.ts'
import { type RoomRow, roomColumns } from './room-row.ts'

/** A direct room, and whether this call created it. */
export interface DirectRoom {
  readonly room: RoomRow
  readonly isNew: boolean
}

export interface NewDirectRoom {
  /** The name for the room if the call creates it. */
  readonly name: string
  /** Identifies the set of people. */
  readonly key: string
  readonly users: readonly number[]
  /** The id of the user who opens the room. */
  readonly creator: number
  /** Called before the room is created. If it rejects, the room is not created. */
  readonly beforeCreate?: (() => Promise<void>) | undefined
}

/**
 * Returns the direct room of a set of users, and creates it if it does not exist. Returns undefined if one of the users does not
 * exist, is not active, or has blocked the creator. Also returns undefined if the room does not exist and one of the users is a
 * member of too many rooms.
 */
export type EnsureDirectRoom = (room: NewDirectRoom) => Promise<DirectRoom | undefined>

/** @internal */
export const createEnsureDirectRoom = ({ query }: Pick<SqlClient, 'query'>, schema: string): EnsureDirectRoom => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  // In `create`, `for share` keeps the accounts from ending before the room is committed. See src/db/repositories/rooms.ts.
  const people = `select person.id from ${inSchema}.users as person where id = any($1::integer[]) and status = 'active'
    and (person.id = $3 or ${hasNotBlocked(inSchema, 'person.id', '$3')})`
  const create = `with people as (
      ${people} and ${mayJoinAnother(inSchema, 'person.id')} order by id for share
    ), room as (
      insert into ${inSchema}.rooms (name, visibility, guarded, direct_key)
      select $2, 'direct', true, $4 where (select count(*) from people) = cardinality($1::integer[])
      on conflict (direct_key) do nothing
      returning *
    ), members as (
      insert into ${inSchema}.members (room_id, user_id) select room.id, people.id from room, people
    )
    select ${roomColumns('room')} from room`
  const existing = `with people as (${people})
    select ${roomColumns('room')} from ${inSchema}.rooms as room
    where direct_key = $2 and (select count(*) from people) = cardinality($1::integer[])`

  return async ({ name, key, users, creator, beforeCreate }) => {
    const [found] = await query<RoomRow>(existing, [users, key, creator])
    if (found) return { room: found, isNew: false }
    await beforeCreate?.()
    const [created] = await query<RoomRow>(create, [users, name, creator, key])
    if (created) return { room: created, isNew: true }
    // Another process may have created the room in the meantime.
    const [other] = await query<RoomRow>(existing, [users, key, creator])
    return other && { room: other, isNew: false }
  }
}
