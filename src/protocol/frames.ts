/**
 * The WebSocket frames that are about the connection and not about one kind of entry, as JSON; those of the kinds are in
 * src/chat/kinds. Unknown fields are ignored.
 */
import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { Nonce, RoomName } from './http/messages.ts'
import { presence } from './http/rooms.ts'
import { Int64 } from './integers.ts'
import { Timestamp } from './timestamp.ts'

const Ref = Type.String({ maxLength: 64, description: 'Echoed in the answer to this frame.' })
/** The field `ref` of any frame of a client. */
export const ref = Type.Optional(Ref)

/** Where a room’s log stands. */
const reach = {
  room: RoomName,
  epoch: Type.String({ description: 'Names this incarnation of the log; to be sent back with `after`.' }),
  seq: Int64({ minimum: 0, description: 'The newest entry.' }),
  oldest: Int64({ minimum: 1, description: 'The oldest entry that is still kept.' })
}

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

/** A frame, and what it is for. */
interface Documented<Schema extends TSchema = TSchema> {
  readonly schema: Schema
  readonly summary: string
}

/** Frames by their `type`. */
export type DocumentedFrames = Readonly<Record<string, Documented>>

/** The frames that a client may send beside those that append an entry, by their `type`. */
export const connectionFrames = {
  subscribe: { schema: SubscribeFrame, summary: 'Follow a room, from where one left off' },
  unsubscribe: { schema: UnsubscribeFrame, summary: 'Stop following a room' },
  typing: { schema: TypingFrame, summary: 'Say that one is typing' },
  auth: { schema: AuthFrame, summary: 'Replace the token of the connection' },
  ping: { schema: PingFrame, summary: 'Ask for a pong' }
} satisfies DocumentedFrames
export type ClientFrame = SubscribeFrame | UnsubscribeFrame | TypingFrame | AuthFrame | PingFrame

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

/** An entry of a kind that this process doesn’t know, as while an older and a newer release run together. */
export const UnknownFrame = Type.Object(
  {
    type: Type.Literal('unknown'),
    kind: Type.String({ description: 'The kind, as a newer release calls it.' }),
    room: RoomName,
    seq: Int64({ minimum: 1 })
  },
  { $id: 'ChatUnknownFrame' }
)
export type UnknownFrame = Static<typeof UnknownFrame>

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

/** The frames that the service may send beside entries of the kinds that it knows, by their `type`. */
export const serviceFrames = {
  system: { schema: SystemFrame, summary: 'Who one is, who came and who left' },
  unknown: { schema: UnknownFrame, summary: 'An entry of a kind that this process doesn’t know' },
  ack: { schema: AckFrame, summary: 'A send is committed' },
  subscribed: { schema: SubscribedFrame, summary: 'A room is followed from here on' },
  resync: { schema: ResyncFrame, summary: 'What was missed can’t be delivered whole' },
  unsubscribed: { schema: UnsubscribedFrame, summary: 'A room is no longer followed' },
  heads: { schema: HeadsFrame, summary: 'How far the followed rooms reach' },
  typing: { schema: TypingNotice, summary: 'Someone is typing' },
  presence: { schema: PresenceFrame, summary: 'Who is in a room' },
  reconnect: { schema: ReconnectFrame, summary: 'A planned stop: when to come back' },
  authenticated: { schema: AuthenticatedFrame, summary: 'The new token was accepted' },
  error: { schema: ErrorFrame, summary: 'A frame was refused' },
  pong: { schema: PongFrame, summary: 'The answer to ping' }
} satisfies DocumentedFrames
export type ServerFrame = {
  [Name in keyof typeof serviceFrames]: Static<(typeof serviceFrames)[Name]['schema']>
}[keyof typeof serviceFrames]
