/** Provides typed functions for the service's HTTP API. They reject only with a ChatApiError. */
import { type CallOptions, createCall } from './call.ts'
import type {
  AccessToken,
  Entry,
  EntryList,
  Log,
  Presence,
  ReactionList,
  RoomList,
  Room as RoomShown,
  SingleMessage,
  User
} from './protocol.ts'
import type { TextOptions } from './room-types.ts'

/**
 * Selects a page of a room's messages: up to `limit` (default 50, maximum 1,000) with a `seq` below `before`, above `after`, or
 * around `around`. Without them, selects the newest messages. With `after`, a page also contains the entries that are not
 * messages, unless `view` is `messages`.
 */
export interface HistoryRange {
  readonly before?: number
  readonly after?: number
  readonly around?: number
  readonly view?: 'messages'
  readonly limit?: number
}

export type ChatApiOptions = CallOptions

/** The functions of the HTTP API. Their comments list the main error codes. */
export interface ChatApi {
  /**
   * Registers a user. `invitation` is needed if the service registers only invited users. Errors: `username_taken` (409),
   * `validation_failed` (422, with `errors`), `rate_limited` (429).
   */
  register(
    username: string,
    password: string,
    options?: { readonly email?: string; readonly invitation?: string }
  ): Promise<User>
  /** Logs a user in. Errors: `invalid_credentials` (401), `rate_limited` (429). */
  login(username: string, password: string): Promise<AccessToken>
  /** Returns the authenticated user. */
  me(): Promise<User>
  /** Lists rooms, sorted by name. To get the next page, pass the `next` of the previous page as `after`. */
  rooms(page?: { readonly after?: string; readonly limit?: number }): Promise<RoomList>
  /** Creates a room. Errors: `room_taken` (409), `not_allowed` (403). */
  createRoom(room: string, title?: string): Promise<RoomShown>
  /** Returns a room. Error: `room_not_found` (404). The functions below can also reject with this error. */
  showRoom(room: string): Promise<RoomShown>
  /** Returns a page of a room's messages, oldest first. */
  history(room: string, range?: HistoryRange): Promise<EntryList>
  /**
   * Returns the entries after `after`, oldest first, in the form of frames: with the texts of edits, but without the reactions
   * to messages.
   */
  log(room: string, range?: Pick<HistoryRange, 'after' | 'limit'>): Promise<Log>
  /** Returns a message. Error: `message_not_found` (404). */
  message(room: string, seq: number): Promise<SingleMessage>
  /** Returns a page of the users who reacted to a message with a key. Error: `message_not_found` (404). */
  reactions(
    room: string,
    seq: number,
    key: string,
    range?: Pick<HistoryRange, 'after' | 'limit'>
  ): Promise<ReactionList>
  /**
   * Publishes a message. If a call is repeated with the same `nonce` (sent as Idempotency-Key), the service stores the message
   * once.
   */
  post(
    room: string,
    content: string,
    options?: TextOptions & { readonly nonce?: string; readonly replyTo?: number }
  ): Promise<Entry>
  /** Returns the number of users who are online in a room, and the users themselves if there are at most 100. */
  presence(room: string): Promise<Presence>
}

/** Creates the functions that call one service. */
export const createChatApi = (options: ChatApiOptions): ChatApi => {
  const call = createCall(options)
  const roomPath = (room: string): string => `/api/chat/rooms/${encodeURIComponent(room)}`
  return {
    register: (username, password, options = {}) =>
      call('POST', '/api/auth/register', { body: { username, password, ...options }, isPublic: true }),
    login: (username, password) => call('POST', '/api/auth/login', { body: { username, password }, isPublic: true }),
    me: () => call('GET', '/api/users/me'),
    rooms: (page = {}) => call('GET', '/api/chat/rooms', { query: page }),
    createRoom: (room, title) => call('POST', '/api/chat/rooms', { body: { room, title } }),
    showRoom: room => call('GET', roomPath(room)),
    history: (room, range = {}) => call('GET', `${roomPath(room)}/messages`, { query: range }),
    log: (room, range = {}) => call('GET', `${roomPath(room)}/log`, { query: range }),
    message: (room, seq) => call('GET', `${roomPath(room)}/messages/${seq}`),
    reactions: (room, seq, key, range = {}) =>
      call('GET', `${roomPath(room)}/messages/${seq}/reactions`, { query: { key, ...range } }),
    post: (room, content, { nonce, meta, mentions, replyTo } = {}) =>
      call('POST', `${roomPath(room)}/messages`, {
        body: { content, meta, mentions, reply_to: replyTo },
        headers: nonce === undefined ? {} : { 'idempotency-key': nonce }
      }),
    presence: room => call('GET', `${roomPath(room)}/presence`)
  }
}
