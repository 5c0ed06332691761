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
}

/** @internal */
export const createBlocksRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): BlocksRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const list = `select block.blocked_id as "userId", users.username,
      (extract(epoch from block.created_at) * 1000)::double precision as "createdAt"
    from ${inSchema}.blocks as block join ${inSchema}.users as users on users.id = block.blocked_id
    where block.user_id = $1 order by block.created_at desc, block.blocked_id`

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
    list: userId => query<BlockRow>(list, [userId])
  }
}

/**
 * Returns the SQL condition that a user has not blocked another user.
 * @internal
 */
export const hasNotBlocked = (inSchema: string, userId: string, otherId: string): string =>
  `not exists (select from ${inSchema}."blocks" as block where block.user_id = ${userId} and block.blocked_id = ${otherId})`
