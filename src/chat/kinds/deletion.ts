/** Defines the kind `deletion`, which erases a message with all its edits and reactions. The message keeps its position. */
import { Type } from '@sinclair/typebox'
import { ref } from '../../protocol/frames/ref.ts'
import {
  DELETION,
  DeletionReason,
  MessageDeletion,
  messageFields,
  Nonce,
  RoomName,
  Target
} from '../../protocol/http/messages.ts'
import { Timestamp } from '../../protocol/timestamp.ts'
import { defineKind } from './kind.ts'

const { content: _, meta: __, ...place } = messageFields
/** The frame that deletes a message. Without `room`, the message is in `general`. */
export const DeleteCommand = Type.Object(
  {
    type: Type.Literal('delete'),
    target: Target,
    reason: DeletionReason,
    room: Type.Optional(RoomName),
    nonce: Type.Optional(Nonce),
    ref
  },
  { $id: 'ChatDeleteCommand' }
)

/** The frame that reports a deletion. A client that keeps the message must remove its content and its reactions. */
export const DeletionFrame = Type.Object(
  { type: Type.Literal(DELETION), ...place, target: Target, reason: DeletionReason, timestamp: Timestamp },
  { $id: 'ChatDeletionFrame' }
)

export const deletion = defineKind({
  kind: DELETION,
  action: 'post',
  actionOnOthers: 'moderate',
  command: DeleteCommand,
  frame: DeletionFrame,
  summary: { command: 'Delete a message', frame: 'A message was deleted' },
  encrypted: ['meta'],
  step: 'changes',
  changedBy: ({ target, detail }) => [target, detail?.replaces],
  http: {
    method: 'DELETE',
    path: 'messages/:seq',
    parameters: { seq: 'target' },
    body: MessageDeletion,
    operationId: 'deleteMessage',
    summary: 'Delete a message',
    description:
      'Erases your own message. Moderators and owners of the room may also erase messages of users with a lower role, and administrators of the service any message in a public room. Before the service responds, it deletes the text, the edits and the reactions of the message from the database. The message keeps its position in the log, with the content `null`.',
    errors: ['message_not_found', 'not_author', 'not_allowed', 'already_deleted']
  },
  prepare: ({ target, reason }) => ({
    content: null,
    // A user wrote the reason, so it is encrypted.
    meta: reason === undefined ? null : JSON.stringify({ reason: reason.toWellFormed() }),
    target
  }),
  show: ({ target, meta }) => ({ target, ...(typeof meta?.reason === 'string' ? { reason: meta.reason } : {}) }),
  isSameDetail: () => true
})
