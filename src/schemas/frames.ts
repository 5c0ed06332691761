/** Every WebSocket frame, client to service and back, as JSON; see PROTOCOL "The WebSocket". Unknown fields are ignored. */
import { type Static, Type } from '@sinclair/typebox'
import { Meta, messageFields, Nonce, RoomName } from './messages.ts'
import { Timestamp } from './timestamp.ts'

const Ref = Type.String({ maxLength: 64, description: 'Echoed in the answer to this frame.' })
const ref = Type.Optional(Ref)

/** Send a message; `room` is `general` when absent. */
export const SendFrame = Type.Object(
  {
    type: Type.Literal('message'),
    content: Type.String({ minLength: 1 }),
    room: Type.Optional(RoomName),
    nonce: Type.Optional(Nonce),
    meta: Type.Optional(Meta),
    ref
  },
  { $id: 'ChatSendFrame' }
)
export type SendFrame = Static<typeof SendFrame>

/** Replace the token of the live connection; it must be the same user’s. */
export const AuthFrame = Type.Object(
  { type: Type.Literal('auth'), token: Type.String({ minLength: 1 }), ref },
  { $id: 'ChatAuthFrame' }
)
export type AuthFrame = Static<typeof AuthFrame>

/** Answered with `pong`, for clients that cannot see protocol pings. */
export const PingFrame = Type.Object({ type: Type.Literal('ping'), ref }, { $id: 'ChatPingFrame' })
export type PingFrame = Static<typeof PingFrame>

/** Every frame that a client may send, by its `type`. */
export const clientFrames = { message: SendFrame, auth: AuthFrame, ping: PingFrame }
export type ClientFrame = SendFrame | AuthFrame | PingFrame

/** What a connection may do; told in the first frame, so that a client need not guess. 0 means no limit. */
export const Limits = Type.Object({
  max_message_length: Type.Integer({ description: 'Characters (Unicode code points).' }),
  max_meta_bytes: Type.Integer(),
  max_frame_bytes: Type.Integer(),
  messages_per_second: Type.Number(),
  message_burst: Type.Number()
})
export type Limits = Static<typeof Limits>

/** Who came and went, and, as the first frame, who the client itself is. */
export const SystemFrame = Type.Object(
  {
    type: Type.Literal('system'),
    event: Type.Union([Type.Literal('connected'), Type.Literal('joined'), Type.Literal('left')]),
    message: Type.String({ description: 'The event in words.' }),
    room: Type.Optional(RoomName),
    user_id: Type.Optional(Type.Integer()),
    username: Type.Optional(Type.String()),
    server_time: Type.Optional(Timestamp),
    expires_at: Type.Optional(Timestamp),
    ping_interval_ms: Type.Optional(Type.Integer()),
    limits: Type.Optional(Limits)
  },
  { $id: 'ChatSystemFrame' }
)
export type SystemFrame = Static<typeof SystemFrame>

/** A message, committed, to everyone who follows its room. */
export const MessageFrame = Type.Object(
  { type: Type.Literal('message'), ...messageFields, timestamp: Timestamp },
  { $id: 'ChatMessageFrame' }
)
export type MessageFrame = Static<typeof MessageFrame>

/** A send that had a `nonce` or a `ref` is committed; the same again when the same nonce comes again. */
export const AckFrame = Type.Object(
  {
    type: Type.Literal('ack'),
    nonce: Type.Optional(Nonce),
    ref,
    id: Type.Integer(),
    room: RoomName,
    seq: Type.Integer(),
    timestamp: Timestamp
  },
  { $id: 'ChatAckFrame' }
)
export type AckFrame = Static<typeof AckFrame>

/** The new token was accepted; the connection now lives until `expires_at`. */
export const AuthenticatedFrame = Type.Object(
  { type: Type.Literal('authenticated'), expires_at: Timestamp, ref },
  { $id: 'ChatAuthenticatedFrame' }
)
export type AuthenticatedFrame = Static<typeof AuthenticatedFrame>

/** A frame was refused; the connection stays. */
export const ErrorFrame = Type.Object(
  {
    type: Type.Literal('error'),
    code: Type.String(),
    detail: Type.String(),
    room: Type.Optional(Type.String()),
    nonce: Type.Optional(Type.String()),
    ref,
    retry_after_ms: Type.Optional(Type.Integer({ minimum: 0 }))
  },
  { $id: 'ChatErrorFrame' }
)
export type ErrorFrame = Static<typeof ErrorFrame>

/** The answer to `ping`. */
export const PongFrame = Type.Object({ type: Type.Literal('pong'), ref }, { $id: 'ChatPongFrame' })
export type PongFrame = Static<typeof PongFrame>

/** Every frame that the service may send. */
export type ServerFrame = SystemFrame | MessageFrame | AckFrame | AuthenticatedFrame | ErrorFrame | PongFrame
