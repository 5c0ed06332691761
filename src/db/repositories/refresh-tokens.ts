/** Stores the state of refresh tokens, in the row of their session. The database's clock measures all times. */
import type { SqlClient } from '../client/types.ts'
import type { UserRecord } from './users.ts'

/** The refresh tokens of a session that has not ended. */
export interface RefreshState {
  readonly user: Pick<UserRecord, 'id' | 'username' | 'generation' | 'status'>
  readonly generation: number
  readonly isCookie: boolean
  readonly isRemembered: boolean
  /** The number of the current token. */
  readonly number: number
  /** The SHA-256 of the secret of the current token. */
  readonly hash: string
  /** The SHA-256 of the secret of the previous token. */
  readonly previousHash: string | null
  readonly salt: string
  readonly macKey: string
  /** Whether the current token was issued less than 30 s ago. */
  readonly isRecent: boolean
  /** Whether the current token, or an access token that was issued with it, was first used at least 30 s ago. */
  readonly isSuccessorInUse: boolean
  readonly end: SessionEnd
}

/** When a session ends, unless the session is used before that time. */
export interface SessionEnd {
  /** Milliseconds from now. */
  readonly inMs: number
}

/** The lifetime of sessions, in milliseconds. */
export interface SessionLifetime {
  /** Maximum time in milliseconds after the last use. */
  readonly idleMs: number
  /** Maximum time in milliseconds after the login. */
  readonly maxMs: number
}

export interface RefreshTokensRepository {
  /** Returns the state of a session. Returns undefined if it has ended or has no refresh tokens. */
  find(sessionId: string): Promise<RefreshState | undefined>
  /** Like `find`, and locks the row of the session until the transaction ends. */
  lock(sessionId: string): Promise<RefreshState | undefined>
  /**
   * Stores the hash of the next token, and extends the session. Returns the new end of the session. Returns undefined if the
   * user was changed since the state was read.
   */
  rotate(sessionId: string, hash: string, lifetime: SessionLifetime): Promise<SessionEnd | undefined>
  /**
   * Stores that the token with this number is in use. Does nothing if that is already stored, or if the token is no longer the
   * current one.
   */
  markUsed(sessionId: string, number: number): Promise<void>
}

/**
 * The grace period of a refresh. A refresh with a current token that is younger than this period returns the same token again.
 * The previous token is accepted until this period has passed since the first use of the current token.
 */
const GRACE = `interval '30 seconds'`

interface StateRow extends EndRow {
  readonly user_id: number
  readonly username: string
  readonly user_generation: number
  readonly status: UserRecord['status']
  readonly generation: number
  readonly is_cookie: boolean
  readonly is_remembered: boolean
  readonly refresh_number: number
  readonly refresh_hash: string
  readonly previous_hash: string | null
  readonly refresh_salt: string
  readonly refresh_mac_key: string
  readonly is_recent: boolean
  readonly is_in_use: boolean
}

/**
 * Returns SQL for the end of a session that is used now. The parameters are the idle lifetime and the absolute lifetime of the
 * session.
 */
export const endOfUse = (idle: string, max: string): string =>
  `least(clock_timestamp() + ${idle}::double precision * interval '1 millisecond',
    created_at + ${max}::double precision * interval '1 millisecond')`

/** The SQL that selects an `EndRow`. */
export const END = '(extract(epoch from expires_at - clock_timestamp()) * 1000)::double precision as ends_in'

export interface EndRow {
  readonly ends_in: number
}

export const endOf = ({ ends_in }: EndRow): SessionEnd => ({ inMs: ends_in })

/** @internal */
export const createRefreshTokensRepository = (
  { query }: Pick<SqlClient, 'query'>,
  schema: string
): RefreshTokensRepository => {
  const inSchema = (table: string): string => `"${schema.replaceAll('"', '""')}"."${table}"`
  const [sessions, users] = [inSchema('sessions'), inSchema('users')]
  // Uses two statements, because the second one also sees what was committed while the first one waited for the lock.
  const lock = `select 1 as one from ${sessions} where id = $1 for update`
  const state = `select owner.id as user_id, owner.username, owner.generation as user_generation, owner.status,
      session.generation, is_cookie, is_remembered, refresh_number, refresh_hash, previous_hash, refresh_salt,
      refresh_mac_key, rotated_at > clock_timestamp() - ${GRACE} as is_recent,
      coalesce(successor_used_at <= clock_timestamp() - ${GRACE}, false) as is_in_use, ${END}
    from ${sessions} as session join ${users} as owner on owner.id = session.user_id
    where session.id = $1 and refresh_hash is not null and expires_at > clock_timestamp()`
  const rotate = `update ${sessions} as session set refresh_number = refresh_number + 1, refresh_hash = $2,
      previous_hash = refresh_hash, rotated_at = clock_timestamp(), successor_used_at = null,
      last_used_at = clock_timestamp(), expires_at = ${endOfUse('$3', '$4')}
    where id = $1 and exists (
      select from ${users} as owner
      where owner.id = user_id and owner.status = 'active' and owner.generation = session.generation
    ) returning ${END}`
  const markUsed = `update ${sessions} set successor_used_at = clock_timestamp()
    where id = $1 and refresh_number = $2 and successor_used_at is null`

  const find = async (sessionId: string): Promise<RefreshState | undefined> => {
    const [row] = await query<StateRow>(state, [sessionId])
    return row && stateOf(row)
  }

  return {
    find,
    lock: async sessionId => ((await query(lock, [sessionId])).length > 0 ? find(sessionId) : undefined),
    async rotate(sessionId, hash, { idleMs, maxMs }) {
      const [row] = await query<EndRow>(rotate, [sessionId, hash, idleMs, maxMs])
      return row && endOf(row)
    },
    async markUsed(sessionId, number) {
      await query(markUsed, [sessionId, number])
    }
  }
}

const stateOf = (row: StateRow): RefreshState => ({
  user: { id: row.user_id, username: row.username, generation: row.user_generation, status: row.status },
  generation: row.generation,
  isCookie: row.is_cookie,
  isRemembered: row.is_remembered,
  number: row.refresh_number,
  hash: row.refresh_hash,
  previousHash: row.previous_hash,
  salt: row.refresh_salt,
  macKey: row.refresh_mac_key,
  isRecent: row.is_recent,
  isSuccessorInUse: row.is_in_use,
  end: endOf(row)
})
