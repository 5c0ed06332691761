/** Lists users for administrators, and changes the roles and the status of users. */
import type { SqlClient } from '../client/types.ts'
import type { UserRole, UserStatus } from '../tables.ts'
import type { UserSession } from './live-session.ts'

/** A user as administrators see it. `createdAt` is in milliseconds since the epoch. */
export interface ManagedUser {
  readonly id: number
  readonly username: string
  readonly displayName: string | null
  readonly role: UserRole
  readonly status: UserStatus
  readonly createdAt: number
}

/** The fields to change. Omitted fields keep their values. */
export interface UserChange {
  readonly role?: UserRole | undefined
  readonly status?: 'active' | 'suspended' | undefined
}

export interface UserPage {
  /** Selects only users whose names begin with this text, regardless of case. */
  readonly prefix?: string | undefined
  /** Selects only administrators. */
  readonly role?: 'admin' | undefined
  /** Selects only users with a higher id. */
  readonly after?: number | undefined
  readonly limit: number
}

/**
 * Administers the users who registered with this service. A write of an administrator checks, in the same statement, that the
 * administrator may still administer and that the session has not ended. `null` instead of an administrator means the operator
 * of the service, who needs no session.
 */
export interface AdministrationRepository {
  /** Returns users in the order of their ids. Omits deleted users and users of a host application. */
  list(page: UserPage): Promise<ManagedUser[]>
  /**
   * Returns whether the administrator may still administer. Locks the administrator's row, so in a transaction the role, the
   * status and the generation cannot change until the transaction ends.
   */
  isAllowed(admin: UserSession | null): Promise<boolean>
  /**
   * Locks the rows of all active administrators in the order of their ids, and returns the ids. Call this before a write that
   * removes an administrator. If two such writes run concurrently, the second write then sees the result of the first.
   */
  lockAdmins(): Promise<number[]>
  /**
   * Locks the row of a user and returns the user. Returns undefined if the user does not exist, is deleted or being deleted, or
   * is a user of a host application.
   */
  lock(id: number): Promise<ManagedUser | undefined>
  /**
   * Changes a user. A suspension ends every session of the user. Returns undefined if the administrator may no longer
   * administer, or if there is no such user.
   */
  change(admin: UserSession | null, id: number, change: UserChange): Promise<ManagedUser | undefined>
  /** Ends every session of a user. Returns false if the administrator may no longer administer, or if there is no such user. */
  endSessions(admin: UserSession | null, id: number): Promise<boolean>
  /** Ends every session of the next `limit` users with an id above `after`. Returns their ids in order. */
  endSessionsOfMany(after: number, limit: number): Promise<number[]>
  /** Counts the active administrators, and how many of them have no second factor. */
  countAdmins(): Promise<AdminCount>
}

export interface AdminCount {
  readonly all: number
  readonly withoutFactor: number
}

/**
 * Returns a condition on a row of `users`. The condition is true for an active administrator who can log in to this service.
 */
const isAdminIn = (inSchema: string): string => `role = 'admin' and status = 'active' and external_id is null
    and not exists (select from ${inSchema}."identities" as identity where identity.user_id = users.id)`

/** Returns the statement that locks all active administrators in the order of their ids. `inSchema` is the quoted schema. */
export const lockAdminsIn = (inSchema: string): string =>
  `select id from ${inSchema}."users" where ${isAdminIn(inSchema)} order by id for no key update`

/** @internal */
export const createAdministrationRepository = (
  { query }: Pick<SqlClient, 'query'>,
  schema: string
): AdministrationRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const users = `${inSchema}."users"`
  const columns = `id, username, display_name as "displayName", role, status,
    (extract(epoch from created_at) * 1000)::double precision as "createdAt"`
  const isManaged = `external_id is null and status in ('active', 'suspended')`
  // $1 to $3 are the administrator's user id, `users.generation` and session id. For the operator, they are null.
  const administrator = `select admin.id from ${users} as admin
    join ${inSchema}."sessions" as session on session.user_id = admin.id
    where admin.id = $1 and admin.role = 'admin' and admin.status = 'active' and admin.generation = $2::integer
      and session.id = $3::text and session.generation = admin.generation and session.expires_at > clock_timestamp()`
  const isAllowed = `($1::integer is null or exists (${administrator}))`
  const isAdmin = isAdminIn(inSchema)
  const change = `update ${users} set role = coalesce($5, role), status = coalesce($6, status),
      generation = generation + case when $6 = 'suspended' and status <> 'suspended' then 1 else 0 end
    where id = $4 and ${isManaged} and ${isAllowed} returning ${columns}`
  const endSessions = `update ${users} set generation = generation + 1
    where id = $4 and ${isManaged} and ${isAllowed} returning id`
  // `for update` is not used, because inserts of rows that refer to the user would then wait for the lock.
  const lock = `select ${columns} from ${users} where id = $1 and ${isManaged} for no key update`
  const lockAdmins = lockAdminsIn(inSchema)
  const isListed = `external_id is null and status <> 'deleted'`
  const all = (from: string): string => `select ${columns} from ${from} where id > $1::bigint order by id limit $2`
  const everyone = all(`(select * from ${users} where ${isListed}) as listed`)
  const admins = all(`(select * from ${users} where ${isListed} and role = 'admin') as listed`)
  // The conditions on the name match the index "users_username_key". U+10FFFF sorts after every character of a name. With
  // "offset 0", PostgreSQL searches by name first. Without it, PostgreSQL might read the whole table in the order of ids to
  // find a few names.
  const name = 'lower(username collate "C")'
  const prefixed = all(`(select * from ${users} where ${isListed}
    and ${name} >= lower($3 collate "C") and ${name} < lower($3 collate "C") || chr(1114111) offset 0) as listed`)
  const prefixedAdmins = prefixed.replace('where id > $1', `where role = 'admin' and id > $1`)
  const endMany = `update ${users} set generation = generation + 1 where id in (
      select id from ${users} where id > $1::bigint and ${isListed} order by id limit $2
    ) returning id`

  const hasFactor = `(exists (select from ${inSchema}."totp" where user_id = users.id and confirmed_at is not null)
    or exists (select from ${inSchema}."passkeys" where user_id = users.id))`

  const valuesOf = (admin: UserSession | null) =>
    admin ? [admin.userId, admin.generation, admin.sessionId] : [null, null, null]

  return {
    list({ prefix = '', role, after = 0, limit }) {
      const isAdmins = role === 'admin'
      if (prefix === '') return query<ManagedUser>(isAdmins ? admins : everyone, [after, limit])
      return query<ManagedUser>(isAdmins ? prefixedAdmins : prefixed, [after, limit, prefix])
    },
    isAllowed: async admin =>
      admin === null || (await query(`${administrator} for share of admin`, valuesOf(admin))).length > 0,
    lockAdmins: async () => (await query<{ id: number }>(lockAdmins)).map(({ id }) => id),
    lock: async id => (await query<ManagedUser>(lock, [id]))[0],
    async change(admin, id, { role = null, status = null }) {
      const [row] = await query<ManagedUser>(change, [...valuesOf(admin), id, role, status])
      return row
    },
    endSessions: async (admin, id) => (await query(endSessions, [...valuesOf(admin), id])).length > 0,
    async endSessionsOfMany(after, limit) {
      const rows = await query<{ id: number }>(endMany, [after, limit])
      return rows.map(({ id }) => id).sort((a, b) => a - b)
    },
    async countAdmins() {
      const [row] = await query<AdminCount>(
        `select count(*)::integer as "all",
           (count(*) filter (where not ${hasFactor}))::integer as "withoutFactor"
         from ${users} where ${isAdmin}`
      )
      return row ?? { all: 0, withoutFactor: 0 }
    }
  }
}
