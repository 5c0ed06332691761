/** The client in types: how it is made, what it says of its connection. Rooms are in room-types.ts. */
import type { ChatApi } from './api.ts'
import type { FetchLike, SocketConstructor, Timers } from './platform.ts'
import type { Limits } from './protocol.ts'
import type { Room } from './room-types.ts'

/**
 * Where the connection stands. Times are milliseconds since the epoch.
 * - `connecting`: a token is asked for, or a socket opens.
 * - `online`: the service has greeted us; frames flow.
 * - `waiting`: not connected; tried again by itself at `until` (or at once by `connect()`). `reason` says what happened;
 *   `httpStatus` is what the service, or whatever is in front of it, responded with, if it responded and refused.
 * - `offline`: not connected, and not tried again before `connect()` is called. `reason` says why.
 */
export type ConnectionState =
  | { readonly status: 'connecting' }
  | { readonly status: 'online'; readonly since: number }
  | {
      readonly status: 'waiting'
      readonly until: number
      readonly reason: WaitingReason
      readonly detail: string
      readonly httpStatus?: number
    }
  | { readonly status: 'offline'; readonly reason: OfflineReason; readonly detail: string }

/**
 * `lost`: the connection broke or fell silent. `restart`: the service restarts or is too busy (1012, 1013). `limited`: too many
 * connections, too slow, or flooding (41xx). `unreachable`: nobody answers. `refused`: the service answers but lets no socket in.
 * `token`: the token callback failed.
 */
export type WaitingReason = 'lost' | 'restart' | 'limited' | 'unreachable' | 'refused' | 'token'

/**
 * `closed`: by `close()`. `done`: the service ended it (1000, 1001). `unauthorized`: the token was refused
 * and the callback had no other: log in again. `not_allowed`: 4403. `protocol_error`: 4400 or another 44xx.
 * `unsupported`: the platform has no WebSocket; `detail` says what to install.
 */
export type OfflineReason = 'closed' | 'done' | 'unauthorized' | 'not_allowed' | 'protocol_error' | 'unsupported'

/** Who the connection belongs to, and what it may do; from the service's first frame. */
export interface Identity {
  readonly user_id: number
  readonly username: string
  /** 0 means no limit. */
  readonly limits: Limits | undefined
}

/** What `token` is told. */
export interface TokenRequest {
  /** The token that the SDK had, if any. */
  readonly previous: string | undefined
  /** Whether the service refused it; else it is missing or about to expire. */
  readonly isRefused: boolean
}

/** A place for text by key: `localStorage` and `sessionStorage` fit, asynchronous ones too. One client at a time may use a `key`. */
export interface Storage {
  get(key: string): string | null | undefined | Promise<string | null | undefined>
  set(key: string, value: string): unknown
  remove(key: string): unknown
}

/** The Web's own storages have these names instead. */
export interface WebStorage {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

/** How a client is made. Only `url` and `token` are needed; durations are in milliseconds. */
export interface ChatClientOptions {
  /** Where the service is, with its prefix if it has one: `https://chat.example.com`, `https://example.com/support`. */
  readonly url: string
  /**
   * Gives an access token: a string, or a function that is called when there is none, before one expires, and when one was
   * refused. Answering the refused token again means that there is no other: the client goes `offline` (`unauthorized`).
   * If it throws a ChatApiError of status 401 the same happens; after any other error it is asked again later.
   */
  readonly token: string | ((request: TokenRequest) => string | Promise<string>)
  /** Keeps unsent messages and how far each room was read over restarts. Without it both live in memory. */
  readonly storage?: Storage | WebStorage
  /** Before the keys in `storage`; default `fastify-chat:`. */
  readonly storageKey?: string
  /**
   * After a long absence (over 1,000 entries) up to so many missed entries a room are read over HTTP and delivered; when
   * there are more, the room's messages are replaced by the newest page and `resync` says so. Default 10,000; 0 for always
   * the newest page.
   */
  readonly backfill?: number
  /** So many messages a room are kept in memory, more after `older()`. Default 1,000. */
  readonly keep?: number
  /** The constructor of sockets; default the global `WebSocket`, on Node before 22 the package `ws`, imported when needed. */
  readonly WebSocket?: SocketConstructor
  readonly fetch?: FetchLike
  /** For tests: time, timers and chance. */
  readonly timers?: Timers
  readonly timing?: Partial<Timing>
}

/** Durations, in milliseconds. */
export interface Timing {
  /** A wait before connecting again is random between 0 and `backoffBase` * 2^attempt, at most `backoffMax`: 500, 30,000. */
  readonly backoffBase: number
  readonly backoffMax: number
  /** A connection that lived so long resets the backoff: 10,000. */
  readonly stable: number
  /** An attempt to connect, or an HTTP call, takes at most so long: 10,000. */
  readonly connect: number
  /** After so long a silence a `ping` is sent, and after `pongTimeout` more the connection is taken for dead: 15,000 and 10,000. */
  readonly pingInterval: number
  readonly pongTimeout: number
  /** A frame without its answer is sent again after so long: 10,000. */
  readonly answer: number
  /** A room that `heads` shows ahead, and that hasn't moved for so long, is subscribed to again: 3,000. */
  readonly gap: number
}

/** Everything that a client says, by event. */
export interface ClientEvents {
  /** The connection's state changed. */
  state: ConnectionState
  /** The service greeted this connection. */
  identity: Identity
  /** Something failed in the background and is dealt with: the token callback, the storage, a frame of no room. */
  error: Error
  /** A frame that the SDK doesn't know: a host application's own (`type` has a dot), or of a later service. */
  frame: { readonly type: string; readonly [field: string]: unknown }
}

/**
 * One user's connection and rooms. It connects by itself when it is made. It keeps trying until it is `offline`, and every
 * room resumes where it was.
 */
export interface ChatClient {
  readonly state: ConnectionState
  /** Undefined before the first greeting. */
  readonly identity: Identity | undefined
  /** HTTP calls with this client's token. */
  readonly api: ChatApi
  /** Follows a room, at most 128 of them; the same object for the same name until `leave()`. */
  room(name: string): Room
  /** Every room that is followed. */
  readonly rooms: readonly Room[]
  /** Tries at once, if it is `waiting` or `offline`: a button, or the browser's `online` event. */
  connect(): void
  /** Goes `offline`; loops over `messages()` end. Unsent messages stay, and go out after `connect()`. */
  close(): void
  /**
   * Closes the client for good, discards its unsent messages and removes everything that it stored: for a log-out. After it
   * nothing is stored any more. The promise waits for an asynchronous `storage`.
   */
  forget(): Promise<void>
  /** Calls `listener` at each event until the returned function is called. */
  on<Name extends keyof ClientEvents>(event: Name, listener: (value: ClientEvents[Name]) => void): () => void
}
