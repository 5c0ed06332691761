/** Defines the schemas of read marks. */
import { type Static, Type } from '@sinclair/typebox'
import { NO_CONTROLS } from '../../lib/text.ts'
import { Int64 } from '../integers.ts'
import { GENERAL, RoomName } from './messages.ts'

/** The `seq` up to which a user has read. A value above the newest entry means the newest entry. */
export const UpTo = Int64({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'The `seq` of the last entry that you have read.'
})

/**
 * Describes the epoch of a log. Control characters are rejected, because PostgreSQL cannot store a NUL. One statement stores
 * the marks of several users, so a NUL would make the statement fail for all of them.
 */
export const Epoch = Type.String({
  maxLength: 64,
  pattern: NO_CONTROLS,
  'x-rule': 'must not contain control characters',
  description: 'The epoch of the log that `up_to` refers to.'
})

/** Describes the body of `PUT /api/chat/rooms/{room}/read`. */
export const ReadChange = Type.Object(
  {
    up_to: Type.Optional(UpTo),
    epoch: Type.Optional(Epoch),
    unread: Type.Optional(
      Type.Boolean({ description: 'True marks the room as unread, without moving the mark unless `up_to` is present.' })
    )
  },
  { $id: 'ChatReadChange', examples: [{ up_to: 42 }] }
)
export type ReadChange = Static<typeof ReadChange>

export const ReadState = Type.Object(
  {
    room: RoomName,
    read_seq: Int64({ minimum: 0, description: 'The `seq` of the last entry that you have read.' }),
    marked_unread: Type.Boolean({ description: 'Whether you marked the room as unread since you read it.' })
  },
  { $id: 'ChatReadState', examples: [{ room: GENERAL, read_seq: 42, marked_unread: false }] }
)
export type ReadState = Static<typeof ReadState>
