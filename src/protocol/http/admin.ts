/** Defines the schemas of the administration: users, and the audit log. */
import { type Static, Type } from '@sinclair/typebox'
import { Int64 } from '../integers.ts'
import { Timestamp } from '../timestamp.ts'

const Role = Type.Unsafe<'user' | 'admin'>({ type: 'string', enum: ['user', 'admin'] })
const NewStatus = Type.Unsafe<'active' | 'suspended'>({ type: 'string', enum: ['active', 'suspended'] })

/** Describes a user as administrators see it. */
export const ManagedUser = Type.Object(
  {
    id: Int64({ minimum: 1 }),
    username: Type.String(),
    display_name: Type.Optional(Type.String({ description: 'Absent if the user has none.' })),
    role: Role,
    status: Type.String({ description: '`active`, `suspended`, or `deleting` while the data of the user is removed.' }),
    created_at: Timestamp
  },
  {
    $id: 'ChatManagedUser',
    examples: [{ id: 1, username: 'john', role: 'user', status: 'active', created_at: '2026-01-31T12:00:00.123+00:00' }]
  }
)
export type ManagedUser = Static<typeof ManagedUser>

/** Describes a page of the list of users. */
export const ManagedUserList = Type.Object(
  {
    users: Type.Array(Type.Unsafe<ManagedUser>(Type.Ref('ChatManagedUser'))),
    next: Type.Optional(
      Int64({ minimum: 1, description: 'The value of `after` for the next page. Absent on the last page.' })
    )
  },
  { $id: 'ChatManagedUserList' }
)

/** Describes the body of `PATCH /api/admin/users/{id}`. */
export const UserChange = Type.Object(
  {
    role: Type.Optional(Role),
    status: Type.Optional(NewStatus)
  },
  { $id: 'ChatUserChange', minProperties: 1, examples: [{ role: 'admin' }] }
)

/** Describes the body of `POST /api/admin/invitations`. */
export const NewInvitation = Type.Object(
  {
    expires_in_hours: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 720, default: 72, description: 'How long the invitation can be used.' })
    )
  },
  { $id: 'ChatNewInvitation', examples: [{ expires_in_hours: 72 }] }
)

/** Describes an invitation with which one person can register. */
export const Invitation = Type.Object(
  {
    invitation: Type.String({
      description: 'Give it to one person for `POST /api/auth/register`. It is shown only once.'
    }),
    expires_at: Timestamp
  },
  { $id: 'ChatInvitation', examples: [{ invitation: 'C4m2Yb…', expires_at: '2026-01-31T12:00:00.123+00:00' }] }
)

/** Describes the response to a request to reset the password of a user. */
export const IssuedReset = Type.Object(
  {
    is_mailed: Type.Boolean({ description: 'Whether a link was mailed to the user. If so, the token is absent.' }),
    token: Type.Optional(
      Type.String({ description: 'Give it to the user for `POST /api/auth/password/reset`. It is shown only once.' })
    ),
    expires_in: Type.Integer({ minimum: 1, description: 'Seconds until the token or the link expires.' })
  },
  { $id: 'ChatIssuedReset' }
)

/** Describes an event of the audit log. Fields that do not apply to an event are absent. */
export const AuditEvent = Type.Object(
  {
    id: Int64({ minimum: 1 }),
    at: Timestamp,
    event: Type.String({ description: 'What happened, for example `login`. Events are added over time.' }),
    user_id: Type.Optional(Int64({ description: 'The user to whom the event happened.' })),
    actor_id: Type.Optional(Int64({ description: 'The user who caused the event, if that is another user.' })),
    session_id: Type.Optional(Type.String({ description: 'The session in which the event happened.' })),
    address: Type.Optional(
      Type.String({ description: 'The network address of the client. Removed after `AUDIT_ADDRESS_DAYS`.' })
    ),
    agent: Type.Optional(
      Type.String({ description: 'The `User-Agent` of the client. Removed together with the address.' })
    ),
    detail: Type.Optional(Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]))),
    count: Type.Integer({ minimum: 1, description: 'How many failed logins the event counts; 1 for other events.' })
  },
  {
    $id: 'ChatAuditEvent',
    examples: [
      {
        id: 7,
        at: '2026-01-31T12:00:00.123+00:00',
        event: 'role_changed',
        user_id: 2,
        actor_id: 1,
        session_id: 'cYfN9y0mTq2mVZ1t8mJkPA',
        address: '192.0.2.7',
        detail: { role: 'admin' },
        count: 1
      }
    ]
  }
)
export type AuditEvent = Static<typeof AuditEvent>

/** Describes a page of the audit log. */
export const AuditEventList = Type.Object(
  {
    events: Type.Array(Type.Unsafe<AuditEvent>(Type.Ref('ChatAuditEvent'))),
    next: Type.Optional(
      Int64({ minimum: 1, description: 'The value of `after` for the next page. Absent on the last page.' })
    )
  },
  { $id: 'ChatAuditEventList' }
)
