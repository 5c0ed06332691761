/**
 * Reads the members of rooms. rooms.ts and direct-rooms.ts add the first members of a new room. Later, the append function of the
 * log adds and removes members, and changes their roles. See drizzle/0031_look_up_appends.sql.
 */
import type { SqlClient } from '../client/types.ts'
import type { MemberRole } from '../tables.ts'
import { mayShare } from './read-marks.ts'

/** A member of a room. `joinedAt` is in milliseconds since the epoch. */
export interface MemberRow {
  readonly userId: number
  readonly username: string
  readonly role: MemberRole
  readonly joinedAt: number
  /** The `seq` of the last entry that the member has read. */
  readonly readSeq: number
}

/** The membership of a user in a room. `joinedAt` is in milliseconds since the epoch. */
export interface Membership extends Pick<MemberRow, 'readSeq'> {
  readonly isUnread: boolean
  readonly roomId: number
  readonly room: string
  readonly role: MemberRole
  readonly joinedAt: number
}

export interface UserInRoom {
  readonly roomId: number
  readonly userId: number
}

export interface MemberSearch {
  /** The search begins after this user id. */
  readonly after: number
  /** Selects only members whose names contain this text, regardless of case. */
  readonly query: string
  /** Maximum number of members that are searched. */
  readonly examined: number
  /** Maximum number of members that are returned. */
  readonly limit: number
}

/** The members that were found. `upTo` is the id of the last member that was searched, or null if no member is left to search. */
export interface MembersFound {
  /** Whether the members of the room may see each other’s read marks. */
  readonly mayShare: boolean
  readonly members: MemberRow[]
  readonly upTo: number | null
}

/** Reads the members of the rooms of one schema. */
export interface MembersRepository {
  find(roomId: number, userId: number): Promise<MemberRow | undefined>
  /** Searches the members of a room in the order of their ids. */
  search(roomId: number, search: MemberSearch): Promise<MembersFound>
  /** Returns at most `limit` memberships of a user, in the order of the room ids, after the room `roomId`. */
  ofUser(userId: number, roomId: number, limit: number): Promise<Membership[]>
  /**
   * Returns who becomes the owner of a room when the user ceases to be a member: the moderator who joined first, or else the
   * member who joined first. Ignores members whose accounts have ended. Returns undefined if the room has another owner, or no
   * other member.
   */
  successorOf(roomId: number, userId: number): Promise<MemberRow | undefined>
  /** Returns whether a room has other members whose accounts have not ended. */
  hasOthers(roomId: number, userId: number): Promise<boolean>
  /** Returns those of the given pairs whose user is not a member of the room. Looks up all pairs with one query. */
  strangers(users: readonly UserInRoom[]): Promise<UserInRoom[]>
  /** Returns whether a user is an active administrator of the service. */
  isAdministrator(userId: number): Promise<boolean>
}

/** @internal */
export const createMembersRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): MembersRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const joinedAt = `(extract(epoch from member.joined_at) * 1000)::double precision as "joinedAt"`
  const fields = `member.user_id as "userId", users.username, member.role, ${joinedAt},
      member.read_seq::double precision as "readSeq"`
  const members = `select ${fields}
    from ${inSchema}.members as member join ${inSchema}.users as users on users.id = member.user_id
    where member.room_id = $1`
  const find = `${members} and member.user_id = $2`
  // The lateral join with `offset 0` looks up each user by the primary key. An ordinary join could read all users.
  const search = `with page as materialized (
      select * from ${inSchema}.members where room_id = $1 and user_id > $2 order by user_id limit $4
    ), searched as materialized (
      select ${fields} from page as member
      cross join lateral (select username from ${inSchema}.users where id = member.user_id offset 0) as users
    )
    select found.*, bound."upTo", ${mayShare(inSchema, '$1')} as "mayShare"
    from (select case when count(*) = $4 then max(user_id) end as "upTo" from page) as bound
    left join lateral (
      select * from searched where strpos(lower(username), lower($3)) > 0 order by "userId" limit $5
    ) as found on true`
  const ofUser = `select member.room_id as "roomId", room.name as room, member.role, ${joinedAt},
      member.read_seq::double precision as "readSeq", member.is_unread as "isUnread"
    from ${inSchema}.members as member join ${inSchema}.rooms as room on room.id = member.room_id
    where member.user_id = $1 and member.room_id > $2 and room.deleted_at is null order by member.room_id limit $3`
  const successor = `${members} and member.user_id <> $2 and users.status in ('active', 'suspended')
      and not exists (
        select from ${inSchema}.members as other
        join ${inSchema}.users as owner on owner.id = other.user_id and owner.status in ('active', 'suspended')
        where other.room_id = $1 and other.user_id <> $2 and other.role = 'owner'
      )
    order by member.role = 'moderator' desc, member.joined_at, member.user_id limit 1`
  const others = `select ${inSchema}.chat_has_others($1, $2) as "hasOthers"`
  // `offset 0` makes PostgreSQL look up each user by the index.
  const strangers = `select given.room_id as "roomId", given.user_id as "userId"
    from unnest($1::integer[], $2::integer[]) as given (room_id, user_id)
    where not exists (
      select from ${inSchema}.members as member
      where member.room_id = given.room_id and member.user_id = given.user_id offset 0
    )`
  const administrator = `select from ${inSchema}.users where id = $1 and role = 'admin' and status = 'active'`

  return {
    find: async (roomId, userId) => (await query<MemberRow>(find, [roomId, userId]))[0],
    async search(roomId, { after, query: text, examined, limit }) {
      const rows = await query<MemberRow & { upTo: number | null; mayShare: boolean }>(search, [
        roomId,
        after,
        text,
        examined,
        limit
      ])
      // If no member was found, the query returns one row without a member.
      const found = rows.filter(row => row.userId !== null).map(({ upTo: _, mayShare: __, ...member }) => member)
      return { members: found, upTo: rows[0]?.upTo ?? null, mayShare: rows[0]?.mayShare ?? false }
    },
    ofUser: (userId, roomId, limit) => query<Membership>(ofUser, [userId, roomId, limit]),
    successorOf: async (roomId, userId) => (await query<MemberRow>(successor, [roomId, userId]))[0],
    hasOthers: async (roomId, userId) =>
      (await query<{ hasOthers: boolean }>(others, [roomId, userId]))[0]?.hasOthers === true,
    strangers: users => query<UserInRoom>(strangers, [users.map(one => one.roomId), users.map(one => one.userId)]),
    isAdministrator: async userId => (await query(administrator, [userId])).length > 0
  }
}
