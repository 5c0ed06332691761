/** Rooms as the API shows them, and who is in them. */
import { type Static, Type } from '@sinclair/typebox'
import { NO_CONTROLS, NO_REORDERING } from '../../lib/text.ts'
import { Int64 } from '../integers.ts'
import { GENERAL, RoomName } from './messages.ts'

/** A room's title: one visible line. `x-visible` is a keyword of our validator. */
const Title = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: NO_CONTROLS,
  'x-rule': 'must have no control characters',
  'x-visible': true,
  allOf: [
    Type.String({ pattern: NO_REORDERING, description: 'must have no line separators or bidirectional controls' })
  ]
})

/** A room: its key, its title for people, and where its log stands. */
export const Room = Type.Object(
  {
    room: RoomName,
    title: Type.Union([Type.String(), Type.Null()], { description: 'For people; null for a room that has none.' }),
    epoch: Type.String({ description: 'Names this incarnation of the log.' }),
    oldest: Int64({ minimum: 1, description: 'The oldest entry that is still kept.' }),
    seq: Int64({ minimum: 0, description: 'The newest entry; 0 in an empty room.' })
  },
  { $id: 'ChatRoom', examples: [{ room: GENERAL, title: 'General', epoch: '5f0c', oldest: 1, seq: 42 }] }
)
export type Room = Static<typeof Room>

/** Rooms in the order of their names. */
export const RoomList = Type.Object(
  {
    rooms: Type.Array(Type.Unsafe<Room>(Type.Ref('ChatRoom'))),
    has_more: Type.Boolean({ description: 'Whether there may be more: ask with `after` what `next` says.' }),
    next: Type.Optional(Type.String({ description: 'What to go on after, a name or a sealed one; absent at the end.' }))
  },
  {
    $id: 'ChatRoomList',
    examples: [{ rooms: [{ room: GENERAL, title: 'General', epoch: '5f0c', oldest: 1, seq: 42 }], has_more: false }]
  }
)
export type RoomList = Static<typeof RoomList>

/** `after` of `GET /api/chat/rooms`. Any text has its place among the names. */
export const AfterRoom = Type.Optional(
  Type.String({
    maxLength: 256,
    pattern: NO_CONTROLS,
    'x-rule': 'must have no control characters',
    description: 'Only rooms whose names come after this one, or after what `next` said.',
    examples: [GENERAL]
  })
)

/** The body of `POST /api/chat/rooms`. */
export const NewRoom = Type.Object(
  { room: RoomName, title: Type.Optional(Title) },
  { $id: 'ChatNewRoom', examples: [{ room: 'support', title: 'Support' }] }
)
export type NewRoom = Static<typeof NewRoom>

/** Who is in a room; above 100 people only how many. */
export const presence = {
  room: RoomName,
  count: Type.Integer({ minimum: 0 }),
  users: Type.Optional(Type.Array(Type.Object({ user_id: Int64(), username: Type.String() })))
}

/** The answer of `GET /api/chat/rooms/{room}/presence`. */
export const Presence = Type.Object(presence, {
  $id: 'ChatPresence',
  examples: [{ room: GENERAL, count: 1, users: [{ user_id: 1, username: 'john' }] }]
})
export type Presence = Static<typeof Presence>
