/** Stores invitations to rooms, each as the SHA-256 of its code. See drizzle/0018_room_invitations.sql. */
import type { SqlClient } from '../client/types.ts'

export interface NewRoomInvitation {
  readonly roomId: number
  readonly userId: number
  /** The SHA-256 of the code. */
  readonly hash: string
  readonly lifetimeMs: number
  readonly uses: number
}

/** An invitation that can be used. Times are in milliseconds since the epoch. */
export interface RoomInvitationRow {
  readonly id: number
  readonly userId: number
  readonly username: string
  readonly usesLeft: number
  readonly createdAt: number
  readonly expiresAt: number
}

/** An invitation in an export. Times are in milliseconds since the epoch. */
export interface ExportedInvitation extends Pick<RoomInvitationRow, 'id' | 'usesLeft' | 'createdAt' | 'expiresAt'> {
  readonly room: string
}

/** The room to which an invitation leads. `members` is at most `MAX_COUNTED`. */
export interface InvitedRoom {
  readonly room: string
  readonly title: string | null
  readonly members: number
}

/** Maximum number of members that `find` counts. */
export const MAX_COUNTED = 1000

export interface RoomInvitationsRepository {
  /** Creates an invitation, under the lock of the room. Returns the code of the error if the invitation is refused. */
  create(
    invitation: NewRoomInvitation
  ): Promise<{ readonly refused: string } | { readonly id: number; readonly expiresAt: number }>
  /**
   * Returns the invitations of a room that can be used, newest first. For a user who does not moderate the room, returns only the
   * user's own invitations.
   */
  list(roomId: number, userId: number): Promise<RoomInvitationRow[]>
  /** Deletes one of the invitations that `list` returns for the user. Returns false if there is no such invitation. */
  remove(roomId: number, userId: number, id: number): Promise<boolean>
  /**
   * Returns the room of an invitation. Returns undefined if there is no such invitation, or if the user may not join with it. The
   * result does not show which condition failed.
   */
  find(hash: string, userId: number): Promise<InvitedRoom | undefined>
  /** Returns at most `limit` invitations that the user created, after the id `after`. */
  ofUser(userId: number, after: number, limit: number): Promise<ExportedInvitation[]>
  /** Deletes at most `limit` invitations that have expired. Returns their number. */
  sweep(limit: number): Promise<number>
}

/** @internal */
export const createRoomInvitationsRepository = (
  { query }: Pick<SqlClient, 'query'>,
  schema: string
): RoomInvitationsRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const table = `${inSchema}.room_invitations`
  const isUsable = 'invitation.uses_left > 0 and invitation.expires_at > clock_timestamp()'
  const ms = (column: string): string => `(extract(epoch from invitation.${column}) * 1000)::double precision`
  const columns = `invitation.id, invitation.uses_left as "usesLeft", ${ms('created_at')} as "createdAt",
    ${ms('expires_at')} as "expiresAt"`
  const create = `select code, id, ms from ${inSchema}.chat_invite($1, $2, $3, $4, $5)`
  const isVisible = `invitation.room_id = $1 and ${isUsable}
    and (invitation.user_id = $2 or (select ${inSchema}.chat_rank_in($1, $2)) >= 2)`
  const list = `select ${columns}, invitation.user_id as "userId", users.username
    from ${table} as invitation join ${inSchema}.users as users on users.id = invitation.user_id
    where ${isVisible} order by invitation.id desc`
  const remove = `delete from ${table} as invitation where ${isVisible} and invitation.id = $3 returning id`
  const find = `select room.name as room, room.title, (
      select count(*)::integer from (
        select from ${inSchema}.members as member where member.room_id = room.id limit ${MAX_COUNTED}
      ) as few
    ) as members
    from ${table} as invitation join ${inSchema}.rooms as room on room.id = invitation.room_id
    where invitation.hash = $1 and ${inSchema}.chat_may_join_by(invitation.id, $2)`
  const ofUser = `select ${columns}, room.name as room
    from ${table} as invitation join ${inSchema}.rooms as room on room.id = invitation.room_id
    where invitation.user_id = $1 and invitation.id > $2 order by invitation.id limit $3`
  const sweep = `delete from ${table} where id = any(array(
      select id from ${table} where expires_at <= clock_timestamp() order by expires_at limit $1 for update skip locked
    )) returning id`

  return {
    async create({ roomId, userId, hash, lifetimeMs, uses }) {
      const [row] = await query<{ code: string | null; id: number; ms: number }>(create, [
        roomId,
        userId,
        hash,
        lifetimeMs,
        uses
      ])
      if (!row) throw new Error('The function "chat_invite" returned no row.')
      return row.code === null ? { id: row.id, expiresAt: row.ms } : { refused: row.code }
    },
    list: (roomId, userId) => query<RoomInvitationRow>(list, [roomId, userId]),
    remove: async (roomId, userId, id) => (await query(remove, [roomId, userId, id])).length > 0,
    find: async (hash, userId) => (await query<InvitedRoom>(find, [hash, userId]))[0],
    ofUser: (userId, after, limit) => query<ExportedInvitation>(ofUser, [userId, after, limit]),
    sweep: async limit => (await query(sweep, [limit])).length
  }
}
