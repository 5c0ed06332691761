/** Defines the frames that a client sends, except frames that append an entry. */
import { type Static, Type } from '@sinclair/typebox'
import { RoomName } from '../http/messages.ts'
import { Epoch, UpTo } from '../http/reads.ts'
import { Int64 } from '../integers.ts'
import { ref } from './ref.ts'

/** Replaces the token of the connection. The new token must belong to the same user. */
export const AuthFrame = Type.Object(
  { type: Type.Literal('auth'), token: Type.String({ minLength: 1 }), ref },
  { $id: 'ChatAuthFrame' }
)
export type AuthFrame = Static<typeof AuthFrame>

/** Requests a `pong`. Used by clients, such as browsers, that cannot see the ping frames of the WebSocket protocol. */
export const PingFrame = Type.Object({ type: Type.Literal('ping'), ref }, { $id: 'ChatPingFrame' })
export type PingFrame = Static<typeof PingFrame>

/**
 * Subscribes to a room. With `after`, the service first sends the entries with a greater `seq`, or responds with `resync` if it
 * cannot send all of them. If the client is already subscribed, the new subscription replaces the old one.
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
 * Marks a room as read up to an entry, or as unread. The default of `room` is `general`. Ignored if the user is not a member of
 * the room, or if the log has another epoch. A mark never moves back. After the first frame of this type, the service reports
 * read marks on the connection (see ReadNotice). A frame without `up_to` and `unread` changes no mark.
 */
export const ReadCommand = Type.Object(
  {
    type: Type.Literal('read'),
    room: Type.Optional(RoomName),
    up_to: Type.Optional(UpTo),
    epoch: Type.Optional(Epoch),
    unread: Type.Optional(Type.Boolean()),
    ref
  },
  { $id: 'ChatReadCommand' }
)
export type ReadCommand = Static<typeof ReadCommand>

/** Requests the inbox of the client’s user, and all later changes of the inbox. */
export const InboxCommand = Type.Object({ type: Type.Literal('inbox'), ref }, { $id: 'ChatInboxCommand' })
export type InboxCommand = Static<typeof InboxCommand>

/**
 * Reports that the client’s user is typing in a room. The default of `room` is `general`. The service does not store this
 * event.
 */
export const TypingFrame = Type.Object(
  { type: Type.Literal('typing'), room: Type.Optional(RoomName), ref },
  { $id: 'ChatTypingFrame' }
)
export type TypingFrame = Static<typeof TypingFrame>
