/** Defines the schemas of the inbox: the rooms of a user, with the numbers of unread messages. */
import { type Static, Type } from '@sinclair/typebox'
import { NO_CONTROLS } from '../../lib/text.ts'
import { Int64 } from '../integers.ts'
import { Timestamp } from '../timestamp.ts'
import { MemberRole, UserId } from './members.ts'
import { GENERAL, RoomName } from './messages.ts'

/** Maximum number of rooms in one page and in the first frame. */
export const MAX_INBOX_ROOMS = 200

const Count = (description: string) => Type.Integer({ minimum: 0, description })

export const LastMessage = Type.Object({
  seq: Int64({ minimum: 1 }),
  user_id: Int64(),
  username: Type.String(),
  timestamp: Timestamp,
  excerpt: Type.Optional(Type.String({ description: 'The first 100 characters of the current text.' })),
  unavailable: Type.Optional(Type.String({ description: 'Why there is no excerpt: `erased` or `key`.' }))
})
export type LastMessage = Static<typeof LastMessage>

/** The fields of a room that are the same for everybody. */
const shared = {
  messages: Count('The number of messages in the room up to now, deleted ones included.'),
  last: Type.Optional(LastMessage)
}

/** The fields of a room that differ between its members. */
const personal = {
  role: MemberRole,
  read_messages: Count('The number of messages up to your read mark.'),
  mentions: Count('The number of unread messages that mention you; 100 means at least 100.'),
  marked_unread: Type.Boolean({ description: 'Whether you marked the room as unread.' })
}

export const InboxItem = Type.Object({
  room: RoomName,
  title: Type.Optional(Type.String()),
  visibility: Type.Unsafe<'public' | 'private' | 'direct'>({ type: 'string', enum: ['public', 'private', 'direct'] }),
  seq: Int64({ minimum: 0, description: 'The `seq` of the newest entry.' }),
  ...shared,
  ...personal,
  unread: Count('`messages` minus `read_messages`.'),
  people: Type.Optional(
    Type.Array(Type.Object({ user_id: UserId, username: Type.String() }), {
      description: 'The other people of a direct room. Absent in other rooms.'
    })
  )
})
export type InboxItem = Static<typeof InboxItem>

export const InboxTotal = Type.Object(
  {
    unread_rooms: Count('The number of rooms that are unread or marked as unread.'),
    mentions: Count('The sum of all mentions.')
  },
  { description: 'Over all your rooms, not only those of this page.' }
)
export type InboxTotal = Static<typeof InboxTotal>

const EXAMPLE = {
  room: GENERAL,
  visibility: 'public',
  role: 'member',
  seq: 45,
  messages: 42,
  read_messages: 40,
  unread: 2,
  mentions: 1,
  marked_unread: false,
  last: { seq: 45, user_id: 2, username: 'jane', timestamp: '2026-01-31T12:00:00.123+00:00', excerpt: 'Hello' }
}

export const InboxPage = Type.Object(
  {
    rooms: Type.Array(InboxItem),
    total: InboxTotal,
    has_more: Type.Boolean({ description: 'Whether there are more rooms. Request them with `after` set to `next`.' }),
    next: Type.Optional(
      Type.String({ description: 'The value of `after` for the next page. Absent on the last page.' })
    )
  },
  {
    $id: 'ChatInboxPage',
    examples: [{ rooms: [EXAMPLE], total: { unread_rooms: 1, mentions: 1 }, has_more: false }]
  }
)
export type InboxPage = Static<typeof InboxPage>

/** Defines the query parameter `after` of `GET /api/chat/inbox`. */
export const AfterInbox = Type.Optional(
  Type.String({
    maxLength: 512,
    pattern: NO_CONTROLS,
    'x-rule': 'must have no control characters',
    description: 'The `next` of the previous page.'
  })
)

/** Describes a room in a frame. A room that is new to the client has all fields. Any other room has only the changed fields. */
export const InboxUpdate = Type.Object({
  room: RoomName,
  title: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  ...Type.Partial(Type.Omit(InboxItem, ['room', 'title'])).properties
})
export type InboxUpdate = Static<typeof InboxUpdate>
