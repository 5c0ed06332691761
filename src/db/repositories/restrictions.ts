/**
 * Reads the mutes and bans of rooms, and removes those that have ended. The append function of the log writes them. See
 * drizzle/0015_moderation.sql.
 */
import type { SqlClient } from '../client/types.ts'

/** A mute or a ban. Times are in milliseconds since the epoch. `reason` is a Fernet token. */
export interface RestrictionRow {
  readonly userId: number
  readonly username: string
  readonly kind: 'mute' | 'ban'
  /** The end of the restriction. Null if the restriction does not end by itself. */
  readonly until: number | null
  readonly reason: string | null
  readonly keyId: string | null
  readonly by: number | null
  readonly createdAt: number
}

/** A restriction of a user, with the name of its room. */
export interface RestrictionOfUser extends Omit<RestrictionRow, 'userId' | 'username' | 'by'> {
  readonly roomId: number
  readonly room: string
}

export interface RestrictionsRepository {
  /**
   * Returns the restrictions in a room that have not ended, for at most `limit` users after the user id `after`, in the order of
   * the user ids. A user may be both muted and banned.
   */
  list(roomId: number, after: number, limit: number): Promise<RestrictionRow[]>
  /** Returns the restrictions of a user in at most `limit` rooms after the room `roomId`, in the order of the room ids. */
  ofUser(userId: number, roomId: number, limit: number): Promise<RestrictionOfUser[]>
  /** Removes restrictions that have ended, and old rows of the table `last_posts`, which slow mode uses. */
  sweep(): Promise<void>
}

/** @internal */
export const createRestrictionsRepository = (
  { query }: Pick<SqlClient, 'query'>,
  schema: string
): RestrictionsRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const columns = `known.kind, (extract(epoch from known.until) * 1000)::double precision as until, known.reason,
    known.key_id as "keyId", (extract(epoch from known.created_at) * 1000)::double precision as "createdAt"`
  const table = `${inSchema}.restrictions as known`
  const list = `select known.user_id as "userId", users.username, known.by, ${columns}
    from ${table} join ${inSchema}.users as users on users.id = known.user_id
    where known.room_id = $1 and (known.until is null or known.until > clock_timestamp()) and known.user_id in (
      select distinct one.user_id from ${inSchema}.restrictions as one
      where one.room_id = $1 and one.user_id > $2 and (one.until is null or one.until > clock_timestamp())
      order by one.user_id limit $3
    )
    order by known.user_id, known.kind`
  const ofUser = `select known.room_id as "roomId", room.name as room, ${columns}
    from ${table} join ${inSchema}.rooms as room on room.id = known.room_id
    where known.user_id = $1 and known.room_id in (
      select distinct one.room_id from ${inSchema}.restrictions as one
      where one.user_id = $1 and one.room_id > $2 order by one.room_id limit $3
    )
    order by known.room_id, known.kind`

  return {
    list: (roomId, after, limit) => query<RestrictionRow>(list, [roomId, after, limit]),
    ofUser: (userId, roomId, limit) => query<RestrictionOfUser>(ofUser, [userId, roomId, limit]),
    async sweep() {
      await query(`select ${inSchema}.chat_sweep_restrictions()`)
    }
  }
}
