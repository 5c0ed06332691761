/** Starts sessions: inserts the row, limits their number, and issues the first tokens. */
import { randomBytes } from 'node:crypto'
import type { UserRecord } from '../../db/repositories/users.ts'
import { networkOf } from '../../lib/client-address.ts'
import type { AccessToken } from '../../protocol/http/users.ts'
import type { AccountsContext } from '../context.ts'
import type { LoginRequest } from '../login.ts'
import type { AccessTokens } from '../tokens/access-tokens.ts'

/** A session that has begun, with its first tokens. */
export interface StartedSession {
  readonly userId: number
  readonly sessionId: string
  readonly token: AccessToken
}

/**
 * Starts a session of a user who has been verified. Returns undefined if the user's password hash, status or generation has
 * changed since then.
 */
export type SessionStarter = (user: UserRecord, request: LoginRequest) => Promise<StartedSession | undefined>

export interface SessionStarterOptions {
  readonly context: AccountsContext
  readonly tokens: AccessTokens
  /** Maximum duration in milliseconds of a socket without `chat.v1`, which outlives its token. */
  readonly legacySocketMs: number
}

/** Maximum number of sessions per user. */
const MAX_SESSIONS = 100

export const createSessionStarter = ({ context, tokens, legacySocketMs }: SessionStarterOptions): SessionStarter => {
  // The row of a session without refresh tokens stays until no socket can be open that was opened with its access token.
  const plainLifetimeMs = tokens.lifetime * 1000 + legacySocketMs
  return (user, { client, options }) =>
    context.database.transaction(async repositories => {
      const id = randomBytes(16).toString('base64url')
      const isStarted = await repositories.sessions.start({
        id,
        user,
        lifetimeMs: plainLifetimeMs,
        isProven: true,
        device: client.agent,
        address: client.address,
        isCookie: options.cookie ?? false,
        isRemembered: options.remember ?? false
      })
      if (!isStarted) return undefined
      await repositories.sessions.trim(user.id, MAX_SESSIONS)
      const { address, agent } = client
      await repositories.knownNetworks.record(user.id, networkOf(address))
      await repositories.audit.record({ event: 'login', userId: user.id, sessionId: id, address, agent })
      return { userId: user.id, sessionId: id, token: tokens.issue(user, { id }) }
    })
}
