/** Stores which users have blocked which other users. See drizzle/0019_blocks.sql. */
import type { SqlClient } from '../client/types.ts'

/** A blocked user. `createdAt` is in milliseconds since the epoch. */
export interface BlockRow {
  readonly userId: number
  readonly username: string
  readonly createdAt: number
}

export interface BlocksRepository {
  /** Blocks a user. Returns the code of the error if the block is refused. Does nothing if the user is blocked already. */
  add(userId: number, blockedId: number): Promise<string | undefined>
  /** Removes a block. Does nothing if there is none. */
  remove(userId: number, blockedId: number): Promise<void>
  /** Returns the users whom a user has blocked, newest first. There are at most 1,000. */
  list(userId: number): Promise<BlockRow[]>
  /** Returns whether the room is a direct room of two users of whom one has blocked the other. */
  isBlocked(roomId: number): Promise<boolean>
}

/** @internal */
export const createBlocksRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): BlocksRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const list = `select block.blocked_id as "userId", users.username,
      (extract(epoch from block.created_at) * 1000)::double precision as "createdAt"
    from ${inSchema}.blocks as block join ${inSchema}.users as users on users.id = block.blocked_id
    where block.user_id = $1 order by block.created_at desc, block.blocked_id`
  const blocked = `select ${isBlocked(inSchema, '$1')} as blocked`

  return {
    async add(userId, blockedId) {
      const [row] = await query<{ code: string | null }>(`select code from ${inSchema}.chat_block($1, $2)`, [
        userId,
        blockedId
      ])
      return row?.code ?? undefined
    },
    async remove(userId, blockedId) {
      await query(`delete from ${inSchema}.blocks where user_id = $1 and blocked_id = $2`, [userId, blockedId])
    },
    list: userId => query<BlockRow>(list, [userId]),
    isBlocked: async roomId => (await query<{ blocked: boolean }>(blocked, [roomId]))[0]?.blocked === true
  }
}

/**
 * Returns the SQL condition that a room is a direct room of two users of whom one has blocked the other. The function
 * `chat_is_blocked` has the same condition, but is not called, because PostgreSQL would plan its query again for each room. The
 * subqueries return a value, because PostgreSQL could replace an EXISTS with a scan of all blocks. The limit prevents a scan of
 * the members of a large room.
 * @internal
 */
export const isBlocked = (inSchema: string, roomId: string): string => {
  const block = (one: string, other: string): string =>
    `(select true from ${inSchema}.blocks as block where block.user_id = pair.${one} and block.blocked_id = pair.${other})`
  return `case (select direct.visibility from ${inSchema}.rooms as direct where direct.id = ${roomId})
    when 'direct' then (
      select pair.members = 2 and coalesce(${block('one', 'other')}, ${block('other', 'one')}, false)
      from (
        select count(*) as members, min(known.user_id) as one, max(known.user_id) as other
        from (
          select member.user_id from ${inSchema}.members as member
          where member.room_id = ${roomId} order by member.user_id limit 3
        ) as known
      ) as pair
    )
    else false
  end`
}

/**
 * Returns the SQL condition that a user has not blocked another user.
 * @internal
 */
export const hasNotBlocked = (inSchema: string, userId: string, otherId: string): string =>
  `not exists (select from ${inSchema}."blocks" as block where block.user_id = ${userId} and block.blocked_id = ${otherId})`
