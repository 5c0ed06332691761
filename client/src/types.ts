/** The public types of the client: options, connection state and events. The types of rooms are in room-types.ts. */
import type { ChatApi } from './api.ts'
import type { FetchLike, SocketConstructor, Timers } from './platform.ts'
import type { Limits } from './protocol.ts'
import type { Room } from './room-types.ts'

/**
 * The state of the connection. Times are in milliseconds since the epoch.
 * - `connecting`: the client is getting a token or opening a socket.
 * - `online`: the client has received the first frame.
 * - `waiting`: the client is disconnected, and tries again at `until` or when `connect()` is called. `reason` is what
 *   happened. If the cause was an HTTP response, from the service or from a proxy, `httpStatus` is the status of this
 *   response.
 * - `offline`: the client is disconnected, and doesn't try again until `connect()` is called. `reason` is why.
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
 * `lost`: the connection broke, or the service stopped responding. `restart`: the service is restarting or too busy (close
 * codes 1012 and 1013). `limited`: the client has too many connections, is too slow or sends too much (41xx). `unreachable`:
 * there was no response. `refused`: the service responds, but refuses connections. `token`: the token callback failed, or the
 * service refused the new token too.
 */
export type WaitingReason = 'lost' | 'restart' | 'limited' | 'unreachable' | 'refused' | 'token'

/**
 * `closed`: the app called `close()`. `done`: the service closed the connection (close codes 1000 and 1001). `unauthorized`:
 * the service refused the token, and the callback returned no other token for this user. The user has to log in again.
 * `not_allowed`: 4403. `protocol_error`: 4400 or another 44xx. `unsupported`: the platform has no WebSocket, and `detail`
 * names the package to install.
 */
export type OfflineReason = 'closed' | 'done' | 'unauthorized' | 'not_allowed' | 'protocol_error' | 'unsupported'

/** The authenticated user and their limits, from the first frame of the service. */
export interface Identity {
  readonly user_id: number
  readonly username: string
  /** The user's limits. A limit of 0 means no limit. */
  readonly limits: Limits | undefined
  /**
   * The kinds of entries that the service accepts on this connection, such as `message`, `edit`, `deletion` and `reaction`. A
   * user interface should hide actions whose kind is missing.
   */
  readonly features: readonly string[]
}

/** The argument of the app's `token` callback. */
export interface TokenRequest {
  /** The token that the SDK used until now. Undefined if it has none yet. */
  readonly previous: string | undefined
  /**
   * True if the service refused the previous token. False if there is no token yet, or if the token has expired or expires
   * soon.
   */
  readonly isRefused: boolean
}

/** Stores strings, keyed by strings. May be asynchronous. */
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
  /**
   * The URL of the service, including its path prefix if it has one: `https://chat.example.com`, `https://example.com/support`.
   */
  readonly url: string
  /**
   * The access token, or a function that returns it. The function is called when there is no token, before the token expires,
   * and when the service has refused the token. If the function returns the refused token again, or throws a ChatApiError with
   * status 401, the client goes `offline` (`unauthorized`). After any other error, the function is called again later.
   */
  readonly token: string | ((request: TokenRequest) => string | Promise<string>)
  /**
   * Stores unsent messages and changes, and the last received `seq` of each room, so that they survive a restart of the app.
   * Without a storage, they are kept only in memory.
   */
  readonly storage?: Storage | WebStorage
  /** The prefix of the keys in `storage`; default `fastify-chat:`. Only one client at a time may use a prefix. */
  readonly storageKey?: string
  /**
   * Maximum number of missed entries per room that the client reads over HTTP. Default: 10,000. With 0, the client never reads
   * missed entries over HTTP. Up to 1,000 missed entries arrive over the connection. If more are missing, the room emits
   * `resync`. If more than the maximum are missing, the client discards the room's messages. If the app has called `older()`
   * before, the client then loads the newest page.
   */
  readonly backfill?: number
  /** Number of messages per room that are kept in memory, in addition to those that `older()` loads. Default: 1,000. */
  readonly keep?: number
  /** The WebSocket constructor. Default: the global `WebSocket`, or the package `ws` on Node before 22. */
  readonly WebSocket?: SocketConstructor
  readonly fetch?: FetchLike
  /** Replaces the clock, the timers and the random numbers in tests. */
  readonly timers?: Timers
  readonly timing?: Partial<Timing>
}

/** Durations in milliseconds, with their defaults. */
export interface Timing {
  /**
   * The wait before an attempt to reconnect is a random time of up to `backoffBase` * 2^attempt, but not more than
   * `backoffMax`. Defaults: 500 and 30,000.
   */
  readonly backoffBase: number
  readonly backoffMax: number
  /** Minimum duration of a connection after which the backoff is reset. Default: 10,000. */
  readonly stable: number
  /** Timeout of an attempt to connect, and of an HTTP call. Default: 10,000. */
  readonly connect: number
  /**
   * `pingInterval`: the client sends a `ping` if it has received nothing for this time. `pongTimeout`: the client treats the
   * connection as lost if it receives nothing for this time after the `ping`. Defaults: 15,000 and 10,000.
   */
  readonly pingInterval: number
  readonly pongTimeout: number
  /** Timeout for a response, after which the client sends the frame again. Default: 10,000. */
  readonly answer: number
  /** The client subscribes to a room again if entries are missing and none has arrived for this time. Default: 3,000. */
  readonly gap: number
}

/** The events of a client. */
export interface ClientEvents {
  /** The state of the connection changed. */
  state: ConnectionState
  /** The service sent the first frame of a connection. */
  identity: Identity
  /**
   * An error in the background, which the client has handled: an error of the token callback, of the WebSocket constructor or of
   * the storage, or an `error` frame that nothing else handles.
   */
  error: Error
  /**
   * This client has marked a room as read up to the entry `upTo`. If `upTo` is undefined, it has marked the room as unread.
   */
  read: { readonly room: string; readonly upTo: number | undefined }
  /**
   * A frame that the client doesn't handle itself. Such a frame is for `createInbox`, is from the host application (its `type`
   * contains a dot), or is from a newer version of the service.
   */
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
  /**
   * Subscribes to a room. A client may subscribe to up to 128 rooms. Returns the same object for the same name until its status
   * is `left`.
   */
  room(name: string): Room
  /** All subscribed rooms. */
  readonly rooms: readonly Room[]
  /**
   * Connects immediately if the state is `waiting` or `offline`. Call it when the user presses a button, or on the browser's
   * event `online`.
   */
  connect(): void
  /**
   * Sends a frame. Returns false if the client is not online. `createInbox` uses this function. For all other frames, call the
   * functions of the client and of its rooms.
   */
  send(frame: { readonly type: string; readonly [field: string]: unknown }): boolean
  /** Closes the connection and ends the loops over `messages()`. Unsent messages are kept, and are sent after `connect()`. */
  close(): void
  /**
   * Closes the client permanently, discards its unsent messages and removes its stored data. Call it when the user logs out. The
   * client stores nothing afterwards. Resolves when an asynchronous `storage` has finished.
   */
  forget(): Promise<void>
  /** Calls `listener` for each event until the returned function is called. */
  on<Name extends keyof ClientEvents>(event: Name, listener: (value: ClientEvents[Name]) => void): () => void
}
