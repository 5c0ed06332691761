/** Defines the schemas of reports of messages. */
import { type Static, Type } from '@sinclair/typebox'
import { Int64 } from '../integers.ts'
import { Timestamp } from '../timestamp.ts'
import { UserId } from './members.ts'
import { RoomName } from './messages.ts'

export const ReportId = Int64({ minimum: 1, maximum: 2 ** 31 - 1, description: 'The id of a report.', examples: [1] })

/** Describes the body of `POST /api/chat/rooms/{room}/messages/{seq}/report`. */
export const NewReport = Type.Object(
  {
    reason: Type.Optional(
      Type.String({ minLength: 1, maxLength: 500, description: 'Why the message is reported. Encrypted at rest.' })
    )
  },
  { $id: 'ChatNewReport', examples: [{ reason: 'Spam' }] }
)

/** Describes the response to a report. */
export const CreatedReport = Type.Object({ id: ReportId }, { $id: 'ChatCreatedReport', examples: [{ id: 1 }] })

const State = Type.Unsafe<'open' | 'resolved'>({ type: 'string', enum: ['open', 'resolved'] })
const Outcome = Type.Unsafe<'dismissed' | 'deleted'>({
  type: 'string',
  enum: ['dismissed', 'deleted'],
  description: '`deleted`: the message was deleted. `dismissed`: nothing was done.'
})
const ReportUser = Type.Object({ user_id: UserId, username: Type.String() })

/** Describes a report for those who may resolve it. */
export const Report = Type.Object(
  {
    id: ReportId,
    room: RoomName,
    seq: Int64({ minimum: 1, description: 'The `seq` of the message.' }),
    reporter: ReportUser,
    author: ReportUser,
    content: Type.Union([Type.String(), Type.Null()], {
      description: 'The text of the message when it was reported. Null if it cannot be decrypted.'
    }),
    reason: Type.Optional(Type.String({ description: 'Absent if no reason was given.' })),
    created_at: Timestamp,
    state: State,
    outcome: Type.Optional(Outcome),
    resolved_at: Type.Optional(Timestamp),
    resolved_by: Type.Optional(ReportUser)
  },
  { $id: 'ChatReport' }
)
export type Report = Static<typeof Report>

const EXAMPLE = {
  id: 1,
  room: 'general',
  seq: 42,
  reporter: { user_id: 1, username: 'john' },
  author: { user_id: 2, username: 'jane' },
  content: 'Buy now!',
  reason: 'Spam',
  created_at: '2026-01-31T12:00:00.123+00:00',
  state: 'open'
}

/** Describes a page of reports, newest first. */
export const ReportList = Type.Object(
  {
    reports: Type.Array(Type.Unsafe<Report>(Type.Ref('ChatReport'))),
    has_more: Type.Boolean({
      description: 'Whether there are older reports. Request them with `after` set to `next`.'
    }),
    next: Type.Optional(Int64({ minimum: 1, description: 'The value of `after` for the next page.' }))
  },
  { $id: 'ChatReportList', examples: [{ reports: [EXAMPLE], has_more: false }] }
)
export type ReportList = Static<typeof ReportList>

/** Maximum number of reports in a page. Each has the whole text of a message. */
export const MAX_REPORTS = 50

/** Describes the query of a list of reports. */
export const ReportRange = Type.Object({
  after: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1, description: 'The `next` of the previous page.', examples: [1] })
  ),
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: 'The maximum number of reports; values above 50 count as 50.',
      examples: [50]
    })
  ),
  state: Type.Optional(State)
})
export type ReportRange = Static<typeof ReportRange>

/** Describes the body of a request that resolves a report. */
export const Resolution = Type.Object(
  { outcome: Outcome },
  { $id: 'ChatResolution', examples: [{ outcome: 'dismissed' }] }
)
