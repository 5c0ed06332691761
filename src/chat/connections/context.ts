/** Defines the options of a connection, and the functions of the chat that a connection calls. */
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import type { ClientFrame } from '../../protocol/frames.ts'
import type { Principal } from '../access/authorize.ts'
import type { Command, Kind } from '../kinds/kind.ts'
import type { Connection } from './connection.ts'
import type { Decoded } from './decode.ts'
import type { Socket } from './socket.ts'

/** A frame that the chat handles. The connection handles `auth` and `ping` itself. */
export type ChatFrame = Exclude<ClientFrame, { type: 'auth' | 'ping' }>

/** The options and functions that all connections of a process share. */
export interface ConnectionContext {
  readonly clock: Clock
  readonly maxFrameBytes: number
  /** Maximum number of bytes per second that a connection may send. The default, 0, disables the limit. */
  readonly bytesPerSecond?: number
  /** Maximum duration in milliseconds of a connection without `chat.v1`. If 0, the connection ends when its token expires. */
  readonly legacyLifetimeMs: number
  /** Decodes a frame. See decode.ts. */
  decode(text: string): Decoded
  /**
   * Appends an entry. Throws a ChatError, or rejects with a ChatError, if the command is rejected. Returns a promise only if
   * the database or the host application has to be queried first.
   */
  append(connection: Connection, kind: Kind, command: Command): void | Promise<void>
  /**
   * Handles a frame that does not append an entry. Throws a ChatError, or rejects with a ChatError, if the frame is rejected.
   */
  act(connection: Connection, frame: ChatFrame): void | Promise<void>
  /** Verifies a token. Rejects with a ChatError if the token is not valid. */
  authenticate(token: string): Promise<Principal>
  /** Called once when the connection has ended. Its socket may still be closing. */
  ended(connection: Connection): void
  /** Called when a limit has rejected a frame or the connection, with the error code. */
  limited?(code: string): void
  /**
   * Called once when the socket is closed. `code` is the close code that the server sent. If the server sent none, `code` comes
   * from the socket's `close` event.
   */
  closed(connection: Connection, code: number): void
}

/** The options of one connection, known when its socket opens. */
export interface ConnectionOptions {
  readonly socket: Socket
  readonly principal: Principal
  /** True if the subprotocol of the connection is `chat.v1`. Such a connection ends when its newest token expires. */
  readonly hasChatV1: boolean
  /** The IPv4 address of the client, or the /64 network of its IPv6 address, for the limits per IP address. */
  readonly address: string
  /** The names of the rooms to subscribe to when the connection opens. */
  readonly rooms: readonly string[]
  /** True if the client receives its list of rooms (see inbox/live.ts) when the connection opens. */
  readonly hasInbox?: boolean
  /** The names in `rooms` that belong to no existing room. */
  readonly absent?: ReadonlySet<string> | undefined
  readonly log: Log
  /** The id of the request that opened the connection. All lines of `log` contain this id. */
  readonly requestId?: string | undefined
}
