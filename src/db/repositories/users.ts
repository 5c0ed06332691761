/** Stores users. The names of registered users are unique and are compared regardless of the case of ASCII letters. */

import { and, eq, getTableColumns, sql } from 'drizzle-orm'
import { ChatError } from '../../protocol/errors.ts'
import type { SqlClient } from '../client/types.ts'
import { milliseconds, type Tables, type UserRole, type UserStatus } from '../tables.ts'
import { PROOF } from './live-session.ts'

/**
 * A user. `hashedPassword` is null for a user who cannot log in with a password. `createdAt` is in milliseconds since the
 * epoch.
 */
export interface UserRecord {
  readonly id: number
  readonly username: string
  readonly hashedPassword: string | null
  readonly displayName: string | null
  readonly externalId: string | null
  readonly createdAt: number
  readonly status: UserStatus
  /**
   * An increase invalidates all sessions, access tokens, links and challenges that were issued to the user with a lower
   * generation.
   */
  readonly generation: number
  readonly role: UserRole
}

/** A user as an earlier statement found it. A write takes effect only if the user has not changed since then. */
export interface CheckedUser extends Pick<UserRecord, 'id' | 'generation'> {
  /**
   * The password hash that was verified. If absent, the hash is not compared, because the session authenticated the request.
   */
  readonly hashedPassword?: string | null | undefined
  /** The session that authenticated the request. */
  readonly sessionId?: string | null | undefined
  /** True if the owner of the session must have proven who they are within the last ten minutes. */
  readonly isProven?: boolean | undefined
}

export interface NewUser {
  readonly username: string
  readonly hashedPassword: string | null
  readonly displayName?: string
  readonly externalId?: string
  /** The time of the registration. The default is now. */
  readonly createdAt?: Date
}

/** Reads and writes the users of one schema. */
export interface UsersRepository {
  /** Creates a user. Throws `username_taken` if another registered user has the name. */
  create(user: NewUser): Promise<UserRecord>
  /**
   * Returns the registered user with this name, regardless of case. Never returns a host user, which may have the same name.
   */
  findByUsername(username: string): Promise<UserRecord | undefined>
  /** Returns at most `limit` active users whose names begin with `prefix`, regardless of case, in the order of their names. */
  findByPrefix(prefix: string, limit: number): Promise<Pick<UserRecord, 'id' | 'username'>[]>
  /** Returns the users with these ids, keyed by id. Omits users that do not exist. Each query reads at most 1,000 users. */
  findByIds(ids: readonly number[]): Promise<Map<number, UserRecord>>
  /**
   * Replaces the hash of a verified password with a new hash of the same password. Does nothing if the user is not active, or
   * no longer has the checked hash and generation. Returns whether the hash was replaced.
   */
  renewPasswordHash(user: Pick<UserRecord, 'id' | 'hashedPassword' | 'generation'>, renewed: string): Promise<boolean>
  /**
   * Locks the row of a user until the end of the transaction. Returns false if the user is not active, if the checked
   * generation or hash has changed, or if the session has ended or is not proven as required. Call this first in each
   * transaction that changes an account or accepts a code. The lock prevents a password change, a suspension or a deletion
   * between the check and the write.
   */
  lockActive(user: CheckedUser): Promise<boolean>
  /** Suspends an active user and ends every session, or restores a suspended user. Returns whether the user was changed. */
  changeStatus(id: number, status: 'active' | 'suspended'): Promise<boolean>
  /**
   * Sets the display name. Returns undefined if the user is not active or the session has ended. Without a `sessionId`, also
   * returns undefined if the generation of the user has changed. With a `sessionId`, `generation` is ignored. A password change
   * increases `generation`, but the session in which the user changed the password stays valid.
   */
  setDisplayName(
    user: Pick<CheckedUser, 'id' | 'generation' | 'sessionId'>,
    displayName: string | null
  ): Promise<UserRecord | undefined>
  /** Returns the host user with this id in the host application. */
  findByExternalId(externalId: string): Promise<UserRecord | undefined>
  /** Returns host users, keyed by their ids in the host application, in one query. Omits users that do not exist. */
  findByExternalIds(externalIds: readonly string[]): Promise<Map<string, UserRecord>>
  /** Creates the record of a host user, or updates the username in an existing record. Does not rename a deleted user. */
  admit(user: { externalId: string; username: string }): Promise<UserRecord>
}

const UNIQUE_VIOLATION = '23505'
/** Maximum number of users that one query of `findByIds` returns. */
const PAGE = 1000

/** @internal */
export const createUsersRepository = (
  { drizzle, query }: SqlClient,
  { users }: Tables,
  schema: string
): UsersRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  // This lock does not block inserts of rows that refer to the user.
  const lockActive = `select id from ${inSchema}.users
    where id = $1 and generation = $2 and status = 'active'
      and (not $3::boolean or hashed_password is not distinct from $4::text)
      and ($5::text is null or exists (
        select from ${inSchema}.sessions as session
        where session.id = $5 and session.user_id = $1 and session.generation = $2
          and session.expires_at > clock_timestamp()
          and (not $6::boolean or session.proven_at > clock_timestamp() - ${PROOF})
      ))
    for no key update`
  const stored = { ...getTableColumns(users), createdAt: milliseconds(users.createdAt) }
  const byName = drizzle
    .select(stored)
    .from(users)
    // The second condition is also the condition of the partial index. Without it, PostgreSQL would scan the whole table
    // instead of using the index, and the query would also find host users.
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
  const byExternalIds = drizzle
    .select(stored)
    .from(users)
    .where(sql`${users.externalId} = any(${sql.placeholder('externalIds')})`)
    .prepare('chat_users_by_external_ids')

  // The conditions match the index "users_active_name_idx". U+10FFFF sorts after every character of a name.
  const folded = 'lower(username collate "C")'
  const byPrefix = `select id, username from ${inSchema}.users
    where status = 'active' and ${folded} >= lower($1 collate "C") and ${folded} < lower($1 collate "C") || chr(1114111)
    order by ${folded}, id limit $2`

  const findByExternalIds = async (externalIds: readonly string[]) =>
    new Map((await byExternalIds.execute({ externalIds })).map(row => [row.externalId ?? '', row]))

  return {
    async create(user) {
      try {
        const [row] = await drizzle.insert(users).values(user).returning(stored)
        if (!row) throw new Error('The insert into "users" returned no row.')
        return row
      } catch (error) {
        if (isTaken(error)) {
          throw new ChatError('username_taken', `The username "${user.username}" is taken. Choose another one.`)
        }
        throw error
      }
    },
    findByUsername: async username => (await byName.execute({ username }))[0],
    findByPrefix: (prefix, limit) => query<Pick<UserRecord, 'id' | 'username'>>(byPrefix, [prefix, limit]),
    async findByIds(ids) {
      const found = new Map<number, UserRecord>()
      for (let at = 0; at < ids.length; at += PAGE) {
        for (const row of await byIds.execute({ ids: ids.slice(at, at + PAGE) })) found.set(row.id, row)
      }
      return found
    },
    async renewPasswordHash({ id, hashedPassword, generation }, renewed) {
      const isChecked = and(
        eq(users.id, id),
        eq(users.hashedPassword, hashedPassword ?? ''),
        eq(users.generation, generation),
        eq(users.status, 'active')
      )
      const changed = { hashedPassword: renewed }
      return (await drizzle.update(users).set(changed).where(isChecked).returning({ id: users.id })).length > 0
    },
    async lockActive({ id, generation, hashedPassword, sessionId = null, isProven = false }) {
      const params = [id, generation, hashedPassword !== undefined, hashedPassword ?? null, sessionId, isProven]
      return (await query(lockActive, params)).length > 0
    },
    async changeStatus(id, status) {
      const isSuspended = status === 'suspended'
      const changed = await drizzle
        .update(users)
        .set({ status, ...(isSuspended ? { generation: sql`${users.generation} + 1` } : {}) })
        .where(and(eq(users.id, id), eq(users.status, isSuspended ? 'active' : 'suspended')))
        .returning({ id: users.id })
      return changed.length > 0
    },
    async setDisplayName({ id, generation, sessionId }, displayName) {
      const isLive =
        sessionId == null
          ? eq(users.generation, generation)
          : sql`exists (
              select from ${sql.raw(`${inSchema}.sessions`)} as session
              where session.id = ${sessionId} and session.user_id = ${users.id} and session.generation = ${users.generation}
                and session.expires_at > clock_timestamp()
            )`
      const isChecked = and(eq(users.id, id), eq(users.status, 'active'), isLive)
      return (await drizzle.update(users).set({ displayName }).where(isChecked).returning(stored))[0]
    },
    findByExternalIds,
    findByExternalId: async externalId => (await findByExternalIds([externalId])).get(externalId),
    async admit({ externalId, username }) {
      const [row] = await drizzle
        .insert(users)
        .values({ externalId, username })
        .onConflictDoUpdate({
          target: users.externalId,
          set: {
            username: sql`case when ${users.status} in ('deleting', 'deleted') then ${users.username} else excluded.username end`
          }
        })
        .returning(stored)
      if (!row) throw new Error('The upsert into "users" returned no row.')
      return row
    }
  }
}

/**
 * Returns whether an insert failed because the name is taken. Drizzle wraps the driver's error, and the field with the
 * constraint's name depends on the driver.
 */
const isTaken = (error: unknown): boolean => {
  const cause = error instanceof Error ? error.cause : undefined
  if (!(cause instanceof Error) || !('code' in cause) || cause.code !== UNIQUE_VIOLATION) return false
  const names = cause as { constraint_name?: string; constraint?: string }
  return (names.constraint_name ?? names.constraint) === 'users_username_key'
}
