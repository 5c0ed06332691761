/** Refreshes, lists and ends sessions, and deletes those that have ended by themselves. */
import type { ListedSession } from '../../db/repositories/sessions.ts'
import type { ClientInfo } from '../context.ts'
import { createRefresh, type PresentedToken, type Refresh, type RefreshOptions } from './refresh.ts'
import { hasMac, parseRefreshToken } from './refresh-token.ts'

/** A session that its user ends, or all sessions if `sessionId` is absent. */
export interface EndedSession {
  readonly userId: number
  readonly sessionId: string
  readonly client: ClientInfo
}

export interface Sessions {
  readonly refresh: Refresh
  /** Returns the sessions of a user that have not ended, the most recently used first. */
  list(userId: number): Promise<ListedSession[]>
  /** Ends a session. `event` says who did. Returns false if the user has no such session. */
  end(session: EndedSession, event: 'logout' | 'session_ended'): Promise<boolean>
  /** Ends the session of a refresh token. Returns whether the token is one of a session. */
  endByToken(presented: PresentedToken): Promise<boolean>
  /** Ends every session and every access token of a user. */
  endAll(session: Omit<EndedSession, 'sessionId'>): Promise<void>
  /** Stores that sessions are in use, because they have open connections. */
  touch(sessionIds: readonly string[]): Promise<void>
  /** Deletes sessions that have ended. Called periodically. */
  sweep(): void
}

/** Maximum number of sessions that one statement of `sweep` deletes. */
const SWEPT_AT_ONCE = 1000

export const createSessions = (options: RefreshOptions): Sessions => {
  const { database, log } = options.context

  const end: Sessions['end'] = ({ userId, sessionId, client }, event) =>
    database.transaction(async ({ sessions, audit }) => {
      const isEnded = await sessions.end(userId, sessionId)
      if (isEnded) await audit.record({ event, userId, sessionId, ...client })
      return isEnded
    })

  return {
    refresh: createRefresh(options),
    list: userId => database.sessions.list(userId, options.tokens.lifetime * 1000),
    end,
    async endByToken({ token: text, isCookie, client }) {
      const token = parseRefreshToken(text)
      const state = token && (await database.refreshTokens.find(token.sessionId))
      if (!state || state.isCookie !== isCookie || !hasMac(token, state)) return false
      return end({ userId: state.user.id, sessionId: token.sessionId, client }, 'logout')
    },
    endAll: ({ userId, client }) =>
      database.transaction(async ({ sessions, audit }) => {
        await sessions.endAll(userId)
        await audit.record({ event: 'logout_all', userId, ...client })
      }),
    touch: ids => database.sessions.touch(ids, options.lifetime),
    sweep: () =>
      void database.sessions
        .sweep(SWEPT_AT_ONCE)
        .catch(err => log.warn({ err }, 'failed to delete sessions that have ended; retrying'))
  }
}
