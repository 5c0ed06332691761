/** Provides typed functions for the service's HTTP API. They reject only with a ChatApiError. */
import { ChatApiError, type ChatApiErrorOptions } from './errors.ts'
import type { FetchLike, ResponseLike, Timers } from './platform.ts'
import { systemTimers } from './platform.ts'
import type { AccessToken, Entry, EntryList, Presence, RoomList, Room as RoomShown, User } from './protocol.ts'

/**
 * Selects a page of a room's log: up to `limit` entries (default 50, maximum 1,000) with a `seq` below `before` or above
 * `after`. Without `before` and `after`, selects the newest entries.
 */
export interface HistoryRange {
  readonly before?: number
  readonly after?: number
  readonly limit?: number
}

export interface ChatApiOptions {
  /** The URL of the service, including its path prefix if it has one. */
  readonly url: string
  /** The access token, or a function that returns it. `register` and `login` need no token. */
  readonly token?: string | (() => string | undefined | Promise<string | undefined>)
  readonly fetch?: FetchLike
  /** Timeout in milliseconds for a call. Default: 10,000. */
  readonly timeout?: number
  readonly timers?: Timers
}

/** The functions of the HTTP API. Their comments list the main error codes. */
export interface ChatApi {
  /** Registers a user. Errors: `username_taken` (409), `validation_failed` (422, with `errors`), `rate_limited` (429). */
  register(username: string, password: string): Promise<User>
  /** Logs a user in. Errors: `invalid_credentials` (401), `rate_limited` (429). */
  login(username: string, password: string): Promise<AccessToken>
  /** Returns the authenticated user. */
  me(): Promise<User>
  /** Lists rooms, sorted by name. To get the next page, pass the `next` of the previous page as `after`. */
  rooms(page?: { readonly after?: string; readonly limit?: number }): Promise<RoomList>
  /** Creates a room. Errors: `room_taken` (409), `not_allowed` (403). */
  createRoom(room: string, title?: string): Promise<RoomShown>
  /** Returns a room. Error: `room_not_found` (404), which the functions below can also cause. */
  showRoom(room: string): Promise<RoomShown>
  /** Returns a page of a room's log, oldest entry first. */
  history(room: string, range?: HistoryRange): Promise<EntryList>
  /**
   * Publishes a message. If a call is repeated with the same `nonce` (sent as Idempotency-Key), the service stores the message
   * once.
   */
  post(
    room: string,
    content: string,
    options?: { readonly nonce?: string; readonly meta?: Record<string, unknown> }
  ): Promise<Entry>
  /** Returns the number of users who are online in a room, and the users themselves if there are at most 100. */
  presence(room: string): Promise<Presence>
}

interface Call {
  readonly body?: object
  readonly query?: object
  readonly headers?: Record<string, string>
  readonly isPublic?: boolean
}

/** Creates the functions that call one service. */
export const createChatApi = (options: ChatApiOptions): ChatApi => {
  const call = createCall(options)
  const roomPath = (room: string): string => `/api/chat/rooms/${encodeURIComponent(room)}`
  return {
    register: (username, password) =>
      call('POST', '/api/auth/register', { body: { username, password }, isPublic: true }),
    login: (username, password) => call('POST', '/api/auth/login', { body: { username, password }, isPublic: true }),
    me: () => call('GET', '/api/users/me'),
    rooms: (page = {}) => call('GET', '/api/chat/rooms', { query: page }),
    createRoom: (room, title) => call('POST', '/api/chat/rooms', { body: { room, title } }),
    showRoom: room => call('GET', roomPath(room)),
    history: (room, range = {}) => call('GET', `${roomPath(room)}/messages`, { query: range }),
    post: (room, content, { nonce, meta } = {}) =>
      call('POST', `${roomPath(room)}/messages`, {
        body: { content, meta },
        headers: nonce === undefined ? {} : { 'idempotency-key': nonce }
      }),
    presence: room => call('GET', `${roomPath(room)}/presence`)
  }
}

const createCall = ({ url, token, fetch, timeout = 10_000, timers = systemTimers }: ChatApiOptions) => {
  const base = url.replace(/\/+$/, '')
  const send: FetchLike = fetch ?? ((target, init) => globalThis.fetch(target, init))

  return async <Body>(method: string, path: string, { body, query, headers, isPublic }: Call = {}): Promise<Body> => {
    const bearer = isPublic ? undefined : await tokenOf(token)
    const abort = new AbortController()
    const stop = timers.after(timeout, () => abort.abort())
    try {
      const response = await send(base + path + queryOf(query), {
        method,
        headers: {
          accept: 'application/json',
          ...(body ? { 'content-type': 'application/json' } : {}),
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
          ...headers
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
        signal: abort.signal
      })
      const text = await response.text()
      if (!response.ok) throw new ChatApiError(problemOf(response, text))
      return JSON.parse(text)
    } catch (cause) {
      if (cause instanceof ChatApiError) throw cause
      throw abort.signal.aborted
        ? new ChatApiError({
            status: 0,
            code: 'timeout',
            detail: 'The service did not respond in time. Try again.',
            cause
          })
        : new ChatApiError({ status: 0, code: 'network_error', detail: 'The service cannot be reached.', cause })
    } finally {
      stop()
    }
  }
}

const tokenOf = async (token: ChatApiOptions['token']): Promise<string | undefined> => {
  try {
    return typeof token === 'function' ? await token() : token
  } catch (cause) {
    if (cause instanceof ChatApiError) throw cause
    throw new ChatApiError({ status: 0, code: 'no_token', detail: 'The app could not get an access token.', cause })
  }
}

const queryOf = (query: object = {}): string => {
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  return given.length === 0
    ? ''
    : `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))}`
}

/**
 * Returns the options of the error for a response that isn't 2xx. If the body is not a problem document, for example because a
 * proxy sent it, the status determines the code.
 */
const problemOf = ({ status, headers }: ResponseLike, text: string): ChatApiErrorOptions => {
  const problem = parse(text)
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return {
    status,
    code: typeof problem.code === 'string' ? problem.code : status >= 500 ? 'unavailable' : 'bad_request',
    detail: typeof problem.detail === 'string' ? problem.detail : `The service responded with status ${status}.`,
    ...(Array.isArray(problem.errors) ? { errors: problem.errors } : {}),
    ...(typeof problem.instance === 'string' ? { instance: problem.instance } : {}),
    ...(Number.isFinite(seconds) ? { retryAfterMs: seconds * 1000 } : {})
  }
}

const parse = (text: string): Record<string, unknown> => {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}
