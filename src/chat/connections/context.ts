/** What a connection is created with, and what it asks of the service around it. */
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import type { ClientFrame } from '../../protocol/frames.ts'
import type { Principal } from '../access/authorize.ts'
import type { Command, Kind } from '../kinds/kind.ts'
import type { Connection } from './connection.ts'
import type { Decoded } from './decode.ts'
import type { Socket } from './socket.ts'

/** A frame that the chat handles, and not the connection itself. */
export type ChatFrame = Exclude<ClientFrame, { type: 'auth' | 'ping' }>

/** What all connections of a process have in common. */
export interface ConnectionContext {
  readonly clock: Clock
  readonly maxFrameBytes: number
  /** How many bytes per second a connection may send; 0, the default, for no limit. */
  readonly bytesPerSecond?: number
  /** How long a client without `chat.v1` may stay connected, in milliseconds; 0 until its token expires. By default a day. */
  readonly legacyLifetimeMs: number
  /** Decodes a frame; see decode.ts. */
  decode(text: string): Decoded
  /** Appends an entry. Throws, and waits, like `act`. */
  append(connection: Connection, kind: Kind, command: Command): void | Promise<void>
  /** Handles a frame, or throws a ChatError; returns a promise only if something has to be awaited first. */
  act(connection: Connection, frame: ChatFrame): void | Promise<void>
  /** Verifies a token; rejects with a ChatError. */
  authenticate(token: string): Promise<Principal>
  /** The connection takes no more part; its socket may still be closing. Called once. */
  ended(connection: Connection): void
  /** The socket is closed. Called once. */
  closed(connection: Connection): void
}

/** What is known of a connection when its socket opens. */
export interface ConnectionOptions {
  readonly socket: Socket
  readonly principal: Principal
  /** Whether the client chose the subprotocol `chat.v1`, and with it that its token ends the connection. */
  readonly hasChatV1: boolean
  /** The client's address, for the limits per IP address. */
  readonly address: string
  /** The rooms to subscribe to from the start, by name. */
  readonly rooms: readonly string[]
  /** Those of them that were found not to exist. */
  readonly absent?: ReadonlySet<string> | undefined
  readonly log: Log
}
