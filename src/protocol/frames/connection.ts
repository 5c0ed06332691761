/** Defines the frames that report the user of a connection, and the results of the frames that the client sends. */
import { type Static, Type } from '@sinclair/typebox'
import { Nonce, RoomName } from '../http/messages.ts'
import { Int64 } from '../integers.ts'
import { Timestamp } from '../timestamp.ts'
import { repeatedRef } from './ref.ts'

/** Describes the limits of a connection. The first `system` frame contains these limits. 0 means no limit. */
export const Limits = Type.Object({
  max_message_length: Type.Integer({ description: 'Characters (Unicode code points).' }),
  max_meta_bytes: Type.Integer(),
  max_frame_bytes: Type.Integer(),
  messages_per_second: Type.Number(),
  message_burst: Type.Number()
})
export type Limits = Static<typeof Limits>

/**
 * Reports that a user is now present in a room (`joined`), or is not present anymore (`left`). The first frame of a connection
 * has the event `connected` and contains the user of the client.
 */
export const SystemFrame = Type.Object(
  {
    type: Type.Literal('system'),
    event: Type.Union([Type.Literal('connected'), Type.Literal('joined'), Type.Literal('left')]),
    message: Type.String({ description: 'The event as a sentence.' }),
    room: Type.Optional(RoomName),
    user_id: Type.Optional(Int64()),
    username: Type.Optional(Type.String()),
    server_time: Type.Optional(Timestamp),
    expires_at: Type.Optional(Timestamp),
    ping_interval_ms: Type.Optional(Type.Integer()),
    limits: Type.Optional(Limits),
    features: Type.Optional(
      Type.Array(Type.String(), { description: 'The kinds of entries that the service accepts now; send no others.' })
    )
  },
  { $id: 'ChatSystemFrame' }
)
export type SystemFrame = Static<typeof SystemFrame>

/**
 * Announces a planned shutdown. The client should reconnect after `after_ms` milliseconds. This delay is random for each
 * client.
 */
export const ReconnectFrame = Type.Object(
  { type: Type.Literal('reconnect'), after_ms: Type.Integer({ minimum: 0 }) },
  { $id: 'ChatReconnectFrame' }
)
export type ReconnectFrame = Static<typeof ReconnectFrame>

/**
 * Acknowledges a committed entry whose frame had a `nonce` or a `ref`. If the client sends the same nonce again, the
 * acknowledgement has the same `id` and `seq`.
 */
export const AckFrame = Type.Object(
  {
    type: Type.Literal('ack'),
    nonce: Type.Optional(Nonce),
    ref: repeatedRef,
    id: Int64(),
    room: RoomName,
    seq: Int64(),
    timestamp: Timestamp
  },
  { $id: 'ChatAckFrame' }
)
export type AckFrame = Static<typeof AckFrame>

/** Confirms a new token, which expires at `expires_at`. A connection with the subprotocol `chat.v1` stays open until then. */
export const AuthenticatedFrame = Type.Object(
  { type: Type.Literal('authenticated'), expires_at: Timestamp, ref: repeatedRef },
  { $id: 'ChatAuthenticatedFrame' }
)
export type AuthenticatedFrame = Static<typeof AuthenticatedFrame>

/**
 * Reports that a frame or the connection was rejected. The connection stays open, except after the codes `flooding` and
 * `too_many_connections`.
 */
export const ErrorFrame = Type.Object(
  {
    type: Type.Literal('error'),
    code: Type.String(),
    detail: Type.String(),
    room: Type.Optional(Type.String()),
    nonce: Type.Optional(Type.String()),
    ref: repeatedRef,
    retry_after_ms: Type.Optional(Type.Integer({ minimum: 0 })),
    until: Type.Optional(Timestamp),
    instance: Type.Optional(
      Type.String({ description: 'The request id of the connection, if the log has a line about the error.' })
    )
  },
  { $id: 'ChatErrorFrame' }
)
export type ErrorFrame = Static<typeof ErrorFrame>

/** Responds to `ping`. */
export const PongFrame = Type.Object({ type: Type.Literal('pong'), ref: repeatedRef }, { $id: 'ChatPongFrame' })
export type PongFrame = Static<typeof PongFrame>
