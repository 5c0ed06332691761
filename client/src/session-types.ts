/** The public types of sessions: options, state, and the functions that start, renew and end a session. */
import type { FetchLike, Timers } from './platform.ts'
import type { Storage, Timing, TokenRequest, WebStorage } from './types.ts'

/**
 * - `none`: nobody is logged in, or a stored session has not been read yet.
 * - `active`: `token()` returns access tokens. `id` is the id of the session; undefined if the service has no sessions.
 * - `ended`: the session can't be continued, and `reason` is why. The user has to log in again.
 */
export type SessionState =
  | { readonly status: 'none' }
  | { readonly status: 'active'; readonly id: string | undefined }
  | { readonly status: 'ended'; readonly reason: SessionEnd; readonly detail: string }

/**
 * `refused`: the service refused the refresh token, because the session expired or was revoked. `logged_out`: `logOut()` was
 * called, here or by another tab or program with the same storage. `replaced`: another login, maybe of another user, has
 * replaced this session in the cookie or the storage. To continue with that session, create a new object and call `restore()`.
 */
export type SessionEnd = 'refused' | 'logged_out' | 'replaced'

/**
 * Runs `work` and returns its result. First waits until all other tabs and programs that share the session have finished their
 * work.
 */
export type SessionLock = <Result>(work: () => Promise<Result>) => Promise<Result>

/** The options of a session. Only `url` is required. */
export interface SessionOptions {
  /** The URL of the service, including its path prefix if it has one. */
  readonly url: string
  /**
   * The storage of the tokens, so that the session survives a restart of the app. Anybody who reads the tokens can act as the
   * user. Default: in memory.
   */
  readonly storage?: Storage | WebStorage
  /** The key in `storage`, and the name of the lock. Default: `fastify-chat:session`. */
  readonly storageKey?: string
  /**
   * True if the refresh token is a cookie that no script can read. Possible only on pages that the service itself serves from the
   * same origin. In this mode, `storage` is not used.
   */
  readonly isCookieMode?: boolean
  /**
   * Replaces the lock. Default: Web Locks if the platform has them and the session is shared. Otherwise, a lock within this
   * program.
   */
  readonly lock?: SessionLock
  readonly fetch?: FetchLike
  readonly timers?: Timers
  readonly timing?: Partial<Pick<Timing, 'backoffBase' | 'backoffMax' | 'connect'>>
}

export interface Credentials {
  readonly username: string
  readonly password: string
  /** True if the browser keeps the cookie when the browser is closed. Used only in cookie mode. Default: true. */
  readonly shouldRemember?: boolean
}

export interface SessionEvents {
  /** The state of the session changed. */
  state: SessionState
}

/**
 * The session of one user: logs in, keeps the access token current, and logs out. The functions reject with a ChatApiError. A
 * login whose tokens can't be stored rejects with the error of the storage.
 */
export interface Session {
  readonly state: SessionState
  /**
   * Returns an access token. Renews the token if it expires within ten seconds. If the renewal fails, returns the current
   * token as long as it is valid. Pass this function to `createChatClient` and `createChatApi` as the option `token`. Rejects
   * with status 401 if nobody is logged in or the session has ended. After any other error, for example `unavailable`,
   * `rate_limited` or `network_error`, the session continues: call `token` again later.
   */
  token(request?: TokenRequest): Promise<string>
  /**
   * Logs in. Errors: `invalid_credentials` (401); `second_factor_required` (401), with a `challenge` and the `methods` that the
   * user has; `email_not_verified` (403), with a `challenge`; `account_suspended` (403); `rate_limited` (429).
   */
  logIn(credentials: Credentials): Promise<void>
  /** Continues a login with the code of an authenticator app or a recovery code. Error: `invalid_code` (401). */
  logInWithCode(step: { readonly challenge: string; readonly code: string }): Promise<void>
  /** Logs in with the response of a passkey. `challenge` comes from `passkeyLoginOptions` of the account API. */
  logInWithPasskey(step: {
    readonly challenge: string
    readonly response: object
    readonly shouldRemember?: boolean
  }): Promise<void>
  /**
   * Continues the session that is in the storage or in the cookie. Returns false if there is none, or if the service refuses its
   * refresh token. Rejects if a new token is needed and the service can't be reached. In this case, the stored session is kept,
   * and `token()` tries again.
   */
  restore(): Promise<boolean>
  /**
   * Ends the session and removes its tokens. Rejects if the service did not confirm that the session has ended. In this case,
   * call `logOut` again.
   */
  logOut(): Promise<void>
  on<Name extends keyof SessionEvents>(event: Name, listener: (value: SessionEvents[Name]) => void): () => void
}
