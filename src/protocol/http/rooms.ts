/** Defines the schemas of rooms and of the presence in a room. */
import { type Static, Type } from '@sinclair/typebox'
import { NO_CONTROLS } from '../../lib/text.ts'
import { Int64 } from '../integers.ts'
import { lineOf } from '../line.ts'
import { MemberRole } from './members.ts'
import { GENERAL, RoomName } from './messages.ts'

/** Maximum length of a title and of a topic, in characters. */
const [MAX_TITLE, MAX_TOPIC] = [200, 1000]

/** Describes the settings of a room that owners change. Moderators may change only `slow_mode_seconds`. */
export const settings = {
  slow_mode_seconds: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 21_600,
      description: 'How long a member must wait between two messages, in seconds; 0 if there is no slow mode.',
      examples: [30]
    })
  ),
  archived: Type.Optional(
    Type.Boolean({
      description: 'Whether the room is read-only: only moderators may delete messages.',
      examples: [true]
    })
  ),
  invite: Type.Optional(
    Type.Unsafe<'members' | 'moderators'>({
      type: 'string',
      enum: ['members', 'moderators'],
      description: 'Who may add members to a private room.',
      examples: ['moderators']
    })
  )
}

/** Describes how long the entries of a room are kept. Only owners may change this time. Null removes the limit of the room. */
export const RetentionDays = Type.Optional(
  Type.Unsafe<number | null>({
    type: ['integer', 'null'],
    minimum: 1,
    maximum: 36_500,
    description:
      'How many days the entries of the room are kept, if this is fewer than the service keeps them; null without such a limit. Older entries are deleted permanently.',
    examples: [90]
  })
)

const EXAMPLE = {
  room: GENERAL,
  title: 'General',
  topic: null,
  visibility: 'public',
  epoch: '5f0c',
  oldest: 1,
  seq: 42
}

/** Describes a room as one user sees it. The settings are absent if they have their default values. */
export const Room = Type.Object(
  {
    room: RoomName,
    title: Type.Union([Type.String(), Type.Null()], {
      description: 'A title to display; null for a room without one.'
    }),
    topic: Type.Union([Type.String(), Type.Null()], {
      description: 'What the room is about; null for a room without a topic.'
    }),
    visibility: Type.Unsafe<'public' | 'private' | 'direct'>({
      type: 'string',
      enum: ['public', 'private', 'direct'],
      description:
        'Who can see the room: everybody (`public`), its members (`private`), or 2 to 8 people who never change (`direct`).'
    }),
    role: Type.Optional(MemberRole),
    ...settings,
    retention_days: RetentionDays,
    epoch: Type.String({ description: 'Identifies this incarnation of the log.' }),
    oldest: Int64({ minimum: 1, description: 'The `seq` of the oldest entry that is kept.' }),
    seq: Int64({ minimum: 0, description: 'The `seq` of the newest entry; 0 in an empty room.' })
  },
  { $id: 'ChatRoom', examples: [EXAMPLE] }
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
    examples: [{ rooms: [EXAMPLE], has_more: false }]
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

const NewVisibility = Type.Optional(
  Type.Unsafe<'public' | 'private'>({
    type: 'string',
    enum: ['public', 'private'],
    description: 'Who can see the room: `public` by default. It cannot be changed later.',
    examples: ['public', 'private']
  })
)

/** Describes the body of `POST /api/chat/rooms`. `room` is required for a public room, and not allowed for a private one. */
export const NewRoom = Type.Object(
  {
    room: Type.Optional(RoomName),
    title: Type.Optional(lineOf<string>('string', MAX_TITLE, { description: 'A title to display.' })),
    topic: Type.Optional(lineOf<string>('string', MAX_TOPIC, { description: 'What the room is about.' })),
    visibility: NewVisibility
  },
  { $id: 'ChatNewRoom', examples: [{ room: 'support', title: 'Support' }] }
)
export type NewRoom = Static<typeof NewRoom>

/** Describes a room that a host application creates. Unlike a user, the host also chooses the name of a private room. */
export const HostRoom = Type.Object({ ...NewRoom.properties, room: RoomName })
export type HostRoom = Static<typeof HostRoom>

/** Describes the body of `PATCH /api/chat/rooms/{room}`. */
export const RoomChange = Type.Object(
  {
    title: Type.Optional(
      lineOf<string | null>(['string', 'null'], MAX_TITLE, { description: 'The new title; null removes it.' })
    ),
    topic: Type.Optional(
      lineOf<string | null>(['string', 'null'], MAX_TOPIC, { description: 'The new topic; null removes it.' })
    ),
    ...settings,
    retention_days: RetentionDays
  },
  {
    $id: 'ChatRoomChange',
    minProperties: 1,
    // Rejects unknown properties, so that a client does not assume that the service has made a change which this release does not
    // support.
    additionalProperties: false,
    examples: [{ topic: 'Questions and answers' }]
  }
)
export type RoomChange = Static<typeof RoomChange>

/** Describes which users are present in a room. If more than 100 users are present, `users` is absent. */
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
