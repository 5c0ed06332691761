/** Defines the frames in which the service reports on a room: its log, and the users who are present. */
import { type Static, Type } from '@sinclair/typebox'
import { InboxTotal, InboxUpdate } from '../http/inbox.ts'
import { RoomName } from '../http/messages.ts'
import { presence } from '../http/rooms.ts'
import { Int64 } from '../integers.ts'
import { repeatedRef } from './ref.ts'

/** Describes the range of a room’s log. */
const reach = {
  room: RoomName,
  epoch: Type.String({ description: 'Identifies this incarnation of the log. Send it with `after`.' }),
  seq: Int64({ minimum: 0, description: 'The `seq` of the newest entry.' }),
  oldest: Int64({ minimum: 1, description: 'The `seq` of the oldest entry that is kept.' })
}

/** Delivers an entry of a kind that this process doesn’t support, for example because a newer release defines the kind. */
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
  { type: Type.Literal('subscribed'), ...reach, ref: repeatedRef },
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
    ref: repeatedRef
  },
  { $id: 'ChatResyncFrame' }
)
export type ResyncFrame = Static<typeof ResyncFrame>

/** Reports that a subscription has ended: on request, or because the user may no longer read the room. */
export const UnsubscribedFrame = Type.Object(
  { type: Type.Literal('unsubscribed'), room: RoomName, reason: Type.Optional(Type.String()), ref: repeatedRef },
  { $id: 'ChatUnsubscribedFrame' }
)
export type UnsubscribedFrame = Static<typeof UnsubscribedFrame>

/** Reports the newest `seq` of each subscribed room every 30 seconds, so that a client can detect missing entries. */
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

/**
 * Reports how far members have read, at most once per second. If a room has more than 100 members, or if `READ_RECEIPTS` is
 * false, the service reports a user’s marks only to the connections of that user.
 */
export const ReadNotice = Type.Object(
  {
    type: Type.Literal('read'),
    room: RoomName,
    reads: Type.Array(Type.Object({ user_id: Int64(), read_seq: Int64({ minimum: 0 }) }))
  },
  { $id: 'ChatReadNotice' }
)
export type ReadNotice = Static<typeof ReadNotice>

/**
 * Reports the rooms of the inbox. The frame with `first` contains the first page. Later frames contain changes: all fields of a
 * room that is new to the client, and only the changed fields of any other room. `removed` lists the rooms that are not in the
 * inbox anymore.
 */
export const InboxFrame = Type.Object(
  {
    type: Type.Literal('inbox'),
    first: Type.Optional(Type.Literal(true)),
    rooms: Type.Optional(Type.Array(InboxUpdate)),
    removed: Type.Optional(Type.Array(RoomName)),
    total: Type.Optional(InboxTotal),
    has_more: Type.Optional(Type.Boolean()),
    next: Type.Optional(
      Type.String({ description: 'The `after` of `GET /api/chat/inbox` for the rooms after these.' })
    ),
    ref: repeatedRef
  },
  { $id: 'ChatInboxFrame' }
)
export type InboxFrame = Static<typeof InboxFrame>

/** Reports everyone who is present in a room. If more than 100 users are present, reports only their number. */
export const PresenceFrame = Type.Object({ type: Type.Literal('presence'), ...presence }, { $id: 'ChatPresenceFrame' })
export type PresenceFrame = Static<typeof PresenceFrame>
