/**
 * Keeps a user logged in. Renews the access token before it expires, once for all tabs and programs that share the session. A
 * failed renewal ends the session only if the service responds with 401 `invalid_refresh_token`. After any other failure, for
 * example of the network, the session continues.
 */
import { createBackoff } from './backoff.ts'
import { createCall } from './call.ts'
import { createEmitter } from './emitter.ts'
import { ChatApiError } from './errors.ts'
import { systemTimers } from './platform.ts'
import type { Session, SessionEnd, SessionEvents, SessionOptions, SessionState } from './session-types.ts'
import { createVault, type SessionTokens } from './session-vault.ts'
import type { TokenRequest } from './types.ts'

/** The response to a login or a refresh. In cookie mode, it has no `refresh_token`. */
interface LoginResponse {
  readonly access_token: string
  readonly expires_in: number
  readonly session_id?: string
  readonly refresh_token?: string
}

/** An access token is used until this many milliseconds before it expires. */
const MARGIN_MS = 10_000

const ENDS: { readonly [reason in SessionEnd]: string } = {
  refused: 'The session has ended. Log in again.',
  logged_out: 'The user has logged out. Log in again.',
  replaced: 'Another login has replaced the session.'
}

/** Creates a session. Does nothing until one of its functions is called. */
export const createSession = (options: SessionOptions): Session => {
  const { isCookieMode = false, timers = systemTimers, timing = {} } = options
  const events = createEmitter<SessionEvents>()
  const call = createCall({ ...options, timeout: timing.connect ?? 10_000 })
  const backoff = createBackoff(timers, { backoffBase: 500, backoffMax: 30_000, ...timing })
  let state: SessionState = { status: 'none' }
  let current: { readonly token: string; readonly endsAt: number } | undefined
  let pending: Promise<string> | undefined
  /**
   * The error of the last failed renewal. Until `until`, `token` sends no request, and behaves as if a request had failed with
   * this error. With the argument `previous`, `token` sends a request nevertheless, because such a caller waits between its
   * attempts.
   */
  let failure: { readonly error: ChatApiError; readonly until: number } | undefined

  /**
   * The tokens of a session that the user has logged out of. They are kept until the service confirms that the session has
   * ended.
   */
  let leaving: { readonly refreshToken: string | undefined; readonly bearer: string | undefined } | undefined

  const vault = createVault(options, tokens => {
    if (state.status !== 'active') return
    if (tokens.sessionId === undefined) end('logged_out')
    else if (tokens.sessionId !== state.id) end('replaced')
    else use(tokens)
  })

  const setState = (next: SessionState): void => {
    state = next
    events.emit('state', next)
  }

  const end = (reason: SessionEnd): ChatApiError => {
    current = undefined
    const detail = ENDS[reason]
    if (state.status !== 'ended') setState({ status: 'ended', reason, detail })
    return endedError(detail)
  }

  const use = ({ accessToken, expiresAt = 0, sessionId }: SessionTokens): void => {
    if (accessToken !== undefined)
      current = { token: accessToken, endsAt: timers.monotonic() + expiresAt - timers.now() }
    if (state.status !== 'active' || state.id !== sessionId) setState({ status: 'active', id: sessionId })
  }

  const tokensOf = (response: LoginResponse): SessionTokens => ({
    accessToken: response.access_token,
    expiresAt: timers.now() + response.expires_in * 1000,
    ...(response.session_id === undefined ? {} : { sessionId: response.session_id }),
    ...(response.refresh_token === undefined ? {} : { refreshToken: response.refresh_token })
  })

  const isUsable = (stale: string | undefined): boolean =>
    current !== undefined && current.token !== stale && current.endsAt - timers.monotonic() > MARGIN_MS

  /** Returns a token other than `stale`. Runs under the lock, so that only one tab renews the token. */
  const renew = async (stale: string | undefined): Promise<string> => {
    const kept = await vault.read()
    if (!kept) throw state.status === 'active' ? end('logged_out') : endedError('Nobody is logged in. Log in first.')
    if (state.status === 'active' && kept.sessionId !== state.id) throw end('replaced')
    if (kept.accessToken !== undefined && kept.accessToken !== current?.token) {
      use(kept)
      if (current && isUsable(stale)) return current.token
    }
    const tokens = await refreshed(kept)
    // If the browser froze this tab during the request, the tab lost the lock. Another tab may then have replaced or removed
    // the tokens. So the state and the tokens are checked again.
    if (state.status === 'ended') throw endedError(state.detail)
    if (!isSame(await vault.read(), kept)) return renew(stale)
    if (!tokens) {
      await vault.remove(false)
      throw end('refused')
    }
    await vault.write(tokens)
    if (state.status === 'active' && tokens.sessionId !== state.id) throw end('replaced')
    use(tokens)
    return String(tokens.accessToken)
  }

  /** Returns new tokens, or undefined if the service refuses the refresh token. */
  const refreshed = async ({ refreshToken }: SessionTokens): Promise<SessionTokens | undefined> => {
    const body = isCookieMode ? {} : { refresh_token: refreshToken }
    // A service without sessions issues no refresh token, so its access token can't be renewed.
    if (!isCookieMode && refreshToken === undefined) return undefined
    try {
      const response = await call<LoginResponse>('POST', '/api/auth/refresh', { body, isPublic: true })
      backoff.reset()
      failure = undefined
      return tokensOf(response)
    } catch (error) {
      if (!isEnd(error)) throw error
      return undefined
    }
  }

  const request = async (stale: string | undefined): Promise<string> => {
    try {
      return await vault.lock(() => renew(stale))
    } catch (cause) {
      const error = isEnd(cause) ? cause : temporary(cause)
      const wait = error.status === 429 || error.status >= 500 ? backoff.next(error.retryAfterMs) : 0
      failure = { error, until: timers.monotonic() + wait }
      throw error
    }
  }

  const token = async ({ previous, isRefused = false }: Partial<TokenRequest> = {}): Promise<string> => {
    if (state.status === 'ended') throw endedError(state.detail)
    if (current && isUsable(previous)) return current.token
    try {
      if (previous === undefined && failure && timers.monotonic() < failure.until) throw failure.error
      pending ??= request(previous ?? current?.token).finally(() => {
        pending = undefined
      })
      return await pending
    } catch (error) {
      const isValid = current !== undefined && !isRefused && current.endsAt > timers.monotonic()
      if (current && isValid && !isEnd(error)) return current.token
      throw error
    }
  }

  const begin = async (path: string, body: object, shouldRemember = true): Promise<void> => {
    const wanted = isCookieMode ? { cookie: true, remember: shouldRemember } : { session: true }
    const response = await call<LoginResponse>('POST', path, { body: { ...body, ...wanted }, isPublic: true })
    const tokens = tokensOf(response)
    failure = leaving = undefined
    await vault
      .lock(() => vault.write(tokens))
      .catch(cause => {
        throw temporary(cause)
      })
    use(tokens)
  }

  const logOut = async (): Promise<void> => {
    let problem: ChatApiError | undefined
    const keep = (cause: unknown): undefined => {
      problem = temporary(cause)
    }
    const kept = await vault.read().catch(keep)
    leaving = {
      refreshToken: kept?.refreshToken ?? leaving?.refreshToken,
      bearer: current?.token ?? leaving?.bearer
    }
    await vault.remove(true).catch(keep)
    end('logged_out')
    try {
      await call('POST', '/api/auth/logout', {
        body: leaving.refreshToken === undefined ? {} : { refresh_token: leaving.refreshToken },
        // In cookie mode, the access token is not sent. With the token, the service would end the token's session and not the
        // cookie's session.
        headers: isCookieMode || leaving.bearer === undefined ? {} : { authorization: `Bearer ${leaving.bearer}` },
        isPublic: true
      })
    } catch (error) {
      if (!(error instanceof ChatApiError) || error.status !== 401) throw error
      // A 401 means that the session has already ended, or that no token was sent because the storage failed. In the second case,
      // `problem` is the error of the storage.
      if (problem) throw problem
    }
    leaving = undefined
  }

  return {
    get state() {
      return state
    },
    token,
    logIn: ({ username, password, shouldRemember }) => begin('/api/auth/login', { username, password }, shouldRemember),
    logInWithCode: ({ challenge, code }) => begin('/api/auth/totp/login', { challenge, code }),
    logInWithPasskey: ({ challenge, response, shouldRemember }) =>
      begin('/api/auth/passkeys/login', { challenge, response }, shouldRemember),
    async restore() {
      if (state.status === 'ended') setState({ status: 'none' })
      try {
        await token()
        return true
      } catch (error) {
        if (isEnd(error)) return false
        throw error
      }
    },
    logOut: () => vault.lock(logOut),
    on: events.on
  }
}

const isSame = (one: SessionTokens | undefined, other: SessionTokens): boolean =>
  one?.refreshToken === other.refreshToken &&
  one?.accessToken === other.accessToken &&
  one?.sessionId === other.sessionId

const isEnd = (error: unknown): error is ChatApiError =>
  error instanceof ChatApiError && error.status === 401 && error.code === 'invalid_refresh_token'

/** Creates the error for a session that can't be continued. A client that gets this 401 goes `offline` (`unauthorized`). */
const endedError = (detail: string): ChatApiError =>
  new ChatApiError({ status: 401, code: 'invalid_refresh_token', detail })

/**
 * Returns the error for a failure that does not end the session, for example of the storage. A status of 401, for example from a
 * proxy, is replaced by 0, because the client would go offline after a 401.
 */
const temporary = (cause: unknown): ChatApiError => {
  if (cause instanceof ChatApiError && cause.status !== 401) return cause
  return new ChatApiError({
    status: 0,
    code: 'no_token',
    detail: cause instanceof ChatApiError ? cause.detail : 'The stored session could not be read or written.',
    cause
  })
}
