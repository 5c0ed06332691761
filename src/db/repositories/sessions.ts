/** Stores the sessions of users. The database's clock decides when a session ends. */
import type { SqlClient } from '../client/types.ts'
import type { UserRole, UserStatus } from '../tables.ts'
import { PROOF } from './live-session.ts'
import { END, type EndRow, endOf, endOfUse, type SessionEnd, type SessionLifetime } from './refresh-tokens.ts'
import type { UserRecord } from './users.ts'

/** The user of an access token, and the session that the token belongs to. */
export interface SessionUser {
  readonly user: UserRecord
  /** The session of the token. Absent if the token has no session, or if the session has ended. */
  readonly session: LiveSession | undefined
}

/**
 * A session that has not expired and was not ended. If its `generation` is lower than that of the user, the session is invalid.
 */
export interface LiveSession {
  readonly id: string
  readonly generation: number
  /** True if the use of the session must be stored, because the stored time is too old. */
  readonly isTouchDue: boolean
  /** The number of the current refresh token. Null if the session has none. */
  readonly refreshNumber: number | null
  /** Whether the current refresh token, or an access token that was issued with it, has been used. */
  readonly isSuccessorUsed: boolean
}

/** The user and the session of an access token. */
export interface SessionKey {
  readonly userId: number
  readonly sessionId: string | undefined
}

export interface NewSession {
  readonly id: string
  /** The state of the user that was checked. The session begins only if the user still has this state. */
  readonly user: Pick<UserRecord, 'id' | 'hashedPassword' | 'generation'>
  /** Time in milliseconds after which the session ends, unless the session is used before that time. */
  readonly lifetimeMs: number
  readonly isProven: boolean
  readonly device: string | undefined
  readonly address: string | undefined
  readonly isCookie: boolean
  readonly isRemembered: boolean
  /** The first refresh token. Without it, the session cannot be extended. */
  readonly refresh?: { readonly hash: string; readonly salt: string; readonly macKey: string } | undefined
}

/** A session in the list of a user. Times are in milliseconds since the epoch. */
export interface ListedSession {
  readonly id: string
  readonly device: string | null
  readonly address: string | null
  readonly createdAt: number
  readonly lastUsedAt: number
}

export interface SessionsRepository {
  /** Returns the users and sessions of access tokens, in the order of `keys`. Users that do not exist are undefined. */
  find(keys: readonly SessionKey[]): Promise<(SessionUser | undefined)[]>
  /**
   * Creates a session, if the user is active and still has the password hash and the generation that were checked. Returns when
   * the session ends, or undefined if the user was changed. One statement checks and inserts, so that the user cannot change in
   * between.
   */
  start(session: NewSession): Promise<SessionEnd | undefined>
  /**
   * Returns the user's sessions that have not ended, the most recently used first. Omits a session without refresh tokens after
   * its access token has expired, unless a socket of the session is open. The token is valid for `plainMs` milliseconds.
   */
  list(userId: number, plainMs: number): Promise<ListedSession[]>
  /** Ends a session of a user. Returns whether the session existed. */
  end(userId: number, sessionId: string): Promise<boolean>
  /** Ends every session and every access token of a user, by raising the generation of the user. */
  endAll(userId: number): Promise<void>
  /**
   * Stores the current time as the last use of the sessions, and extends those that have refresh tokens. Skips a session if its
   * last use was stored less than five minutes ago.
   */
  touch(sessionIds: readonly string[], lifetime: SessionLifetime): Promise<void>
  /**
   * Records that the owner of a session has authenticated again. Does nothing and returns false if the session was ended, if the
   * user is not active, or if the user no longer has the password hash and the generation that were checked.
   */
  prove(user: Pick<UserRecord, 'id' | 'hashedPassword' | 'generation'>, sessionId: string): Promise<boolean>
  /** Deletes at most `limit` sessions that have ended. Returns their number. */
  sweep(limit: number): Promise<number>
  /**
   * Ends the user's sessions whose `generation` is lower than that of the user. Ends further sessions until at most `max` are
   * left: first the sessions that `list` omits, then the least recently used sessions.
   */
  trim(userId: number, max: number, plainMs: number): Promise<void>
  /**
   * Returns the generation of a session that has not ended, and whose owner proved who they are within the last ten minutes.
   * Returns undefined if there is no such session.
   */
  provenGeneration(userId: number, sessionId: string): Promise<number | undefined>
}

/** Minimum time between two updates of a session's time of last use. */
const TOUCH = `interval '5 minutes'`

interface FoundRow {
  readonly at: number
  readonly id: number
  readonly username: string
  readonly hashed_password: string | null
  readonly display_name: string | null
  readonly external_id: string | null
  readonly created_ms: number
  readonly status: UserStatus
  readonly generation: number
  readonly role: UserRole
  readonly session_id: string | null
  readonly session_generation: number
  readonly is_touch_due: boolean
  readonly refresh_number: number | null
  readonly is_successor_used: boolean
}

/**
 * Returns the condition under which a session is listed. A session without refresh tokens is listed while its access token is
 * valid, or while one of its sockets is open. A recent last use shows that a socket is open, because an open socket updates
 * `last_used_at` every five minutes.
 */
const isListed = (createdAt: string, plainMs: string): string =>
  `(refresh_hash is not null or last_used_at > clock_timestamp() - interval '15 minutes'
    or ${createdAt} > clock_timestamp() - ${plainMs}::double precision * interval '1 millisecond')`

/** @internal */
export const createSessionsRepository = ({ query }: SqlClient, schema: string): SessionsRepository => {
  const inSchema = (table: string): string => `"${schema.replaceAll('"', '""')}"."${table}"`
  const [sessions, users] = [inSchema('sessions'), inSchema('users')]
  const find = `select asked.at::integer as at, owner.id, owner.username, owner.hashed_password, owner.display_name,
      owner.external_id, (extract(epoch from owner.created_at) * 1000)::double precision as created_ms, owner.status,
      owner.generation, owner.role, session.id as session_id, session.generation as session_generation,
      session.last_used_at < clock_timestamp() - ${TOUCH} as is_touch_due, session.refresh_number,
      session.successor_used_at is not null as is_successor_used
    from unnest($1::integer[], $2::text[]) with ordinality as asked (user_id, session_id, at)
    join ${users} as owner on owner.id = asked.user_id
    left join ${sessions} as session on session.id = asked.session_id and session.user_id = owner.id
      and session.expires_at > clock_timestamp()`
  // `for share` makes this statement wait for a transaction that is changing the user, and then check the changed user.
  const start = `with checked as (
      select id, generation from ${users}
      where id = $2 and hashed_password is not distinct from $3 and generation = $4 and status = 'active' for share
    )
    insert into ${sessions} (id, user_id, generation, expires_at, proven_at, device, address, is_cookie, is_remembered,
      refresh_number, refresh_hash, refresh_salt, refresh_mac_key, rotated_at)
    select $1, id, generation, clock_timestamp() + $5::double precision * interval '1 millisecond',
      case when $6::boolean then clock_timestamp() end, $7::text, $8::text, $9::boolean, $10::boolean,
      case when $11::text is not null then 1 end, $11::text, $12::text, $13::text,
      case when $11::text is not null then clock_timestamp() end
    from checked returning ${END}`
  const trim = `delete from ${sessions} where user_id = $1 and (
      generation < (select generation from ${users} where id = $1)
      or id in (select id from ${sessions} where user_id = $1 
        order by ${isListed('created_at', '$3')} desc, last_used_at desc, created_at desc offset $2)
    )`
  const proven = `select session.generation from ${sessions} as session join ${users} as owner on owner.id = session.user_id
    where session.id = $2 and owner.id = $1 and owner.status = 'active' and session.generation = owner.generation
      and session.expires_at > clock_timestamp() and session.proven_at > clock_timestamp() - ${PROOF}`

  const list = `select session.id, device, address,
      (extract(epoch from session.created_at) * 1000)::double precision as "createdAt",
      (extract(epoch from last_used_at) * 1000)::double precision as "lastUsedAt"
    from ${sessions} as session join ${users} as owner on owner.id = session.user_id
    where owner.id = $1 and session.generation = owner.generation and expires_at > clock_timestamp()
      and ${isListed('session.created_at', '$2')} order by last_used_at desc, session.created_at desc`
  const touch = `update ${sessions} set last_used_at = clock_timestamp(),
      expires_at = case when refresh_hash is null then expires_at else ${endOfUse('$2', '$3')} end
    where id = any($1::text[]) and last_used_at < clock_timestamp() - ${TOUCH} and expires_at > clock_timestamp()`
  const prove = `update ${sessions} as session set proven_at = clock_timestamp() from ${users} as owner
    where session.id = $4 and session.user_id = owner.id and session.generation = owner.generation
      and owner.id = $1 and owner.hashed_password is not distinct from $2 and owner.generation = $3
      and owner.status = 'active' returning 1 as one`
  const sweep = `delete from ${sessions} where id in (
      select id from ${sessions} where expires_at < clock_timestamp() limit $1 for update skip locked)
    returning 1 as one`

  return {
    async find(keys) {
      const found: (SessionUser | undefined)[] = keys.map(() => undefined)
      const params = [keys.map(({ userId }) => userId), keys.map(({ sessionId }) => sessionId ?? null)]
      for (const row of await query<FoundRow>(find, params)) found[row.at - 1] = sessionUserOf(row)
      return found
    },
    async start({ id, user, lifetimeMs, isProven, device = null, address = null, isCookie, isRemembered, refresh }) {
      const checked = [user.id, user.hashedPassword, user.generation]
      const tokens = [refresh?.hash ?? null, refresh?.salt ?? null, refresh?.macKey ?? null]
      const params = [id, ...checked, lifetimeMs, isProven, device, address, isCookie, isRemembered, ...tokens]
      const [row] = await query<EndRow>(start, params)
      return row && endOf(row)
    },
    list: (userId, plainMs) => query<ListedSession>(list, [userId, plainMs]),
    async end(userId, sessionId) {
      const text = `delete from ${sessions} where user_id = $1 and id = $2 returning 1 as one`
      return (await query(text, [userId, sessionId])).length > 0
    },
    async endAll(userId) {
      await query(`update ${users} set generation = generation + 1 where id = $1`, [userId])
    },
    async touch(sessionIds, { idleMs, maxMs }) {
      await query(touch, [sessionIds, idleMs, maxMs])
    },
    prove: async (user, sessionId) =>
      (await query(prove, [user.id, user.hashedPassword, user.generation, sessionId])).length > 0,
    sweep: async limit => (await query(sweep, [limit])).length,
    async trim(userId, max, plainMs) {
      await query(trim, [userId, max, plainMs])
    },
    provenGeneration: async (userId, sessionId) =>
      (await query<{ generation: number }>(proven, [userId, sessionId]))[0]?.generation
  }
}

const sessionUserOf = (row: FoundRow): SessionUser => ({
  user: {
    id: row.id,
    username: row.username,
    hashedPassword: row.hashed_password,
    displayName: row.display_name,
    externalId: row.external_id,
    createdAt: row.created_ms,
    status: row.status,
    generation: row.generation,
    role: row.role
  },
  session:
    row.session_id === null
      ? undefined
      : {
          id: row.session_id,
          generation: row.session_generation,
          isTouchDue: row.is_touch_due,
          refreshNumber: row.refresh_number,
          isSuccessorUsed: row.is_successor_used
        }
})
