/** The public types of the client: options, connection state and events. Those of rooms are in room-types.ts. */
import type { ChatApi } from './api.ts'
import type { FetchLike, SocketConstructor, Timers } from './platform.ts'
import type { Limits } from './protocol.ts'
import type { Room } from './room-types.ts'

/**
 * The state of the connection. Times are milliseconds since the epoch.
 * - `connecting`: the client gets a token, or opens a socket.
 * - `online`: the client has received the first frame.
 * - `waiting`: disconnected; the client tries again at `until`, or when `connect()` is called. `reason` is what happened;
 *   `httpStatus` is the status of the refusal by the service, or by a proxy in front of it, if there was a response.
 * - `offline`: disconnected; the client doesn't try again before `connect()` is called. `reason` is why.
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
 * `lost`: the connection broke, or the service stopped responding. `restart`: the service restarts or is too busy (1012, 1013).
 * `limited`: too many connections, too slow, or flooding (41xx). `unreachable`: no response. `refused`: the service responds, but
 * refuses connections. `token`: the token callback failed.
 */
export type WaitingReason = 'lost' | 'restart' | 'limited' | 'unreachable' | 'refused' | 'token'

/**
 * `closed`: by `close()`. `done`: by the service (1000, 1001). `unauthorized`: the token was refused and the callback returned
 * no other, so the user has to log in again. `not_allowed`: 4403. `protocol_error`: 4400 or another 44xx.
 * `unsupported`: the platform has no WebSocket; `detail` names the package to install.
 */
export type OfflineReason = 'closed' | 'done' | 'unauthorized' | 'not_allowed' | 'protocol_error' | 'unsupported'

/** The authenticated user and their limits, from the first frame of the service. */
export interface Identity {
  readonly user_id: number
  readonly username: string
  /** 0 means no limit. */
  readonly limits: Limits | undefined
}

/** The argument of the app's `token` callback. */
export interface TokenRequest {
  /** The SDK's current token, if any. */
  readonly previous: string | undefined
  /** Whether the service refused the previous token. Otherwise that is missing or about to expire. */
  readonly isRefused: boolean
}

/** A storage of strings by key, which may be asynchronous. Only one client at a time may use the same `storageKey`. */
export interface Storage {
  get(key: string): string | null | undefined | Promise<string | null | undefined>
  set(key: string, value: string): unknown
  remove(key: string): unknown
}

/** A storage with the method names of `localStorage` and `sessionStorage`. */
export interface WebStorage {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

/** The options of a client. Only `url` and `token` are required. Durations are in milliseconds. */
export interface ChatClientOptions {
  /** The address of the service, with its prefix if it has one: `https://chat.example.com`, `https://example.com/support`. */
  readonly url: string
  /**
   * The access token, or a function that returns it. The function is called when there is no token, before it expires, and when
   * the service refused it. If it returns the refused token again, or throws a ChatApiError with status 401, the client goes
   * `offline` (`unauthorized`). After any other error it is called again later.
   */
  readonly token: string | ((request: TokenRequest) => string | Promise<string>)
  /** Stores unsent messages and the read mark of each room over restarts. Without it both are kept in memory only. */
  readonly storage?: Storage | WebStorage
  /** The prefix of the keys in `storage`; default `fastify-chat:`. */
  readonly storageKey?: string
  /**
   * Maximum missed entries per room that the client reads over HTTP after a long absence, when more than 1,000 entries are missing.
   * Above the maximum, the room's messages are replaced by the newest page, and the room emits `resync`. Default 10,000. With 0
   * the messages are always replaced.
   */
  readonly backfill?: number
  /** Messages per room that are kept in memory, in addition to those that `older()` loads. Default 1,000. */
  readonly keep?: number
  /** The WebSocket constructor. Default: the global `WebSocket`, or the package `ws` on Node before 22. */
  readonly WebSocket?: SocketConstructor
  readonly fetch?: FetchLike
  /** Replaces the clock, the timers and the random numbers, for tests. */
  readonly timers?: Timers
  readonly timing?: Partial<Timing>
}

/** Durations in milliseconds, with their defaults. */
export interface Timing {
  /** The wait before an attempt to reconnect is random up to `backoffBase` * 2^attempt, at most `backoffMax`: 500 and 30,000. */
  readonly backoffBase: number
  readonly backoffMax: number
  /** How long a connection must last to reset the backoff: 10,000. */
  readonly stable: number
  /** Timeout of an attempt to connect, and of an HTTP call: 10,000. */
  readonly connect: number
  /** Silence before the client sends a `ping`, and silence after it before the connection counts as lost: 15,000 and 10,000. */
  readonly pingInterval: number
  readonly pongTimeout: number
  /** How long to wait for a response before a frame is sent again: 10,000. */
  readonly answer: number
  /** How long a room may stay behind its last known `seq` without progress before it is subscribed to again: 3,000. */
  readonly gap: number
}

/** The events of a client. */
export interface ClientEvents {
  /** The state of the connection changed. */
  state: ConnectionState
  /** The service sent the first frame of a connection. */
  identity: Identity
  /** A background error that the client has handled: of the token callback, of the storage, or in a frame without a room. */
  error: Error
  /** A frame that the SDK doesn't handle: of the host application (`type` contains a dot), or of a later version of the service. */
  frame: { readonly type: string; readonly [field: string]: unknown }
}

/**
 * The connection and the rooms of one user. The client connects when it is created, reconnects until it is `offline`, and resumes
 * every room.
 */
export interface ChatClient {
  readonly state: ConnectionState
  /** The authenticated user; undefined before the first frame of the service. */
  readonly identity: Identity | undefined
  /** The HTTP API with this client's token. */
  readonly api: ChatApi
  /** Subscribes to a room (maximum 128). Returns the same object for the same name until `leave()`. */
  room(name: string): Room
  /** All subscribed rooms. */
  readonly rooms: readonly Room[]
  /** Connects at once if `waiting` or `offline`. Call it when the user presses a button, or at the browser's event `online`. */
  connect(): void
  /** Goes `offline` and ends the loops over `messages()`. Unsent messages are kept, and sent after `connect()`. */
  close(): void
  /**
   * Closes the client permanently, discards its unsent messages and removes its stored data. Call it when the user logs out. The
   * client stores nothing afterwards. Resolves when an asynchronous `storage` has finished.
   */
  forget(): Promise<void>
  /** Calls `listener` for each event until the returned function is called. */
  on<Name extends keyof ClientEvents>(event: Name, listener: (value: ClientEvents[Name]) => void): () => void
}
