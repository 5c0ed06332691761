/** Defines the schemas of invitations to rooms. */
import { type Static, Type } from '@sinclair/typebox'
import { Int64 } from '../integers.ts'
import { Timestamp } from '../timestamp.ts'
import { UserId } from './members.ts'
import { RoomName } from './messages.ts'

const MAX_ID = 2 ** 31 - 1

/**
 * Describes the path parameter `code`. The schema has no pattern, so that a code with wrong characters causes the same error as
 * an unknown code.
 */
export const InvitationCode = Type.String({
  minLength: 1,
  maxLength: 100,
  description: 'The code of an invitation.',
  examples: ['8pX0v7c2Qm1sT4dZ9bKfLw']
})

export const InvitationId = Int64({
  minimum: 1,
  maximum: MAX_ID,
  description: 'The id of an invitation.',
  examples: [1]
})

/** Describes the body of `POST /api/chat/rooms/{room}/invitations`. */
export const NewRoomInvitation = Type.Object(
  {
    expires_in_hours: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 720, description: 'How long the invitation can be used. 168 if absent.' })
    ),
    uses: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: 'How many people can join with it. 10 if absent.' })
    )
  },
  { $id: 'ChatNewRoomInvitation', examples: [{ expires_in_hours: 168, uses: 10 }] }
)
export type NewRoomInvitation = Static<typeof NewRoomInvitation>

const usesLeft = Type.Integer({ minimum: 0, description: 'How many more people can join with the invitation.' })
const TIME = '2026-01-31T12:00:00.123+00:00'

/** Describes a new invitation. */
export const RoomInvitation = Type.Object(
  {
    id: InvitationId,
    code: Type.String({ description: 'Shown only once, because the service stores only its hash.' }),
    link: Type.Optional(
      Type.String({ description: 'The address of the page with the code. Absent if the service has no `PUBLIC_URL`.' })
    ),
    expires_at: Timestamp,
    uses_left: usesLeft
  },
  {
    $id: 'ChatRoomInvitation',
    examples: [{ id: 1, code: '8pX0v7c2Qm1sT4dZ9bKfLw', expires_at: TIME, uses_left: 10 }]
  }
)
export type RoomInvitation = Static<typeof RoomInvitation>

/** Describes a list of invitations, newest first. */
export const RoomInvitationList = Type.Object(
  {
    room: RoomName,
    invitations: Type.Array(
      Type.Object({
        id: InvitationId,
        user_id: UserId,
        username: Type.String({ description: 'Who created the invitation.' }),
        created_at: Timestamp,
        expires_at: Timestamp,
        uses_left: usesLeft
      })
    )
  },
  {
    $id: 'ChatRoomInvitationList',
    examples: [
      {
        room: 'p.4q5w7k2m6r3t',
        invitations: [{ id: 1, user_id: 1, username: 'john', created_at: TIME, expires_at: TIME, uses_left: 10 }]
      }
    ]
  }
)
export type RoomInvitationList = Static<typeof RoomInvitationList>

/** Describes the room to which an invitation leads. */
export const InvitationPreview = Type.Object(
  {
    room: RoomName,
    title: Type.Optional(Type.String({ description: 'Absent for a room without a title.' })),
    members: Type.Integer({ minimum: 0, description: 'How many members the room has, at most 1,000.' })
  },
  { $id: 'ChatInvitationPreview', examples: [{ room: 'p.4q5w7k2m6r3t', title: 'Team', members: 3 }] }
)
export type InvitationPreview = Static<typeof InvitationPreview>

/** Describes the response to the use of an invitation. */
export const JoinedRoom = Type.Object(
  { room: RoomName },
  { $id: 'ChatJoinedRoom', examples: [{ room: 'p.4q5w7k2m6r3t' }] }
)
export type JoinedRoom = Static<typeof JoinedRoom>
