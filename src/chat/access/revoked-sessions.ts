/**
 * Remembers which sessions were revoked recently, and which users got a new generation (see `Principal.generation`). A request
 * or a WebSocket upgrade that looked up its user before a revocation usually ends while the revocation is remembered, so it can
 * still be rejected.
 */
import type { Changes } from '../../db/database.ts'
import type { Clock } from '../../lib/clock.ts'
import { CLOSE, type CloseCode } from '../../protocol/close-codes.ts'
import type { Principal } from './authorize.ts'

export type Revoked = Pick<Changes, 'revokedSessions' | 'revokedUsers'>

type RevokedUser = Changes['revokedUsers'][number]

/**
 * The effect of recent revocations on a principal. Either its connections must be closed with a code, or the principal is still
 * valid and has a new generation. Undefined if there is no effect.
 */
export type Standing = { readonly close: CloseCode } | { readonly generation: number } | undefined

export interface RevokedSessions {
  add(revoked: Revoked): void
  /** Returns the effect of the recent revocations on a principal. */
  standingOf(principal: Principal): Standing
  close(): void
}

/** Minimum time in milliseconds for which a revocation is remembered. */
const REMEMBER_MS = 30_000

export const createRevokedSessions = (clock: Clock): RevokedSessions => {
  let sessions = new Set<string>()
  let sessionsBefore = new Set<string>()
  let users = new Map<number, RevokedUser>()
  let usersBefore = new Map<number, RevokedUser>()

  const stop = clock.every(REMEMBER_MS, () => {
    ;[sessionsBefore, usersBefore] = [sessions, users]
    ;[sessions, users] = [new Set(), new Map()]
  })

  return {
    add({ revokedSessions, revokedUsers }) {
      for (const id of revokedSessions) sessions.add(id)
      for (const user of revokedUsers) users.set(user.id, user)
    },
    standingOf(principal) {
      const { userId, sessionId } = principal
      const user = users.get(userId) ?? usersBefore.get(userId)
      // A suspended user's sessions have ended too, so the status is checked first. The client of a suspended user must receive
      // `notAllowed`, so that the client does not reconnect.
      if (user?.status === 'suspended') return { close: CLOSE.notAllowed }
      const isEnded = sessionId != null && (sessions.has(sessionId) || sessionsBefore.has(sessionId))
      if (isEnded) return { close: CLOSE.tokenExpired }
      return user && standingAfter(user, principal)
    },
    close: stop
  }
}

/**
 * Returns the effect that the revocation of all sessions of a user has on a principal. Compares generations and not times. A
 * session that began after the revocation already has the new generation and stays valid. A session that was kept, for example
 * the one that changed the password, receives the new generation.
 */
const standingAfter = (
  { status, generation, keptSessions }: RevokedUser,
  { sessionId, generation: known = 0 }: Principal
): Standing => {
  if (status !== 'active') return { close: CLOSE.tokenExpired }
  if (known >= generation) return undefined
  return sessionId != null && keptSessions.includes(sessionId) ? { generation } : { close: CLOSE.tokenExpired }
}
