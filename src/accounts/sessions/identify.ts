/** Identifies the user and the session of an access token. Looks both up together, and caches them for half a second. */
import type { SessionKey, SessionsRepository, SessionUser } from '../../db/repositories/sessions.ts'
import type { UserRecord } from '../../db/repositories/users.ts'
import type { Clock } from '../../lib/clock.ts'
import { whenKnown } from '../../lib/when-known.ts'
import { suspended } from '../login.ts'
import { type AccessTokens, badToken } from '../tokens/access-tokens.ts'
import type { AccessClaims } from '../tokens/claims.ts'
import { createUserLookup } from '../user-lookup.ts'
import type { SessionUse } from './use.ts'

export interface Identity {
  readonly user: UserRecord
  /** The id of the session. Null for a token of another issuer, or of a release that had no sessions. */
  readonly sessionId: string | null
  /**
   * The generation of the session, or of the token if there is no session. If the user gets a higher generation (see
   * `UserRecord.generation`), the identity is no longer valid.
   */
  readonly generation: number
  /** Expiry of the token, in milliseconds since the epoch. */
  readonly expiresAt: number
  /** The time of the login at another issuer, in milliseconds since the epoch. Absent for a token of this service. */
  readonly authenticatedAt?: number
}

/**
 * Returns the identity of an access token. Throws `token_expired`, `invalid_token` or `account_suspended`. Synchronous if the
 * user and the session are cached.
 */
export type Identify = (token: string) => Identity | Promise<Identity>

export interface IdentifyOptions {
  readonly sessions: Pick<SessionsRepository, 'find'>
  readonly tokens: Pick<AccessTokens, 'verify'>
  readonly clock: Clock
  readonly use: SessionUse
}

export const createIdentify = ({ sessions, tokens, clock, use }: IdentifyOptions): Identify => {
  const lookUp = createUserLookup<string, SessionUser>(async keys => {
    const found = await sessions.find(keys.map(parsed))
    return new Map(keys.flatMap((key, at) => (found[at] ? [[key, found[at]]] : [])))
  }, clock.monotonic)

  return token => {
    const claims = tokens.verify(token)
    return whenKnown<SessionUser | undefined, Identity>(lookUp(keyOf(claims)), found => {
      const { user, generation } = checked(claims, found)
      if (found?.session) use(claims, found.session)
      return { user, sessionId: claims.sid ?? null, generation, expiresAt: claims.exp * 1000 }
    })
  }
}

/** Returns a cache key for the claims that identify a user and a session. */
const keyOf = ({ uid, sid = '' }: AccessClaims): string => `${uid} ${sid}`

const parsed = (key: string): SessionKey => {
  const [userId = '', sessionId] = key.split(' ', 2)
  return { userId: Number(userId), sessionId: sessionId || undefined }
}

/**
 * Returns the user and the generation of the session. Throws if the user or the session has ended, or if the user has a higher
 * generation than the session. A change of the password gives the user and the session that requested the change the same new
 * generation. So the access tokens of that session stay valid.
 */
const checked = (
  { sid, gen = 0 }: AccessClaims,
  found: SessionUser | undefined
): { readonly user: UserRecord; readonly generation: number } => {
  if (!found) throw badToken()
  const { user, session } = found
  if (user.status === 'suspended') throw suspended()
  const generation = sid === undefined ? gen : session?.generation
  if (user.status !== 'active' || generation === undefined || generation < user.generation) throw badToken()
  return { user, generation }
}
