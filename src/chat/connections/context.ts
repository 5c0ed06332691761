/** Defines what a connection is created with, and what it needs of the service. */
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import type { ClientFrame } from '../../protocol/frames.ts'
import type { Principal } from '../access/authorize.ts'
import type { Command, Kind } from '../kinds/kind.ts'
import type { Connection } from './connection.ts'
import type { Decoded } from './decode.ts'
import type { Socket } from './socket.ts'

/** Describes a frame that the chat handles, and not the connection itself. */
export type ChatFrame = Exclude<ClientFrame, { type: 'auth' | 'ping' }>

/** Holds what all connections of a process share. */
export interface ConnectionContext {
  readonly clock: Clock
  readonly maxFrameBytes: number
  /** Limits the bytes per second that a connection may send; 0, the default, disables it. */
  readonly bytesPerSecond?: number
  /** Limits how long a client without `chat.v1` may stay connected, in milliseconds; 0 until its token expires. By default a day. */
  readonly legacyLifetimeMs: number
  /** Decodes a frame; see decode.ts. */
  decode(text: string): Decoded
  /** Appends an entry. Throws, or returns a promise, like `act`. */
  append(connection: Connection, kind: Kind, command: Command): void | Promise<void>
  /** Handles a frame, or throws a ChatError; returns a promise only if something has to be awaited first. */
  act(connection: Connection, frame: ChatFrame): void | Promise<void>
  /** Verifies a token; rejects with a ChatError. */
  authenticate(token: string): Promise<Principal>
  /** Called once when the connection has ended; its socket may still be closing. */
  ended(connection: Connection): void
  /** Called once when the socket is closed. */
  closed(connection: Connection): void
}

/** Holds what is known of a connection when its socket opens. */
export interface ConnectionOptions {
  readonly socket: Socket
  readonly principal: Principal
  /** Is true if the client selected the subprotocol `chat.v1`, in which the expiry of its token ends the connection. */
  readonly hasChatV1: boolean
  /** Holds the client's address, for the limits per IP address. */
  readonly address: string
  /** Lists the rooms to subscribe to at the start, by name. */
  readonly rooms: readonly string[]
  /** Lists those of them that don't exist. */
  readonly absent?: ReadonlySet<string> | undefined
  readonly log: Log
}
