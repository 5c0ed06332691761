/**
 * Exchanges refresh tokens. All decisions are made while the session's row is locked, so that concurrent requests of several
 * tabs or processes get consistent results.
 */
import type { Repositories } from '../../db/database.ts'
import type { RefreshState, SessionEnd, SessionLifetime } from '../../db/repositories/refresh-tokens.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { AccountsContext, ClientInfo } from '../context.ts'
import { suspended } from '../login.ts'
import type { AccessTokens } from '../tokens/access-tokens.ts'
import { hashOfSecret, nextSecret, parseRefreshToken, type RefreshToken, refreshTokenOf } from './refresh-token.ts'
import { type Decision, decide } from './rotation.ts'
import type { StartedSession } from './start.ts'

/** A refresh token that a client presents. */
export interface PresentedToken {
  readonly token: string
  /**
   * True if the token was in a cookie. A token that was issued in a cookie is accepted only from a cookie, and any other token
   * only from a request body.
   */
  readonly isCookie: boolean
  readonly client: ClientInfo
}

export interface RefreshOptions {
  readonly context: AccountsContext
  readonly tokens: AccessTokens
  readonly lifetime: SessionLifetime
}

/**
 * Returns new tokens for a refresh token. Throws `invalid_refresh_token` or `account_suspended`. If the decision for the token
 * is `reused`, ends the session (see `Decision`).
 */
export type Refresh = (presented: PresentedToken) => Promise<StartedSession>

export const createRefresh = ({ context, tokens, lifetime }: RefreshOptions): Refresh => {
  const { database, mail } = context

  /** Ends a session whose token may have been copied, and notifies its user. */
  const end = async (repositories: Repositories, state: RefreshState, token: RefreshToken, client: ClientInfo) => {
    const { id: userId } = state.user
    const { sessionId } = token
    await repositories.sessions.end(userId, sessionId)
    const { address, agent } = client
    const detail = { presented: token.number, current: state.number }
    await repositories.audit.record({ event: 'refresh_reused', userId, sessionId, address, agent, detail })
    await mail.enqueue(repositories, { kind: 'session_reused', userId, params: {} })
  }

  /** Returns the refresh token to send, and its session's `SessionEnd`. Returns undefined if the user was changed meanwhile. */
  const exchange = async (repositories: Repositories, state: RefreshState, token: RefreshToken, how: Decision) => {
    const { sessionId } = token
    if (how === 'repeat') {
      await repositories.refreshTokens.markUsed(sessionId, token.number)
      return { ...token, end: state.end }
    }
    const secret = nextSecret(token.secret, state)
    const isNew = how === 'rotate'
    const end = isNew ? await repositories.refreshTokens.rotate(sessionId, hashOfSecret(secret), lifetime) : state.end
    return end && { sessionId, secret, number: token.number + 1, end }
  }

  return async ({ token: text, isCookie, client }) => {
    const token = parseRefreshToken(text)
    const refreshed =
      token &&
      (await database.transaction(async repositories => {
        const state = await repositories.refreshTokens.lock(token.sessionId)
        if (!state || state.isCookie !== isCookie) return undefined
        const how = decide(state, token)
        if (how === 'unknown') return undefined
        if (state.user.status === 'suspended') throw suspended()
        if (state.user.status !== 'active' || state.generation !== state.user.generation) return undefined
        if (how === 'reused') return end(repositories, state, token, client)
        const next = await exchange(repositories, state, token, how)
        return next && issued(tokens, state, next)
      }))
    if (refreshed) return refreshed
    throw new ChatError('invalid_refresh_token', 'The session has ended. Log in again.')
  }
}

const issued = (
  tokens: AccessTokens,
  state: RefreshState,
  next: Omit<RefreshToken, 'mac'> & { readonly end: SessionEnd }
): StartedSession => {
  const { sessionId, number, end } = next
  const { user, isCookie, isRemembered } = state
  return {
    userId: user.id,
    sessionId,
    token: tokens.issue(user, { id: sessionId, refreshNumber: number, endsInMs: end.inMs }),
    refresh: { token: refreshTokenOf(next, state), end, isCookie, isRemembered }
  }
}
