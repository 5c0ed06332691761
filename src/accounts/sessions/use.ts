/** Stores the use of sessions: the time of the last use, and the first use of a new refresh token. */
import { LruMap } from 'toad-cache'
import type { RefreshTokensRepository, SessionLifetime } from '../../db/repositories/refresh-tokens.ts'
import type { LiveSession, SessionsRepository } from '../../db/repositories/sessions.ts'
import { createBatch } from '../../lib/batch.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import type { AccessClaims } from '../tokens/claims.ts'

export interface SessionUseOptions {
  readonly sessions: Pick<SessionsRepository, 'touch'>
  readonly refreshTokens: Pick<RefreshTokensRepository, 'markUsed'>
  readonly lifetime: SessionLifetime
  readonly clock: Clock
  readonly log: Log
}

/** Records that an access token of a session was used. Does not wait for the database. */
export type SessionUse = (claims: AccessClaims, session: LiveSession) => void

/**
 * Minimum time in milliseconds between two writes for the same session and token. A failed write is not repeated within this
 * time.
 */
const REPEAT_MS = 5000
const MAX_REMEMBERED = 10_000

export const createSessionUse = ({ sessions, refreshTokens, lifetime, clock, log }: SessionUseOptions): SessionUse => {
  const written = new LruMap<number>(MAX_REMEMBERED)
  const touch = createBatch<string, true>(async ids => {
    await sessions.touch(ids, lifetime)
    return new Map<string, true>()
  })

  /** Returns whether this is the first call for a key within `REPEAT_MS`. */
  const isFirst = (key: string): boolean => {
    const now = clock.monotonic()
    const at = written.get(key)
    if (at !== undefined && now - at < REPEAT_MS) return false
    written.set(key, now)
    return true
  }
  const failed = (err: unknown): void => log.warn({ err }, 'failed to store the use of a session; retrying')

  return ({ rtn }, { id, isTouchDue, refreshNumber, isSuccessorUsed }) => {
    if (isTouchDue && isFirst(id)) touch(id).catch(failed)
    // The stored use limits how long the previous refresh token is accepted. The first refresh token of a session has no
    // previous token, so its use is not stored.
    const isSuccessor = rtn !== undefined && rtn > 1 && rtn === refreshNumber && !isSuccessorUsed
    if (isSuccessor && isFirst(`${id} ${rtn}`)) refreshTokens.markUsed(id, rtn).catch(failed)
  }
}
