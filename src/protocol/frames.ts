/** Every WebSocket frame, client to service and back, as JSON; see PROTOCOL "The WebSocket". Unknown fields are ignored. */
import { type Static, Type } from '@sinclair/typebox'
import { Meta, messageFields, Nonce, RoomName, shown } from './http/messages.ts'
import { presence } from './http/rooms.ts'
import { Int64 } from './integers.ts'
import { Timestamp } from './timestamp.ts'

const Ref = Type.String({ maxLength: 64, description: 'Echoed in the answer to this frame.' })
const ref = Type.Optional(Ref)

/** Where a room’s log stands. */
const reach = {
  room: RoomName,
  epoch: Type.String({ description: 'Names this incarnation of the log; to be sent back with `after`.' }),
  seq: Int64({ minimum: 0, description: 'The newest entry.' }),
  oldest: Int64({ minimum: 1, description: 'The oldest entry that is still kept.' })
}

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

/** Follow a room; with `after`, every entry with a greater `seq` comes first. Said again, it starts over at `after`. */
export const SubscribeFrame = Type.Object(
  {
    type: Type.Literal('subscribe'),
    room: RoomName,
    after: Type.Optional(Int64({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    epoch: Type.Optional(Type.String({ maxLength: 64, description: 'The epoch that `after` belongs to.' })),
    ref
  },
  { $id: 'ChatSubscribeFrame' }
)
export type SubscribeFrame = Static<typeof SubscribeFrame>

/** Stop following a room. */
export const UnsubscribeFrame = Type.Object(
  { type: Type.Literal('unsubscribe'), room: RoomName, ref },
  { $id: 'ChatUnsubscribeFrame' }
)
export type UnsubscribeFrame = Static<typeof UnsubscribeFrame>

/** The client’s user is typing; not stored. `room` is `general` when absent. */
export const TypingFrame = Type.Object(
  { type: Type.Literal('typing'), room: Type.Optional(RoomName), ref },
  { $id: 'ChatTypingFrame' }
)
export type TypingFrame = Static<typeof TypingFrame>

/** Every frame that a client may send, by its `type`. */
export const clientFrames = {
  message: SendFrame,
  subscribe: SubscribeFrame,
  unsubscribe: UnsubscribeFrame,
  typing: TypingFrame,
  auth: AuthFrame,
  ping: PingFrame
}
export type ClientFrame = SendFrame | SubscribeFrame | UnsubscribeFrame | TypingFrame | AuthFrame | PingFrame

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
    user_id: Type.Optional(Int64()),
    username: Type.Optional(Type.String()),
    server_time: Type.Optional(Timestamp),
    expires_at: Type.Optional(Timestamp),
    ping_interval_ms: Type.Optional(Type.Integer()),
    limits: Type.Optional(Limits)
  },
  { $id: 'ChatSystemFrame' }
)
export type SystemFrame = Static<typeof SystemFrame>

/** A message, committed, to everyone who follows its room. One that can’t be shown has no content, and says why. */
export const MessageFrame = Type.Object(
  { type: Type.Literal('message'), ...messageFields, ...shown, timestamp: Timestamp },
  { $id: 'ChatMessageFrame' }
)
export type MessageFrame = Static<typeof MessageFrame>

/** A room is followed from here on; first comes what was missed since `after`, then what happens. */
export const SubscribedFrame = Type.Object(
  { type: Type.Literal('subscribed'), ...reach, ref },
  { $id: 'ChatSubscribedFrame' }
)
export type SubscribedFrame = Static<typeof SubscribedFrame>

/** In place of `subscribed`: what was missed can’t be delivered whole. Load the history; the room is followed live. */
export const ResyncFrame = Type.Object(
  {
    type: Type.Literal('resync'),
    ...reach,
    reason: Type.Union([
      Type.Literal('too_far'),
      Type.Literal('expired'),
      Type.Literal('epoch'),
      Type.Literal('ahead')
    ]),
    ref
  },
  { $id: 'ChatResyncFrame' }
)
export type ResyncFrame = Static<typeof ResyncFrame>

/** A room is no longer followed: as asked, or because it may no longer be read. */
export const UnsubscribedFrame = Type.Object(
  { type: Type.Literal('unsubscribed'), room: RoomName, reason: Type.Optional(Type.String()), ref },
  { $id: 'ChatUnsubscribedFrame' }
)
export type UnsubscribedFrame = Static<typeof UnsubscribedFrame>

/** Now and then: how far each followed room reaches, so that a client can notice a gap by itself. */
export const HeadsFrame = Type.Object(
  { type: Type.Literal('heads'), rooms: Type.Record(Type.String(), Int64()) },
  { $id: 'ChatHeadsFrame' }
)
export type HeadsFrame = Static<typeof HeadsFrame>

/** Someone is typing in a room. */
export const TypingNotice = Type.Object(
  {
    type: Type.Literal('typing'),
    room: RoomName,
    user_id: Int64(),
    username: Type.String(),
    expires_in_ms: Type.Integer()
  },
  { $id: 'ChatTypingNotice' }
)
export type TypingNotice = Static<typeof TypingNotice>

/** Who is in a room, whole each time; above 100 people only how many. */
export const PresenceFrame = Type.Object({ type: Type.Literal('presence'), ...presence }, { $id: 'ChatPresenceFrame' })
export type PresenceFrame = Static<typeof PresenceFrame>

/** A planned stop: come back after this many milliseconds. Each client gets another wait. */
export const ReconnectFrame = Type.Object(
  { type: Type.Literal('reconnect'), after_ms: Type.Integer({ minimum: 0 }) },
  { $id: 'ChatReconnectFrame' }
)
export type ReconnectFrame = Static<typeof ReconnectFrame>

/** A send that had a `nonce` or a `ref` is committed; the same again when the same nonce comes again. */
export const AckFrame = Type.Object(
  {
    type: Type.Literal('ack'),
    nonce: Type.Optional(Nonce),
    ref,
    id: Int64(),
    room: RoomName,
    seq: Int64(),
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

/** Every frame that the service may send, by name. */
export const serverFrames = {
  system: SystemFrame,
  message: MessageFrame,
  ack: AckFrame,
  subscribed: SubscribedFrame,
  resync: ResyncFrame,
  unsubscribed: UnsubscribedFrame,
  heads: HeadsFrame,
  typing: TypingNotice,
  presence: PresenceFrame,
  reconnect: ReconnectFrame,
  authenticated: AuthenticatedFrame,
  error: ErrorFrame,
  pong: PongFrame
}
export type ServerFrame = {
  [Name in keyof typeof serverFrames]: Static<(typeof serverFrames)[Name]>
}[keyof typeof serverFrames]
