/** Defines the schemas of the members of a room, and of the users who can be added. */
import { type Static, Type } from '@sinclair/typebox'
import { Int64 } from '../integers.ts'
import { Timestamp } from '../timestamp.ts'
import { GENERAL } from './messages.ts'

/** The highest id that a user can have. */
export const MAX_USER_ID = 2 ** 31 - 1

export const UserId = Int64({ minimum: 1, maximum: MAX_USER_ID, description: 'The id of a user.', examples: [1] })

/** Describes the role of a member in a room. */
export const MemberRole = Type.Unsafe<'member' | 'moderator' | 'owner'>({
  type: 'string',
  enum: ['member', 'moderator', 'owner'],
  description: 'The role in the room. Each role may do what the roles before it may do.',
  examples: ['member']
})
export type MemberRole = Static<typeof MemberRole>

/** Describes the path parameter `user`: an id, or `me` for the authenticated user. */
export const UserOrMe = Type.String({
  pattern: '^(me|[1-9][0-9]{0,9})$',
  'x-rule': 'must be the id of a user, or "me"',
  description: 'The id of a user, or `me`.',
  examples: ['me']
})

const EXAMPLE = { user_id: 1, username: 'john', role: 'owner', joined_at: '2026-01-31T12:00:00.123+00:00' }

export const Member = Type.Object(
  {
    user_id: UserId,
    username: Type.String(),
    role: MemberRole,
    joined_at: Timestamp,
    read_seq: Type.Optional(
      Int64({
        minimum: 0,
        description:
          'The `seq` of the last entry that the member has read. Only in lists; for others only in rooms with up to 100 members.'
      })
    )
  },
  { $id: 'ChatMember', examples: [EXAMPLE] }
)
export type Member = Static<typeof Member>

/** Describes a list of members in the order of their ids. */
export const MemberList = Type.Object(
  {
    room: Type.String({ examples: [GENERAL] }),
    members: Type.Array(Type.Unsafe<Member>(Type.Ref('ChatMember'))),
    has_more: Type.Boolean({
      description: 'Whether there may be more members. Request them with `after` set to `next`.'
    }),
    next: Type.Optional(
      Int64({ minimum: 1, description: 'The value of `after` for the next page. Absent on the last page.' })
    )
  },
  { $id: 'ChatMemberList', examples: [{ room: GENERAL, members: [EXAMPLE], has_more: false }] }
)
export type MemberList = Static<typeof MemberList>

/** Describes the body of `PUT /api/chat/rooms/{room}/members/{user}`. */
export const MemberChange = Type.Object(
  { role: Type.Optional(MemberRole) },
  { $id: 'ChatMemberChange', examples: [{ role: 'moderator' }] }
)
export type MemberChange = Static<typeof MemberChange>

/** Maximum number of people in a direct room, including the user who creates it. */
export const MAX_DIRECT = 8

/** Describes the body of `POST /api/chat/direct`. */
export const DirectRoom = Type.Object(
  {
    users: Type.Array(UserId, {
      minItems: 1,
      maxItems: MAX_DIRECT,
      description: 'The other people, at most seven. Repeated ids and your own id are ignored.'
    })
  },
  { $id: 'ChatDirectRoom', examples: [{ users: [2] }] }
)
export type DirectRoom = Static<typeof DirectRoom>

/** Minimum length of the text with which users are searched. */
export const MIN_USER_QUERY = 2

/** Describes the response of `GET /api/users`. */
export const UserList = Type.Object(
  { users: Type.Array(Type.Object({ user_id: UserId, username: Type.String() })) },
  { $id: 'ChatUserList', examples: [{ users: [{ user_id: 1, username: 'john' }] }] }
)
export type UserList = Static<typeof UserList>
