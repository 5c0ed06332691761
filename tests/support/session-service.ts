/**
 * Models the part of the service that issues and renews tokens, for tests of the SDK. An exchange of a refresh token can be
 * repeated. The reuse of an old token revokes its session. A test can make a request fail before or after the service handles
 * it, or replace its response by an error.
 */
import type { FetchLike, ResponseLike } from '../../client/src/index.ts'

interface Row {
  readonly id: string
  /** The number of the current refresh token. The token of session `s1` with number 2 is `s1.2`. */
  n: number
  isRevoked: boolean
  /** Whether an access token that was issued with the current refresh token has been used. */
  isUsed: boolean
}

interface Fault {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body?: unknown
}

const response = (status: number, body?: unknown, headers: Record<string, string> = {}): ResponseLike => ({
  ok: status < 300,
  status,
  headers: { get: name => headers[name] ?? null },
  text: async () => (body === undefined ? '' : JSON.stringify(body))
})

const refusal = () => response(401, { code: 'invalid_refresh_token', detail: 'The session has ended. Log in again.' })

/** Creates the model. `lifetime` is the lifetime of an access token in seconds. */
export const sessionService = ({ lifetime = 1800 } = {}) => {
  const rows = new Map<string, Row>()
  const calls: { readonly path: string; readonly body: Record<string, unknown>; readonly token: string | undefined }[] =
    []
  /** The cookie of the browser, which all tabs share. */
  let cookie: string | undefined
  let issued = 0
  let faults: ('lost' | 'offline' | Fault)[] = []

  const tokensOf = (row: Row, isCookie: boolean) => {
    const refresh = `${row.id}.${row.n}`
    if (isCookie) cookie = refresh
    return response(200, {
      access_token: `${row.id}:${row.n}:access-${++issued}`,
      token_type: 'bearer',
      expires_in: lifetime,
      session_id: row.id,
      refresh_expires_in: 1_209_600,
      ...(isCookie ? {} : { refresh_token: refresh })
    })
  }

  const logIn = (isCookie: boolean): ResponseLike => {
    const row: Row = { id: `s${rows.size + 1}`, n: 1, isRevoked: false, isUsed: false }
    rows.set(row.id, row)
    return tokensOf(row, isCookie)
  }

  /**
   * Exchanges a refresh token by the rules of the service, except those that depend on time. For the current token, returns a
   * new token. For the previous token, returns the current token, or revokes the session if `isUsed` is true. For an older
   * token, revokes the session.
   */
  const refresh = (given: unknown, isCookie: boolean): ResponseLike => {
    const [id = '', n = ''] = String(given).split('.')
    const row = rows.get(id)
    if (!row || row.isRevoked) return refusal()
    const age = row.n - Number(n)
    if (age > 1 || (age === 1 && row.isUsed)) {
      row.isRevoked = true
      return refusal()
    }
    if (age === 0) {
      row.n++
      row.isUsed = false
    }
    return tokensOf(row, isCookie)
  }

  const respond = (path: string, body: Record<string, unknown>): ResponseLike => {
    const isCookie = body.refresh_token === undefined && cookie !== undefined
    if (path === '/api/auth/refresh') return refresh(body.refresh_token ?? cookie, isCookie)
    if (path === '/api/auth/logout') {
      const row = rows.get(String(body.refresh_token ?? cookie).split('.')[0] ?? '')
      if (row) row.isRevoked = true
      if (isCookie) cookie = undefined
      return response(204)
    }
    if (path === '/api/auth/login' && body.password === 'needs-a-code') {
      return response(401, {
        code: 'second_factor_required',
        detail: 'Enter a code.',
        challenge: 'c1',
        methods: ['totp', 'recovery_code']
      })
    }
    return body.session || body.cookie
      ? logIn(body.cookie === true)
      : response(200, { access_token: 'plain', expires_in: lifetime })
  }

  const fetch: FetchLike = async (url, { body = '{}', headers }) => {
    const path = url.replace('http://chat.test', '')
    const fault = faults.shift()
    if (fault === 'offline') throw new TypeError('fetch failed')
    const given = JSON.parse(body)
    calls.push({ path, body: given, token: headers.authorization?.replace('Bearer ', '') })
    if (typeof fault === 'object') return response(fault.status ?? 503, fault.body ?? {}, fault.headers)
    const result = respond(path, given)
    if (fault === 'lost') throw new TypeError('fetch failed')
    return result
  }

  return {
    fetch,
    calls,
    get refreshes() {
      return calls.filter(({ path }) => path === '/api/auth/refresh').length
    },
    /** Sets the faults of the next requests, one fault per request. */
    fail(...next: typeof faults) {
      faults = [...next]
    },
    /** Exchanges a refresh token like a thief, and uses the new access token. */
    steal(token: string) {
      refresh(token, false)
      const row = rows.get(token.split('.')[0] ?? '')
      if (row) row.isUsed = true
    },
    /** Records that an access token was used, like a request or a socket of a real client. */
    use(accessToken: string) {
      const [id = '', n] = accessToken.split(':')
      const row = rows.get(id)
      if (row && row.n === Number(n)) row.isUsed = true
    },
    revoke(id: string) {
      const row = rows.get(id)
      if (row) row.isRevoked = true
    },
    isRevoked: (id: string) => rows.get(id)?.isRevoked
  }
}
