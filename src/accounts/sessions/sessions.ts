/** Refreshes, lists and ends sessions. */
import type { Repositories } from '../../db/database.ts'
import type { ListedSession } from '../../db/repositories/sessions.ts'
import type { CheckedUser } from '../../db/repositories/users.ts'
import type { ClientInfo } from '../context.ts'
import { badToken } from '../tokens/access-tokens.ts'
import { createRefresh, type PresentedToken, type Refresh, type RefreshOptions } from './refresh.ts'
import { hasMac, parseRefreshToken } from './refresh-token.ts'

/** A session that its user ends. */
export interface EndedSession {
  readonly userId: number
  readonly sessionId: string
  readonly client: ClientInfo
}

export interface Sessions {
  readonly refresh: Refresh
  /** Returns the user's sessions that have not ended, the most recently used first. */
  list(userId: number): Promise<ListedSession[]>
  /** Ends the session of a request. Returns false if the session has already ended. */
  end(session: EndedSession): Promise<boolean>
  /**
   * Ends another session of a user. Returns false if the user has no such session. Throws `invalid_token` if the user or the
   * session of the request was changed in the meantime.
   */
  endOther(owner: CheckedUser, sessionId: string, client: ClientInfo): Promise<boolean>
  /**
   * Ends the session of a refresh token. Returns false if the token belongs to no session, or if the session has already ended.
   */
  endByToken(presented: PresentedToken): Promise<boolean>
  /** Returns the id of the user of a refresh token, or undefined if the token belongs to no session. */
  userOf(token: string): Promise<number | undefined>
  /**
   * Ends every session and every access token of a user. Throws `invalid_token` if the user or the session of the request was
   * changed in the meantime.
   */
  endAll(owner: CheckedUser, client: ClientInfo): Promise<void>
  /** Stores the current time as the last use of sessions that have open connections. */
  touch(sessionIds: readonly string[]): Promise<void>
}

export const createSessions = (options: RefreshOptions): Sessions => {
  const { database } = options.context

  const endIn = async (
    { sessions, audit }: Pick<Repositories, 'sessions' | 'audit'>,
    { userId, sessionId, client }: EndedSession,
    event: 'logout' | 'session_ended'
  ): Promise<boolean> => {
    const isEnded = await sessions.end(userId, sessionId)
    if (isEnded) await audit.record({ event, userId, sessionId, ...client })
    return isEnded
  }

  const end: Sessions['end'] = session => database.transaction(repositories => endIn(repositories, session, 'logout'))

  const userOf: Sessions['userOf'] = async text => {
    const token = parseRefreshToken(text)
    const state = token && (await database.refreshTokens.find(token.sessionId))
    return state && hasMac(token, state) ? state.user.id : undefined
  }

  return {
    userOf,
    refresh: createRefresh(options),
    list: userId => database.sessions.list(userId, options.tokens.lifetime * 1000),
    end,
    endOther: (owner, sessionId, client) =>
      database.transaction(async repositories => {
        if (!(await repositories.users.lockActive(owner))) throw badToken()
        return endIn(repositories, { userId: owner.id, sessionId, client }, 'session_ended')
      }),
    async endByToken({ token: text, isCookie, client }) {
      const token = parseRefreshToken(text)
      const state = token && (await database.refreshTokens.find(token.sessionId))
      if (!state || state.isCookie !== isCookie || !hasMac(token, state)) return false
      return end({ userId: state.user.id, sessionId: token.sessionId, client })
    },
    endAll: (owner, client) =>
      database.transaction(async ({ users, sessions, audit }) => {
        if (!(await users.lockActive(owner))) throw badToken()
        await sessions.endAll(owner.id)
        await audit.record({ event: 'logout_all', userId: owner.id, ...client })
      }),
    touch: ids => database.sessions.touch(ids, options.lifetime)
  }
}
