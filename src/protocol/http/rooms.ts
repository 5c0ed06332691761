/** Defines the schemas of rooms and of the presence in a room. */
import { type Static, Type } from '@sinclair/typebox'
import { NO_CONTROLS, NO_REORDERING } from '../../lib/text.ts'
import { Int64 } from '../integers.ts'
import { GENERAL, RoomName } from './messages.ts'

/** Describes a room's title: one line with a visible character. `x-visible` is a keyword of src/protocol/validation.ts. */
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

/** Describes a room: its name, its title, and the range of its log. */
export const Room = Type.Object(
  {
    room: RoomName,
    title: Type.Union([Type.String(), Type.Null()], {
      description: 'A title to display; null for a room without one.'
    }),
    epoch: Type.String({ description: 'Identifies this incarnation of the log.' }),
    oldest: Int64({ minimum: 1, description: 'The `seq` of the oldest entry that is kept.' }),
    seq: Int64({ minimum: 0, description: 'The `seq` of the newest entry; 0 in an empty room.' })
  },
  { $id: 'ChatRoom', examples: [{ room: GENERAL, title: 'General', epoch: '5f0c', oldest: 1, seq: 42 }] }
)
export type Room = Static<typeof Room>

/** Describes a list of rooms in the order of their names. */
export const RoomList = Type.Object(
  {
    rooms: Type.Array(Type.Unsafe<Room>(Type.Ref('ChatRoom'))),
    has_more: Type.Boolean({
      description: 'Whether there may be more rooms. Request them with `after` set to `next`.'
    }),
    next: Type.Optional(
      Type.String({
        description: 'The value of `after` for the next page: a room name or an opaque cursor. Absent on the last page.'
      })
    )
  },
  {
    $id: 'ChatRoomList',
    examples: [{ rooms: [{ room: GENERAL, title: 'General', epoch: '5f0c', oldest: 1, seq: 42 }], has_more: false }]
  }
)
export type RoomList = Static<typeof RoomList>

/**
 * Defines the query parameter `after` of `GET /api/chat/rooms`. The value is the `next` of the previous page, or a name. The
 * name is only compared with the names of rooms, so a room with this name need not exist.
 */
export const AfterRoom = Type.Optional(
  Type.String({
    maxLength: 256,
    pattern: NO_CONTROLS,
    'x-rule': 'must have no control characters',
    description: 'The `next` of the previous page, or a room name. The response contains only rooms after it.',
    examples: [GENERAL]
  })
)

/** Describes the body of `POST /api/chat/rooms`. */
export const NewRoom = Type.Object(
  { room: RoomName, title: Type.Optional(Title) },
  { $id: 'ChatNewRoom', examples: [{ room: 'support', title: 'Support' }] }
)
export type NewRoom = Static<typeof NewRoom>

/** Describes who is in a room. If there are more than 100 people, `users` is absent. */
export const presence = {
  room: RoomName,
  count: Type.Integer({ minimum: 0 }),
  users: Type.Optional(Type.Array(Type.Object({ user_id: Int64(), username: Type.String() })))
}

/** Describes the response of `GET /api/chat/rooms/{room}/presence`. */
export const Presence = Type.Object(presence, {
  $id: 'ChatPresence',
  examples: [{ room: GENERAL, count: 1, users: [{ user_id: 1, username: 'john' }] }]
})
export type Presence = Static<typeof Presence>
