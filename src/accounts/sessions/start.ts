/** Starts sessions: inserts the row, limits the number of sessions per user, and issues the first tokens. */
import { randomBytes } from 'node:crypto'
import type { Repositories } from '../../db/database.ts'
import type { SessionEnd, SessionLifetime } from '../../db/repositories/refresh-tokens.ts'
import type { UserRecord } from '../../db/repositories/users.ts'
import { networkOf } from '../../lib/client-address.ts'
import type { AccessToken } from '../../protocol/http/users.ts'
import type { AccountsContext } from '../context.ts'
import type { LoginRequest } from '../login.ts'
import type { AccessTokens } from '../tokens/access-tokens.ts'
import { createRefreshKeys, hashOfSecret, hasMac, parseRefreshToken, refreshTokenOf } from './refresh-token.ts'

/** A session that has begun or was refreshed, with its tokens. */
export interface StartedSession {
  readonly userId: number
  readonly sessionId: string
  readonly token: AccessToken
  readonly refresh?: IssuedRefreshToken | undefined
}

export interface IssuedRefreshToken {
  readonly token: string
  readonly end: SessionEnd
  /** True if the token is sent in a cookie. */
  readonly isCookie: boolean
  /** True if the browser keeps the cookie when the browser is closed. */
  readonly isRemembered: boolean
}

/**
 * Starts a session of a verified user. Returns undefined if the user's `hashedPassword`, `status` or `generation` has changed
 * since the verification.
 */
export type SessionStarter = (user: UserRecord, request: LoginRequest) => Promise<StartedSession | undefined>

export interface SessionStarterOptions {
  readonly context: AccountsContext
  readonly tokens: AccessTokens
  readonly lifetime: SessionLifetime
  /**
   * Maximum duration in milliseconds of a socket without `chat.v1`. Such a socket may stay open after its token has expired.
   */
  readonly legacySocketMs: number
}

/** Maximum number of sessions per user. */
const MAX_SESSIONS = 100

export const createSessionStarter = (options: SessionStarterOptions): SessionStarter => {
  const { context, tokens, lifetime, legacySocketMs } = options
  // A session without refresh tokens lasts as long as its access token, plus the maximum duration of a socket that was opened
  // with that token.
  const plainMs = tokens.lifetime * 1000 + legacySocketMs
  const refreshableMs = Math.min(lifetime.idleMs, lifetime.maxMs)

  return (user, { client, options: { session, cookie = false, remember = true }, replaces }) =>
    context.database.transaction(async repositories => {
      const id = randomBytes(16).toString('base64url')
      const keys = session || cookie ? createRefreshKeys() : undefined
      const end = await repositories.sessions.start({
        id,
        user,
        lifetimeMs: keys ? refreshableMs : plainMs,
        isProven: true,
        device: client.agent,
        address: client.address,
        isCookie: cookie,
        isRemembered: cookie && remember,
        refresh: keys && { hash: hashOfSecret(keys.secret), salt: keys.salt, macKey: keys.macKey }
      })
      if (!end) return undefined
      await repositories.sessions.trim(user.id, MAX_SESSIONS, tokens.lifetime * 1000)
      if (replaces !== undefined) await endReplaced(repositories, replaces)
      const { address, agent } = client
      await repositories.knownNetworks.record(user.id, networkOf(address))
      await repositories.audit.record({ event: 'login', userId: user.id, sessionId: id, address, agent })
      if (!keys) return { userId: user.id, sessionId: id, token: tokens.issue(user, { id }) }
      const first = { sessionId: id, number: 1, secret: keys.secret }
      return {
        userId: user.id,
        sessionId: id,
        token: tokens.issue(user, { id, refreshNumber: 1, endsInMs: end.inMs }),
        refresh: {
          token: refreshTokenOf(first, keys),
          end,
          isCookie: cookie,
          isRemembered: cookie && remember
        }
      }
    })
}

/** Ends the session of the refresh token `text`, because the new session replaces it. Ignores an invalid or forged token. */
const endReplaced = async ({ refreshTokens, sessions }: Repositories, text: string): Promise<void> => {
  const token = parseRefreshToken(text)
  const state = token && (await refreshTokens.lock(token.sessionId))
  if (state && hasMac(token, state)) await sessions.end(state.user.id, token.sessionId)
}
