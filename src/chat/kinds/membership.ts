/**
 * Defines the kind `membership`, which adds a member to a room, removes, mutes or bans a user, or changes a role. The service
 * appends it for a request over HTTP or for the host application. SQL decides under the lock of the room whether the author may
 * make the change.
 */
import { Type } from '@sinclair/typebox'
import { timestamp } from '../../lib/clock.ts'
import { MemberRole, UserId } from '../../protocol/http/members.ts'
import { MEMBERSHIP, messageFields } from '../../protocol/http/messages.ts'
import { Timestamp } from '../../protocol/timestamp.ts'
import { defineKind } from './kind.ts'

const { content: _, meta: __, nonce: ___, ...place } = messageFields

/**
 * The change that the service appends. `put` adds the user, or changes the role of a member. `remove` removes the user, who may
 * also be the author. `until` is the end of a mute or ban, in milliseconds since the epoch. `erase` makes a ban also delete the
 * messages that the user sent in the last `erase` hours.
 */
export const MembershipCommand = Type.Object({
  type: Type.Literal(MEMBERSHIP),
  subject: UserId,
  op: Type.Union([
    Type.Literal('put'),
    Type.Literal('remove'),
    Type.Literal('mute'),
    Type.Literal('unmute'),
    Type.Literal('ban'),
    Type.Literal('unban')
  ]),
  role: Type.Optional(MemberRole),
  until: Type.Optional(Type.Number()),
  reason: Type.Optional(Type.String()),
  erase: Type.Optional(Type.Integer()),
  /** The users whom the host application adds. `subject` is one of them. */
  subjects: Type.Optional(Type.Array(UserId)),
  /** The SHA-256 of the code of the invitation that the author uses to join the room. */
  invitation: Type.Optional(Type.String())
})

/** The frame that reports a change of the members. */
export const MembershipFrame = Type.Object(
  {
    type: Type.Literal(MEMBERSHIP),
    ...place,
    subject: UserId,
    event: Type.Union(
      [
        Type.Literal('joined'),
        Type.Literal('left'),
        Type.Literal('added'),
        Type.Literal('removed'),
        Type.Literal('role_changed'),
        Type.Literal('muted'),
        Type.Literal('unmuted'),
        Type.Literal('banned'),
        Type.Literal('unbanned')
      ],
      {
        description:
          '`joined` and `left`: the subject acted. Otherwise, the author of the entry acted, or the application if the author is the subject.'
      }
    ),
    role: Type.Optional(MemberRole),
    until: Type.Optional(Timestamp),
    reason: Type.Optional(Type.String({ description: 'Why the user was muted or banned.' })),
    subjects: Type.Optional(
      Type.Array(UserId, {
        description: 'All added users, if an application added several users at once. `subject` is one of them.'
      })
    ),
    timestamp: Timestamp
  },
  { $id: 'ChatMembershipFrame' }
)

export const membership = defineKind({
  kind: MEMBERSHIP,
  action: 'read',
  isServiceOnly: true,
  command: MembershipCommand,
  frame: MembershipFrame,
  summary: { command: 'Not sent by clients', frame: 'The members of a room or their roles changed' },
  encrypted: ['meta'],
  step: 'rooms',
  prepare: ({ subject, subjects, op, role, until, reason, erase, invitation }) => ({
    content: null,
    // A user wrote the reason, so it is encrypted.
    meta: reason === undefined ? null : JSON.stringify({ reason: reason.toWellFormed() }),
    detail: JSON.stringify({ subject, subjects, op, role, until, erase, invitation })
  }),
  show: ({ detail, meta }) => ({
    subject: detail?.subject,
    event: detail?.event,
    ...(detail?.role === undefined ? {} : { role: detail.role }),
    ...(typeof detail?.until === 'number' ? { until: timestamp(detail.until) } : {}),
    ...(typeof meta?.reason === 'string' ? { reason: meta.reason } : {}),
    ...(detail?.subjects === undefined ? {} : { subjects: detail.subjects })
  }),
  // Compares only the subject, because the stored data contains the result of the change and not the request.
  isSameDetail: (one, other) => one?.subject === other?.subject
})
