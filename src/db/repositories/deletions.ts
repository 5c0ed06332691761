/**
 * Stores which accounts are being deleted, and the next step of each deletion. Any process may continue a deletion whose lease
 * has ended.
 */
import type { SqlClient } from '../client/types.ts'
import type { UserRole, UserStatus } from '../tables.ts'
import { lockAdminsIn } from './administration.ts'

/** The next step of a deletion. See drizzle/0011_accounts.sql and drizzle/0014_members.sql. */
export type DeletionStep = 'anonymize' | 'leave' | 'erase' | 'sweep'

/** A deletion that this process may continue until its lease ends. */
export interface LeasedDeletion {
  readonly userId: number
  /** Whether the user's messages are erased. */
  readonly isErased: boolean
  readonly step: DeletionStep
  /** The id of the last room in which the step is done. */
  readonly roomId: number
}

/**
 * The result of ending an account: the account's username, or `last_admin` if the user is the only administrator. Undefined if
 * there is no such account.
 */
export type BegunDeletion = { readonly username: string } | 'last_admin' | undefined

export interface LeaseOptions {
  readonly leaseMs: number
  readonly settleMs: number
  /** Leases only a deletion whose next step is `step`. */
  readonly step?: DeletionStep | undefined
}

export interface DeletionsRepository {
  /**
   * Ends an account: removes its password and its sessions, invalidates its tokens, and sets its role to `user`. Returns
   * undefined if there is no such account, or if the account was ended before. Runs several statements, so it must be called in
   * a transaction. If the last two administrators are deleted at the same time, only one deletion succeeds.
   */
  begin(userId: number, isErased: boolean): Promise<BegunDeletion>
  /**
   * Leases a deletion that is due, for `leaseMs` milliseconds. Prefers deletions in the step `anonymize`, and then the oldest.
   * Until the rolling upgrade is finished, the step `erase` is not due, and the step `leave` is due only if the user is a
   * member of no room. The step `sweep` is due `settleMs` milliseconds after the account was ended.
   */
  lease(options: LeaseOptions): Promise<LeasedDeletion | undefined>
  /** Records that a step is done in the rooms up to `roomId`, and extends the lease. */
  advance(userId: number, roomId: number, leaseMs: number): Promise<void>
  /** Records the next step, and ends the lease. */
  next(userId: number, step: DeletionStep): Promise<void>
  /** Ends the lease after `delayMs` milliseconds. */
  postpone(userId: number, delayMs: number): Promise<void>
  /**
   * Removes the data that identifies a user. Keeps the ids that the user has in other systems, so that the service can reject
   * a deleted user who logs in through one of these systems. Returns false if the user's name is no longer `username`, or if
   * the user is not being deleted. Runs many statements, so it must be called in a transaction.
   */
  anonymize(userId: number, username: string): Promise<boolean>
  /** Marks the account as deleted. Returns false if it was already marked. */
  finish(userId: number): Promise<boolean>
}

/** The tables whose rows about a user are deleted. A test compares this list with the tables that refer to users. */
export const PERSONAL_TABLES = [
  'sessions',
  'one_time_tokens',
  'challenges',
  'emails',
  'outbox',
  'known_networks',
  'totp',
  'recovery_codes',
  'passkeys',
  'passkey_handles',
  'exports',
  'last_posts',
  'mentions',
  'room_invitations',
  'blocks'
] as const

/** Returns the name that is shown for a deleted user. The name contains a space, so that nobody can register it. */
export const tombstoneName = (userId: number): string => `deleted user ${userId}`

/** @internal */
export const createDeletionsRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): DeletionsRepository => {
  const quoted = `"${schema.replaceAll('"', '""')}"`
  const inSchema = (table: string): string => `${quoted}."${table}"`
  const [table, users] = [inSchema('deletions'), inSchema('users')]
  const inMs = (parameter: string): string =>
    `clock_timestamp() + ${parameter}::double precision * interval '1 millisecond'`
  const end = `update ${users} set status = 'deleting', generation = generation + 1, hashed_password = null, role = 'user'
    where id = $1 and role = $2 and status in ('active', 'suspended') returning username`
  const admins = lockAdminsIn(quoted)
  const lease = `update ${table} as leased set leased_until = ${inMs('$1')}
    where user_id = (
      select user_id from ${table}
      where finished_at is null and (leased_until is null or leased_until < clock_timestamp()) and (
        step = 'anonymize'
        or (step = 'leave' and (
          exists (select from ${inSchema('upgrades')} where upgrades.step = 'rooms')
          or not exists (select from ${inSchema('members')} as member where member.user_id = ${table}.user_id)
        ))
        or (step = 'erase' and exists (select from ${inSchema('upgrades')} where upgrades.step = 'kinds'))
        or (step = 'sweep' and requested_at < clock_timestamp() - $2::double precision * interval '1 millisecond')
      ) and ($3::text is null or step = $3)
      order by step <> 'anonymize', requested_at limit 1 for update skip locked
    )
    returning user_id as "userId", is_erased as "isErased", step, room_id as "roomId"`

  const begin = async (userId: number, isErased: boolean): Promise<BegunDeletion> => {
    const [user] = await query<{ role: UserRole; status: UserStatus }>(
      `select role, status from ${users} where id = $1`,
      [userId]
    )
    if (user?.status !== 'active' && user?.status !== 'suspended') return undefined
    if (user.role === 'admin') {
      const all = await query<{ id: number }>(admins)
      if (all.length === 1 && all[0]?.id === userId) return 'last_admin'
    }
    // If another transaction has changed the role since the query above, this statement finds no row, and the role is checked
    // again.
    const [ended] = await query<{ username: string }>(end, [userId, user.role])
    if (!ended) return begin(userId, isErased)
    await query(`delete from ${inSchema('sessions')} where user_id = $1`, [userId])
    await query(`insert into ${table} (user_id, is_erased) values ($1, $2)`, [userId, isErased])
    return ended
  }

  return {
    begin,
    lease: async ({ leaseMs, settleMs, step = null }) =>
      (await query<LeasedDeletion>(lease, [leaseMs, settleMs, step]))[0],
    async advance(userId, roomId, leaseMs) {
      await query(
        `update ${table} set room_id = greatest(room_id, $2), leased_until = ${inMs('$3')} where user_id = $1`,
        [userId, roomId, leaseMs]
      )
    },
    async next(userId, step) {
      await query(`update ${table} set step = $2, room_id = 0, leased_until = null where user_id = $1`, [userId, step])
    },
    async postpone(userId, delayMs) {
      await query(`update ${table} set leased_until = ${inMs('$2')} where user_id = $1`, [userId, delayMs])
    },
    async anonymize(userId, username) {
      const renamed = await query(
        `update ${users} set username = $3, display_name = null where id = $1 and username = $2 and status = 'deleting'
         returning id`,
        [userId, username, tombstoneName(userId)]
      )
      if (renamed.length === 0) return false
      for (const name of PERSONAL_TABLES) await query(`delete from ${inSchema(name)} where user_id = $1`, [userId])
      await query(`delete from ${inSchema('blocks')} where blocked_id = $1`, [userId])
      // The reports are kept for the moderators, but without the reasons that the user wrote.
      await query(`update ${inSchema('reports')} set reason = null where user_id = $1`, [userId])
      // Ends the restrictions but keeps their rows, because deleting the rows would require locks on the rooms. The sweep of
      // restrictions deletes the rows later.
      await query(
        `update ${inSchema('restrictions')} set until = clock_timestamp(), reason = null, key_id = null where user_id = $1`,
        [userId]
      )
      await query(`update ${inSchema('restrictions')} set by = null, reason = null, key_id = null where by = $1`, [
        userId
      ])
      await query(`update ${inSchema('ban_erasures')} set by = null where by = $1`, [userId])
      return true
    },
    async finish(userId) {
      await query(`update ${table} set finished_at = clock_timestamp(), leased_until = null where user_id = $1`, [
        userId
      ])
      const done = await query(
        `update ${users} set status = 'deleted' where id = $1 and status = 'deleting' returning id`,
        [userId]
      )
      return done.length > 0
    }
  }
}
