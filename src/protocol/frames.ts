/**
 * Defines the WebSocket frames that do not belong to a kind of entry. The frames of each kind are in src/chat/kinds. Frames are
 * JSON, and their unknown fields are ignored.
 */
import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { Nonce, RoomName } from './http/messages.ts'
import { presence } from './http/rooms.ts'
import { Int64 } from './integers.ts'
import { Timestamp } from './timestamp.ts'

const Ref = Type.String({ maxLength: 64, description: 'Echoed in the response to this frame.' })
/** Defines the field `ref`, which every frame of a client may have. */
export const ref = Type.Optional(Ref)

/** Describes the range of a room’s log. */
const reach = {
  room: RoomName,
  epoch: Type.String({ description: 'Identifies this incarnation of the log. Send it with `after`.' }),
  seq: Int64({ minimum: 0, description: 'The `seq` of the newest entry.' }),
  oldest: Int64({ minimum: 1, description: 'The `seq` of the oldest entry that is kept.' })
}

/** Replaces the token of the connection. The new token must belong to the same user. */
export const AuthFrame = Type.Object(
  { type: Type.Literal('auth'), token: Type.String({ minLength: 1 }), ref },
  { $id: 'ChatAuthFrame' }
)
export type AuthFrame = Static<typeof AuthFrame>

/** Requests a `pong`. For clients, such as browsers, that cannot see the ping frames of the WebSocket protocol. */
export const PingFrame = Type.Object({ type: Type.Literal('ping'), ref }, { $id: 'ChatPingFrame' })
export type PingFrame = Static<typeof PingFrame>

/**
 * Subscribes to a room. With `after`, the service first sends every entry with a greater `seq`. If the client is already
 * subscribed, the new subscription replaces the old one.
 */
export const SubscribeFrame = Type.Object(
  {
    type: Type.Literal('subscribe'),
    room: RoomName,
    after: Type.Optional(Int64({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    epoch: Type.Optional(Type.String({ maxLength: 64, description: 'The epoch of the log that `after` refers to.' })),
    ref
  },
  { $id: 'ChatSubscribeFrame' }
)
export type SubscribeFrame = Static<typeof SubscribeFrame>

/** Ends the subscription to a room. */
export const UnsubscribeFrame = Type.Object(
  { type: Type.Literal('unsubscribe'), room: RoomName, ref },
  { $id: 'ChatUnsubscribeFrame' }
)
export type UnsubscribeFrame = Static<typeof UnsubscribeFrame>

/**
 * Reports that the client’s user is typing in a room. The default of `room` is `general`. The service does not store this
 * event.
 */
export const TypingFrame = Type.Object(
  { type: Type.Literal('typing'), room: Type.Optional(RoomName), ref },
  { $id: 'ChatTypingFrame' }
)
export type TypingFrame = Static<typeof TypingFrame>

/** The schema of a frame, and a summary for the AsyncAPI document. */
interface Documented<Schema extends TSchema = TSchema> {
  readonly schema: Schema
  readonly summary: string
}

/** Maps the `type` of a frame to its schema and summary. */
export type DocumentedFrames = Readonly<Record<string, Documented>>

/** Defines the frames that a client may send, keyed by `type`, except frames that append an entry. */
export const connectionFrames = {
  subscribe: { schema: SubscribeFrame, summary: 'Subscribe to a room, and resume after an entry' },
  unsubscribe: { schema: UnsubscribeFrame, summary: 'End a subscription' },
  typing: { schema: TypingFrame, summary: 'Report that the user is typing' },
  auth: { schema: AuthFrame, summary: 'Replace the token of the connection' },
  ping: { schema: PingFrame, summary: 'Request a pong' }
} satisfies DocumentedFrames
export type ClientFrame = SubscribeFrame | UnsubscribeFrame | TypingFrame | AuthFrame | PingFrame

/** Describes the limits of a connection, which the first `system` frame contains. 0 means no limit. */
export const Limits = Type.Object({
  max_message_length: Type.Integer({ description: 'Characters (Unicode code points).' }),
  max_meta_bytes: Type.Integer(),
  max_frame_bytes: Type.Integer(),
  messages_per_second: Type.Number(),
  message_burst: Type.Number()
})
export type Limits = Static<typeof Limits>

/**
 * Reports that a user joined or left a room. The first frame of a connection has the event `connected` and contains the user of
 * the client.
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

/** Delivers an entry of a kind that this process doesn’t support, while an older and a newer release run together. */
export const UnknownFrame = Type.Object(
  {
    type: Type.Literal('unknown'),
    kind: Type.String({ description: 'The kind, which a newer release defines.' }),
    room: RoomName,
    seq: Int64({ minimum: 1 })
  },
  { $id: 'ChatUnknownFrame' }
)
export type UnknownFrame = Static<typeof UnknownFrame>

/**
 * Confirms a subscription. The service then sends the entries that the client missed since `after`, followed by new entries.
 */
export const SubscribedFrame = Type.Object(
  { type: Type.Literal('subscribed'), ...reach, ref },
  { $id: 'ChatSubscribedFrame' }
)
export type SubscribedFrame = Static<typeof SubscribedFrame>

/**
 * Reports that the service cannot deliver all missed entries. The client should load the history. The service continues to send
 * new entries. Sent instead of `subscribed`, or later during a subscription.
 */
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

/** Reports that a subscription has ended: on request, or because the user may no longer read the room. */
export const UnsubscribedFrame = Type.Object(
  { type: Type.Literal('unsubscribed'), room: RoomName, reason: Type.Optional(Type.String()), ref },
  { $id: 'ChatUnsubscribedFrame' }
)
export type UnsubscribedFrame = Static<typeof UnsubscribedFrame>

/** Reports the newest `seq` of each subscribed room from time to time, so that a client can detect a gap. */
export const HeadsFrame = Type.Object(
  { type: Type.Literal('heads'), rooms: Type.Record(Type.String(), Int64()) },
  { $id: 'ChatHeadsFrame' }
)
export type HeadsFrame = Static<typeof HeadsFrame>

/** Reports that someone is typing in a room. */
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

/** Reports everyone who is in a room, or only the count if there are more than 100 people. */
export const PresenceFrame = Type.Object({ type: Type.Literal('presence'), ...presence }, { $id: 'ChatPresenceFrame' })
export type PresenceFrame = Static<typeof PresenceFrame>

/** Announces a planned shutdown. The client should reconnect after `after_ms` milliseconds, a random delay for each client. */
export const ReconnectFrame = Type.Object(
  { type: Type.Literal('reconnect'), after_ms: Type.Integer({ minimum: 0 }) },
  { $id: 'ChatReconnectFrame' }
)
export type ReconnectFrame = Static<typeof ReconnectFrame>

/**
 * Acknowledges a committed entry whose frame had a `nonce` or a `ref`. If the client sends the same nonce again, it receives
 * the same acknowledgement.
 */
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

/** Confirms a new token. The connection now stays open until `expires_at`. */
export const AuthenticatedFrame = Type.Object(
  { type: Type.Literal('authenticated'), expires_at: Timestamp, ref },
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
    ref,
    retry_after_ms: Type.Optional(Type.Integer({ minimum: 0 }))
  },
  { $id: 'ChatErrorFrame' }
)
export type ErrorFrame = Static<typeof ErrorFrame>

/** Responds to `ping`. */
export const PongFrame = Type.Object({ type: Type.Literal('pong'), ref }, { $id: 'ChatPongFrame' })
export type PongFrame = Static<typeof PongFrame>

/** Defines the frames that the service may send, keyed by `type`, except entries of known kinds. */
export const serviceFrames = {
  system: { schema: SystemFrame, summary: 'Who the client is, and who joined or left a room' },
  unknown: { schema: UnknownFrame, summary: 'An entry of a kind that this process doesn’t support' },
  ack: { schema: AckFrame, summary: 'A sent message is committed' },
  subscribed: { schema: SubscribedFrame, summary: 'The subscription to a room is active' },
  resync: { schema: ResyncFrame, summary: 'Missed messages can’t all be delivered' },
  unsubscribed: { schema: UnsubscribedFrame, summary: 'The subscription to a room has ended' },
  heads: { schema: HeadsFrame, summary: 'The newest entry of each subscribed room' },
  typing: { schema: TypingNotice, summary: 'Someone is typing' },
  presence: { schema: PresenceFrame, summary: 'Who is in a room' },
  reconnect: { schema: ReconnectFrame, summary: 'A planned shutdown: when to reconnect' },
  authenticated: { schema: AuthenticatedFrame, summary: 'The new token was accepted' },
  error: { schema: ErrorFrame, summary: 'A frame was rejected' },
  pong: { schema: PongFrame, summary: 'The response to ping' }
} satisfies DocumentedFrames
export type ServerFrame = {
  [Name in keyof typeof serviceFrames]: Static<(typeof serviceFrames)[Name]['schema']>
}[keyof typeof serviceFrames]
