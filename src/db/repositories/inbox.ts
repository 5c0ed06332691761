/**
 * Reads the rooms of users with the numbers of unread messages. A row of `others` is an entry that is not a message, and its
 * `n` is the number of such entries up to and including this one. So the number of messages up to this entry is its `seq` minus
 * `n`. Only mentions are counted row by row.
 */
import type { SqlClient } from '../client/types.ts'
import type { MemberRole, Visibility } from '../tables.ts'

/** The counts of a room that are the same for everybody. */
export interface InboxRoom {
  readonly roomId: number
  readonly room: string
  readonly title: string | null
  /** The `seq` of the newest entry. */
  readonly lastSeq: number
  /** The number of messages that were ever sent to the room. Deleted messages count. */
  readonly messages: number
  /** The `seq` of the newest message. Null if the room has no message that is kept. */
  readonly messageSeq: number | null
}

/** A room as one of its members sees it. Times are in milliseconds since the epoch. */
export interface InboxRow extends InboxRoom {
  readonly userId: number
  readonly visibility: Visibility
  readonly role: MemberRole
  /**
   * The number of messages that do not count as unread: those up to the read mark, and those before the oldest entry that is
   * kept.
   */
  readonly readMessages: number
  readonly isUnread: boolean
  /** The `seq` of the read mark, as it is stored. */
  readonly readSeq: number
  /** The number of messages after the read mark that mention the user, at most `MAX_MENTIONS`. */
  readonly mentions: number
  /** True if the user has hidden the room and no message was sent since, or if the room was deleted. */
  readonly isHidden: boolean
  /** When the newest message was sent. If there is none, when the user became a member. */
  readonly at: number
}

/** Whether a room is a direct room. */
export interface InboxRoomKind {
  readonly roomId: number
  readonly isDirect: boolean
}

/** The newest entry of a room. */
export type InboxHead = Pick<InboxRoom, 'roomId' | 'lastSeq'>

/** Values that show whether the memberships, the roles or the marks of a user have changed. */
export interface MembershipsDigest extends Marks {
  readonly userId: number
  /** See `membershipsDigest` in src/chat/inbox/digest.ts. */
  readonly digest: string
}

/** Sums of the marks of a user in all rooms. */
export interface Marks {
  /** The sum of the read marks. */
  readonly readSeqs: number
  /** The sum of the ids of the rooms that are marked as unread. */
  readonly unreadRooms: number
}

/** A person in a direct room. */
export interface InboxPerson {
  readonly roomId: number
  readonly userId: number
  readonly username: string
}

export interface InboxRepository {
  /** Returns all rooms in which the user is a member, in no particular order, with one query. */
  ofUser(userId: number): Promise<InboxRow[]>
  /** Returns the rows of the given users in the given rooms. Omits users who are not members. */
  ofMembers(roomIds: readonly number[], userIds: readonly number[]): Promise<InboxRow[]>
  /** Returns the counts of the given rooms. Omits rooms that do not exist. */
  rooms(roomIds: readonly number[]): Promise<InboxRoom[]>
  /** Returns the `seq` of the newest entry of each room that exists. */
  heads(roomIds: readonly number[]): Promise<InboxHead[]>
  /** Returns a digest for each user who is a member of any room. */
  digests(userIds: readonly number[]): Promise<MembershipsDigest[]>
  /** Returns those of the given rooms in which any of the given users is a member. */
  roomsOf(roomIds: readonly number[], userIds: readonly number[]): Promise<InboxRoomKind[]>
  /** Returns the members of direct rooms, except the user. */
  people(roomIds: readonly number[], userId: number): Promise<InboxPerson[]>
  /**
   * Hides a direct room until its next message, or shows it again. Returns false if the user is not a member of a direct room.
   */
  hide(roomId: number, userId: number, isHidden: boolean): Promise<boolean>
}

/** Maximum number of mentions that are counted in a room. */
export const MAX_MENTIONS = 100

/** @internal */
export const createInboxRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): InboxRepository => {
  const inSchema = (table: string): string => `"${schema.replaceAll('"', '""')}"."${table}"`
  const number = (sql: string, name: string): string => `(${sql})::double precision as "${name}"`
  // Returns SQL for how many of the entries up to `seq` are not messages. The last row of `others` up to `seq` may have been
  // deleted together with old entries. In this case, the number is computed from the first later row.
  const othersUpTo = (seq: string): string => `coalesce(
      (select other.n from ${inSchema('others')} as other
        where other.room_id = room.id and other.seq <= ${seq} order by other.seq desc limit 1),
      (select other.n - 1 from ${inSchema('others')} as other
        where other.room_id = room.id and other.seq > ${seq} order by other.seq limit 1),
      0
    )`
  const roomFields = `room.id as "roomId", room.name as room, room.title, ${number('room.last_seq', 'lastSeq')},
    ${number(`room.last_seq - ${othersUpTo('room.last_seq')}`, 'messages')}, ${number('newest.seq', 'messageSeq')}`
  // `offset 0` makes PostgreSQL look up each room by its index.
  const lookUp = (id: string): string => `cross join lateral (
      select given.* from ${inSchema('rooms')} as given where given.id = ${id} offset 0
    ) as room
    cross join lateral (
      select coalesce(
        (select other.message_seq from ${inSchema('others')} as other
          where other.room_id = room.id and other.seq = room.last_seq),
        room.last_seq
      ) as seq offset 0
    ) as sought
    left join lateral (
      select message.seq, message.created_at from ${inSchema('messages')} as message
      where message.room_id = room.id and message.seq between greatest(sought.seq, room.oldest_seq) and sought.seq
      order by message.seq limit 1
    ) as newest on true`
  const rows = (source: string): string => `select member.user_id as "userId", ${roomFields},
      room.visibility, member.role, member.is_unread as "isUnread", ${number('member.read_seq', 'readSeq')},
      ${number(`mark.seq - ${othersUpTo('mark.seq')}`, 'readMessages')},
      (select count(*) from (
        select from ${inSchema('mentions')} as mention
        where mention.user_id = member.user_id and mention.room_id = room.id and mention.seq > mark.seq
        limit ${MAX_MENTIONS}
      ) as few)::integer as mentions,
      room.deleted_at is not null or coalesce(newest.seq, 0) <= coalesce(member.hidden_seq, -1) as "isHidden",
      ${number('extract(epoch from coalesce(newest.created_at, member.joined_at)) * 1000', 'at')}
    from (${source}) as member
    ${lookUp('member.room_id')}
    cross join lateral (
      select least(greatest(member.read_seq, room.oldest_seq - 1), room.last_seq) as seq
    ) as mark`
  const members = inSchema('members')
  const ofUser = rows(`select known.* from ${members} as known where known.user_id = $1 order by known.room_id`)
  const ofMembers = rows(`select known.* from unnest($2::integer[]) as person (id) cross join lateral (
      select member.* from ${members} as member where member.user_id = person.id and member.room_id = any($1::integer[]) offset 0
    ) as known`)
  const rooms = `select ${roomFields} from unnest($1::integer[]) as wanted (id) ${lookUp('wanted.id')} where room.deleted_at is null`
  const heads = `select id as "roomId", ${number('last_seq', 'lastSeq')} from ${inSchema('rooms')} where id = any($1::integer[])`
  const digests = `select member.user_id as "userId", count(*) || ' ' || sum(member.room_id) || ' ' ||
      sum(member.room_id::bigint * case member.role when 'owner' then 2 when 'moderator' then 1 else 0 end) as digest,
      ${number('sum(member.read_seq)', 'readSeqs')},
      ${number('coalesce(sum(member.room_id) filter (where member.is_unread), 0)', 'unreadRooms')}
    from ${members} as member where member.user_id = any($1::integer[]) group by member.user_id`
  const roomsOf = `select distinct room.id as "roomId", room.visibility = 'direct' as "isDirect"
    from unnest($2::integer[]) as person (id)
    cross join lateral (
      select room_id from ${members} as member where member.user_id = person.id and member.room_id = any($1::integer[]) offset 0
    ) as known
    join ${inSchema('rooms')} as room on room.id = known.room_id`
  const people = `select member.room_id as "roomId", member.user_id as "userId", users.username
    from ${members} as member join ${inSchema('users')} as users on users.id = member.user_id
    where member.room_id = any($1::integer[]) and member.user_id <> $2 order by member.room_id, member.user_id`
  const hide = `update ${members} as member set hidden_seq = case when $3::boolean then room.last_seq end
    from ${inSchema('rooms')} as room
    where room.id = $1 and room.visibility = 'direct' and member.room_id = $1 and member.user_id = $2
    returning member.room_id`

  return {
    ofUser: userId => query<InboxRow>(ofUser, [userId]),
    ofMembers: (roomIds, userIds) => query<InboxRow>(ofMembers, [[...roomIds], [...userIds]]),
    heads: roomIds => query<InboxHead>(heads, [[...roomIds]]),
    digests: userIds => query<MembershipsDigest>(digests, [[...userIds]]),
    rooms: roomIds => query<InboxRoom>(rooms, [[...roomIds]]),
    roomsOf: (roomIds, userIds) => query<InboxRoomKind>(roomsOf, [[...roomIds], [...userIds]]),
    people: async (roomIds, userId) => (roomIds.length === 0 ? [] : query<InboxPerson>(people, [[...roomIds], userId])),
    hide: async (roomId, userId, isHidden) => (await query(hide, [roomId, userId, isHidden])).length > 0
  }
}
