/** Stores the sessions of users. The database's clock decides when a session ends. */
import type { SqlClient } from '../client/types.ts'
import type { UserRole, UserStatus } from '../tables.ts'
import type { UserRecord } from './users.ts'

/** The user of an access token, and the session that the token belongs to. */
export interface SessionUser {
  readonly user: UserRecord
  /** Absent if the token has no session, or if the session has ended. */
  readonly session: LiveSession | undefined
}

/** A session that has not ended by itself. It is still void if its `generation` is below that of its user. */
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

/** What the user must still be when a session begins. */
export type CheckedUser = Pick<UserRecord, 'id' | 'hashedPassword' | 'generation'>

export interface NewSession {
  readonly id: string
  readonly user: CheckedUser
  /** Time in milliseconds after which the session ends, unless it is used before. */
  readonly lifetimeMs: number
  readonly isProven: boolean
  readonly device: string | undefined
  readonly address: string | undefined
  readonly isCookie: boolean
  readonly isRemembered: boolean
  /** The first refresh token. Without it, the session ends with its access token. */
  readonly refresh?: { readonly hash: string; readonly salt: string; readonly macKey: string } | undefined
}

export interface SessionsRepository {
  /** Returns the users and sessions of access tokens, in the order of `keys`. Users that do not exist are undefined. */
  find(keys: readonly SessionKey[]): Promise<(SessionUser | undefined)[]>
  /**
   * Creates a session, if the user is active and still has the password hash and the generation that were checked. Returns
   * whether it did. One statement checks and inserts.
   */
  start(session: NewSession): Promise<boolean>
  /** Ends the user's least recently used sessions beyond the newest `max`, and those of an earlier generation. */
  trim(userId: number, max: number): Promise<void>
  /** Returns whether the session has not ended and its owner proved who they are within the last ten minutes. */
  isProven(userId: number, sessionId: string): Promise<boolean>
}

/** Time after which a use of a session is stored again. */
const TOUCH = `interval '5 minutes'`
/** Time for which a proof is accepted. */
const PROOF = `interval '10 minutes'`

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
  // The lock makes this statement wait for a transaction that changes the user, and check the user again after it.
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
    from checked returning id`
  const trim = `delete from ${sessions} where user_id = $1 and (
      generation < (select generation from ${users} where id = $1)
      or id in (select id from ${sessions} where user_id = $1 order by last_used_at desc, created_at desc offset $2)
    )`
  const proven = `select 1 as one from ${sessions} as session join ${users} as owner on owner.id = session.user_id
    where session.id = $2 and owner.id = $1 and owner.status = 'active' and session.generation = owner.generation
      and session.expires_at > clock_timestamp() and session.proven_at > clock_timestamp() - ${PROOF}`

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
      return (await query(start, params)).length > 0
    },
    async trim(userId, max) {
      await query(trim, [userId, max])
    },
    isProven: async (userId, sessionId) => (await query(proven, [userId, sessionId])).length > 0
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
