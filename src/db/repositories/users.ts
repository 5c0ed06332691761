/** Stores users. Names are unique without regard to case, and found in any case. */

import { and, eq, getTableColumns, sql } from 'drizzle-orm'
import { ChatError } from '../../protocol/errors.ts'
import type { SqlClient } from '../client/types.ts'
import { milliseconds, type Tables } from '../tables.ts'

/** Describes a user. `hashedPassword` is null for a user who can't log in here. `createdAt` is in milliseconds since the epoch. */
export interface UserRecord {
  readonly id: number
  readonly username: string
  readonly hashedPassword: string | null
  readonly displayName: string | null
  readonly externalId: string | null
  readonly createdAt: number
}

/** Describes a user to create. */
export interface NewUser {
  readonly username: string
  readonly hashedPassword: string | null
  readonly displayName?: string
  readonly externalId?: string
}

/** Reads and writes the users of one schema. */
export interface UsersRepository {
  /** Creates a user. Throws `username_taken`. */
  create(user: NewUser): Promise<UserRecord>
  /** Returns a user who registered here, by name in any case. Users of a host application may have the same names. */
  findByUsername(username: string): Promise<UserRecord | undefined>
  /** Returns existing users, by id; up to 1,000 per query. */
  findByIds(ids: readonly number[]): Promise<Map<number, UserRecord>>
  /** Returns whether the user still exists with the password hash that was checked. */
  hasPasswordHash(id: number, checked: string): Promise<boolean>
  /** Replaces the password hash that was checked, in one statement. Returns false if it changed, or the user was deleted. */
  replacePasswordHash(id: number, checked: string, hashedPassword: string): Promise<boolean>
  /** Returns a user of a host application, by the host's id. */
  findByExternalId(externalId: string): Promise<UserRecord | undefined>
  /** Returns existing users of a host application, by the host's ids, in one query. */
  findByExternalIds(externalIds: readonly string[]): Promise<Map<string, UserRecord>>
  /** Creates a user of a host application, or stores a changed name. */
  admit(user: { externalId: string; username: string }): Promise<UserRecord>
}

const UNIQUE_VIOLATION = '23505'
/** Limits how many users one query returns. */
const PAGE = 1000

/**
 * Creates the repository.
 * @internal
 */
export const createUsersRepository = ({ drizzle }: SqlClient, { users }: Tables): UsersRepository => {
  const stored = { ...getTableColumns(users), createdAt: milliseconds(users.createdAt) }
  const byName = drizzle
    .select(stored)
    .from(users)
    // The second condition is that of the partial index. Without it the planner scans the whole table, which takes longer the
    // more users there are, and the query finds host users too.
    .where(
      sql`lower(${users.username} collate "C") = lower(${sql.placeholder('username')} collate "C")
        and ${users.externalId} is null`
    )
    .limit(1)
    .prepare('chat_user_by_name')
  const byIds = drizzle
    .select(stored)
    .from(users)
    .where(sql`${users.id} = any(${sql.placeholder('ids')})`)
    .prepare('chat_users_by_ids')
  const byHash = drizzle
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.id, sql.placeholder('id')), eq(users.hashedPassword, sql.placeholder('checked'))))
    .prepare('chat_user_by_hash')
  const byExternalIds = drizzle
    .select(stored)
    .from(users)
    .where(sql`${users.externalId} = any(${sql.placeholder('externalIds')})`)
    .prepare('chat_users_by_external_ids')

  const findByExternalIds = async (externalIds: readonly string[]) =>
    new Map((await byExternalIds.execute({ externalIds })).map(row => [row.externalId ?? '', row]))

  return {
    async create(user) {
      try {
        const [row] = await drizzle.insert(users).values(user).returning(stored)
        if (!row) throw new Error('Inserting a user returned no row.')
        return row
      } catch (error) {
        if (isTaken(error)) {
          throw new ChatError('username_taken', `The username "${user.username}" is taken. Choose another one.`)
        }
        throw error
      }
    },
    findByUsername: async username => (await byName.execute({ username }))[0],
    async findByIds(ids) {
      const found = new Map<number, UserRecord>()
      for (let at = 0; at < ids.length; at += PAGE) {
        for (const row of await byIds.execute({ ids: ids.slice(at, at + PAGE) })) found.set(row.id, row)
      }
      return found
    },
    hasPasswordHash: async (id, checked) => (await byHash.execute({ id, checked })).length > 0,
    async replacePasswordHash(id, checked, hashedPassword) {
      const isChecked = and(eq(users.id, id), eq(users.hashedPassword, checked))
      const replaced = await drizzle.update(users).set({ hashedPassword }).where(isChecked).returning({ id: users.id })
      return replaced.length > 0
    },
    findByExternalIds,
    findByExternalId: async externalId => (await findByExternalIds([externalId])).get(externalId),
    async admit({ externalId, username }) {
      const [row] = await drizzle
        .insert(users)
        .values({ externalId, username })
        .onConflictDoUpdate({ target: users.externalId, set: { username } })
        .returning(stored)
      if (!row) throw new Error('Storing a user returned no row.')
      return row
    }
  }
}

/** Returns whether a name is taken. Drizzle wraps the driver's error, and each driver has its own field for the constraint. */
const isTaken = (error: unknown): boolean => {
  const cause = error instanceof Error ? error.cause : undefined
  if (!(cause instanceof Error) || !('code' in cause) || cause.code !== UNIQUE_VIOLATION) return false
  const names = cause as { constraint_name?: string; constraint?: string }
  return (names.constraint_name ?? names.constraint) === 'users_username_key'
}
