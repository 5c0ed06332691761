/** Defines the schemas of mutes and bans. */
import { type Static, Type } from '@sinclair/typebox'
import { Int64 } from '../integers.ts'
import { lineOf } from '../line.ts'
import { Timestamp } from '../timestamp.ts'
import { UserId } from './members.ts'
import { GENERAL } from './messages.ts'

const restriction = {
  until: Type.Optional(
    Type.String({
      format: 'date-time',
      'x-rule': 'must be a time in the future, as in RFC 3339',
      description: 'When the restriction ends. Without it, the restriction ends only when a moderator ends it.',
      examples: ['2099-01-31T12:00:00.123+00:00']
    })
  ),
  reason: Type.Optional(
    lineOf<string>('string', 500, {
      description: 'Why the user is restricted, in one line. The members of the room see it.',
      examples: ['Advertising']
    })
  )
}

/** Describes the body of `PUT /api/chat/rooms/{room}/mutes/{user}`. */
export const Mute = Type.Object(restriction, { $id: 'ChatMute', examples: [{ reason: 'Advertising' }] })
export type Mute = Static<typeof Mute>

/** Describes the body of `PUT /api/chat/rooms/{room}/bans/{user}`. */
export const Ban = Type.Object(
  {
    ...restriction,
    erase: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 168,
        description: 'Also deletes the messages of the user in this room of the last hours. The value is their number.',
        examples: [24]
      })
    )
  },
  { $id: 'ChatBan', examples: [{ reason: 'Advertising', erase: 24 }] }
)
export type Ban = Static<typeof Ban>

const EXAMPLE = {
  user_id: 2,
  username: 'jane',
  kind: 'ban',
  reason: 'Advertising',
  by: 1,
  created_at: '2026-01-31T12:00:00.123+00:00'
}

export const Restriction = Type.Object(
  {
    user_id: UserId,
    username: Type.String(),
    kind: Type.Unsafe<'mute' | 'ban'>({
      type: 'string',
      enum: ['mute', 'ban'],
      description: 'A muted user may not write. A banned user may not read or join the room.'
    }),
    until: Type.Optional(Timestamp),
    reason: Type.Optional(Type.String()),
    by: Type.Union([Int64(), Type.Null()], {
      description: 'The user who restricted the user. Null for the application, or if the account was deleted.'
    }),
    created_at: Timestamp
  },
  { $id: 'ChatRestriction', examples: [EXAMPLE] }
)
export type Restriction = Static<typeof Restriction>

/** Describes a list of restrictions in the order of the ids of the users. */
export const RestrictionList = Type.Object(
  {
    room: Type.String({ examples: [GENERAL] }),
    restrictions: Type.Array(Type.Unsafe<Restriction>(Type.Ref('ChatRestriction'))),
    has_more: Type.Boolean({
      description: 'Whether there may be more restrictions. Request them with `after` set to `next`.'
    }),
    next: Type.Optional(
      Int64({ minimum: 1, description: 'The value of `after` for the next page. Absent on the last page.' })
    )
  },
  { $id: 'ChatRestrictionList', examples: [{ room: GENERAL, restrictions: [EXAMPLE], has_more: false }] }
)
export type RestrictionList = Static<typeof RestrictionList>
