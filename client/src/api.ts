/** The service's HTTP calls, typed. Every one rejects with a ChatApiError and with nothing else. */
import { ChatApiError, type ChatApiErrorOptions } from './errors.ts'
import type { FetchLike, ResponseLike, Timers } from './platform.ts'
import { systemTimers } from './platform.ts'
import type { AccessToken, Entry, EntryList, Presence, RoomList, Room as RoomShown, User } from './protocol.ts'

/** A page of a room's log: the newest `limit` (default 50, at most 1,000), those before a `seq`, or those after it. */
export interface HistoryRange {
  readonly before?: number
  readonly after?: number
  readonly limit?: number
}

export interface ChatApiOptions {
  /** Where the service is, with its prefix if it has one. */
  readonly url: string
  /** The access token, for every call but `register` and `login`. */
  readonly token?: string | (() => string | undefined | Promise<string | undefined>)
  readonly fetch?: FetchLike
  /** Milliseconds that a call may take: 10,000. */
  readonly timeout?: number
  readonly timers?: Timers
}

/** The calls. */
export interface ChatApi {
  /** `username_taken` (409), `validation_failed` (422, with `errors`), `rate_limited` (429). */
  register(username: string, password: string): Promise<User>
  /** `invalid_credentials` (401), `rate_limited` (429). */
  login(username: string, password: string): Promise<AccessToken>
  /** Who the token stands for. */
  me(): Promise<User>
  /** Rooms by name; the next page is `after` the last one's name. */
  rooms(page?: { readonly after?: string; readonly limit?: number }): Promise<RoomList>
  /** `room_taken` (409), `not_allowed` (403). */
  createRoom(room: string, title?: string): Promise<RoomShown>
  /** `room_not_found` (404), like all that follow. */
  showRoom(room: string): Promise<RoomShown>
  /** A part of a room's log, oldest first. */
  history(room: string, range?: HistoryRange): Promise<EntryList>
  /** Posts a message; with a `nonce` (sent as Idempotency-Key) once, however often it is called. */
  post(
    room: string,
    content: string,
    options?: { readonly nonce?: string; readonly meta?: Record<string, unknown> }
  ): Promise<Entry>
  /** Who is there; above 100 people only how many. */
  presence(room: string): Promise<Presence>
}

interface Call {
  readonly body?: object
  readonly query?: object
  readonly headers?: Record<string, string>
  readonly isPublic?: boolean
}

/** Makes the calls of one service. */
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

  return async <Answer>(
    method: string,
    path: string,
    { body, query, headers, isPublic }: Call = {}
  ): Promise<Answer> => {
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
        ? new ChatApiError({ status: 0, code: 'timeout', detail: 'The service did not answer in time.', cause })
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
    throw new ChatApiError({ status: 0, code: 'no_token', detail: 'No access token could be got.', cause })
  }
}

const queryOf = (query: object = {}): string => {
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  return given.length === 0
    ? ''
    : `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))}`
}

/** What an answer that isn't 2xx says; a proxy's own page says no more than its status. */
const problemOf = ({ status, headers }: ResponseLike, text: string): ChatApiErrorOptions => {
  const problem = parse(text)
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return {
    status,
    code: typeof problem.code === 'string' ? problem.code : status >= 500 ? 'unavailable' : 'bad_request',
    detail: typeof problem.detail === 'string' ? problem.detail : `The service answered ${status}.`,
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
