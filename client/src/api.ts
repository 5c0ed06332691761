/** Provides typed functions for the service's HTTP API. They reject only with a ChatApiError. */
import { type CallOptions, createCall } from './call.ts'
import type {
  AccessToken,
  Entry,
  EntryList,
  InboxPage,
  Log,
  Member,
  MemberList,
  Presence,
  ReactionList,
  ReadState,
  RoomList,
  Room as RoomShown,
  SingleMessage,
  User,
  UserList
} from './protocol.ts'
import type { RoomSettings, TextOptions } from './room-types.ts'

/**
 * Selects a page of a room's messages: up to `limit` (default 50, maximum 1,000) with a `seq` below `before`, above `after`, or
 * around `around`. Without these three fields, selects the newest messages. With `after`, a page also contains the entries that
 * are not messages, unless `view` is `messages`.
 */
export interface HistoryRange {
  readonly before?: number
  readonly after?: number
  readonly around?: number
  readonly view?: 'messages'
  /**
   * If true, a list of messages also contains entries of the types `membership`, `room` and `pin`, and entries of the host
   * application's types.
   */
  readonly notices?: boolean
  readonly limit?: number
}

export type ChatApiOptions = CallOptions

/**
 * Selects rooms. `mine: true` selects only rooms in which the user is a member. `query` selects only rooms whose name or title
 * contains the text.
 */
export interface RoomRange {
  readonly after?: string
  readonly limit?: number
  readonly mine?: boolean
  readonly query?: string
}

/** A new room. `room` is its name, and is required for a public room. The service generates the name of a private room. */
export interface NewRoom {
  readonly room?: string
  readonly title?: string | undefined
  readonly topic?: string
  readonly visibility?: 'public' | 'private'
}

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
  /**
   * Lists the rooms that this user may read, sorted by name. To get the next page, pass the `next` of the previous page as
   * `after`.
   */
  rooms(page?: RoomRange): Promise<RoomList>
  /**
   * Creates a room. This user becomes its owner. A string is the name of a public room. Errors: `room_taken` (409),
   * `not_allowed` (403), `upgrade_pending` (503).
   */
  createRoom(room: string | NewRoom, title?: string): Promise<RoomShown>
  /**
   * Opens the direct room with one to seven other users. Always returns the same room for the same users. Errors: `not_allowed`
   * (403), `not_found` (404) if the service has no direct rooms, `upgrade_pending` (503).
   */
  openDirect(users: readonly number[]): Promise<RoomShown>
  /**
   * Returns the users whose names begin with `query`. `query` must have at least two characters. Error: `not_found` (404) if
   * the service has no search for users.
   */
  searchUsers(query: string, limit?: number): Promise<UserList>
  /**
   * Returns a room. Error: `room_not_found` (404). The functions below with the parameter `room` can also reject with this error.
   */
  showRoom(room: string): Promise<RoomShown>
  /** Changes settings of a room. Error: `not_allowed` (403). */
  changeRoom(room: string, change: RoomSettings): Promise<RoomShown>
  /**
   * Lists the members of a room, sorted by user id. To get the next page, pass the `next` of the previous page as `after`.
   * `query` selects members whose names contain the text.
   */
  members(
    room: string,
    page?: { readonly after?: number; readonly limit?: number; readonly query?: string }
  ): Promise<MemberList>
  /**
   * Adds a user to a room, or changes the role of a member. To join the room, pass `me` as `user`. Returns the member. Errors:
   * `not_allowed` (403), `user_not_found` (404), `last_owner` (409).
   */
  putMember(room: string, user: number | 'me', role?: Member['role']): Promise<Member>
  /**
   * Removes a member. To leave the room, pass `me` as `user`. Errors: `not_allowed` (403), `user_not_found` (404), `last_owner`
   * (409).
   */
  removeMember(room: string, user: number | 'me'): Promise<void>
  /** Returns a page of a room's messages, oldest first. */
  history(room: string, range?: HistoryRange): Promise<EntryList>
  /**
   * Returns the entries with a `seq` above `after`, oldest first. The entries have the form of frames: an edit includes its
   * text, and a message does not include its reactions.
   */
  log(room: string, range?: Pick<HistoryRange, 'after' | 'limit'>): Promise<Log>
  /** Returns a message. Error: `message_not_found` (404). */
  message(room: string, seq: number): Promise<SingleMessage>
  /** Returns a page of the users who reacted to a message with the reaction `key`. Error: `message_not_found` (404). */
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
  /** Pins a message, or unpins it with `remove`. `Room.pin` does the same, and retries after a lost connection. */
  pin(
    room: string,
    seq: number,
    options?: { readonly remove?: boolean | undefined; readonly nonce?: string }
  ): Promise<Entry>
  /** Returns a page of the pinned messages of a room, the newest pin first. */
  pins(room: string, range?: Pick<HistoryRange, 'after' | 'limit'>): Promise<EntryList>
  /**
   * Lists the user's rooms, each with its numbers of unread messages and mentions. The room with the latest message is first. To
   * get the next page, pass the `next` of the previous page as `after`. Error: `not_found` (404) if the service has no inbox.
   */
  inbox(page?: { readonly after?: string; readonly limit?: number }): Promise<InboxPage>
  /**
   * Marks a room as read up to the entry `up_to` (default: the newest entry). If `unread` is true, marks the room as unread, and
   * moves the read mark only if `up_to` is given. For a subscribed room, prefer `Room.markRead`, which needs no HTTP request.
   */
  markRead(
    room: string,
    mark: { readonly up_to?: number; readonly epoch?: string; readonly unread?: boolean }
  ): Promise<ReadState>
  /** Hides a direct room from the inbox until its next message. */
  hideRoom(room: string): Promise<void>
  /** Shows a hidden direct room in the inbox again. */
  unhideRoom(room: string): Promise<void>
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
    createRoom: (room, title) =>
      call('POST', '/api/chat/rooms', { body: typeof room === 'string' ? { room, title } : room }),
    openDirect: users => call('POST', '/api/chat/direct', { body: { users } }),
    searchUsers: (query, limit) => call('GET', '/api/users', { query: { query, limit } }),
    showRoom: room => call('GET', roomPath(room)),
    changeRoom: (room, change) => call('PATCH', roomPath(room), { body: change }),
    members: (room, page = {}) => call('GET', `${roomPath(room)}/members`, { query: page }),
    putMember: (room, user, role) => call('PUT', `${roomPath(room)}/members/${user}`, { body: { role } }),
    removeMember: (room, user) => call('DELETE', `${roomPath(room)}/members/${user}`),
    history: (room, range = {}) => call('GET', `${roomPath(room)}/messages`, { query: range }),
    log: (room, range = {}) => call('GET', `${roomPath(room)}/log`, { query: range }),
    message: (room, seq) => call('GET', `${roomPath(room)}/messages/${seq}`),
    reactions: (room, seq, key, range = {}) =>
      call('GET', `${roomPath(room)}/messages/${seq}/reactions`, { query: { key, ...range } }),
    post: (room, content, { nonce, meta, mentions, replyTo } = {}) =>
      call('POST', `${roomPath(room)}/messages`, {
        body: { content, meta, mentions, reply_to: replyTo },
        headers: headersOf(nonce)
      }),
    pin: (room, seq, { remove, nonce } = {}) =>
      call(remove ? 'DELETE' : 'PUT', `${roomPath(room)}/pins/${seq}`, { headers: headersOf(nonce) }),
    pins: (room, range = {}) => call('GET', `${roomPath(room)}/pins`, { query: range }),
    inbox: (page = {}) => call('GET', '/api/chat/inbox', { query: page }),
    markRead: (room, mark) => call('PUT', `${roomPath(room)}/read`, { body: mark }),
    hideRoom: room => call('PUT', `${roomPath(room)}/hidden`),
    unhideRoom: room => call('DELETE', `${roomPath(room)}/hidden`),
    presence: room => call('GET', `${roomPath(room)}/presence`)
  }
}

const headersOf = (nonce: string | undefined): Record<string, string> =>
  nonce === undefined ? {} : { 'idempotency-key': nonce }
