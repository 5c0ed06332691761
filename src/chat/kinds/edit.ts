/**
 * Defines the kind `edit`, which replaces the text, the `meta` and the mentions of a message. A message is shown with the text
 * of its newest edit. Earlier edits are shown without a text.
 */
import { Type } from '@sinclair/typebox'
import { ref } from '../../protocol/frames/ref.ts'
import {
  EDIT,
  MessageEdit,
  messageFields,
  messageOptions,
  Nonce,
  RoomName,
  shown,
  Target
} from '../../protocol/http/messages.ts'
import { Timestamp } from '../../protocol/timestamp.ts'
import { defineKind } from './kind.ts'
import { mentionsDetail, messageText, metaText } from './message.ts'

/** The frame that edits a message. Without `room`, the message is in `general`. */
export const EditCommand = Type.Object(
  {
    type: Type.Literal(EDIT),
    target: Target,
    content: Type.String({ minLength: 1 }),
    room: Type.Optional(RoomName),
    nonce: Type.Optional(Nonce),
    ...messageOptions,
    ref
  },
  { $id: 'ChatEditCommand' }
)

/** The frame that reports an edit. `unavailable` is `superseded` if the message was edited again. */
export const EditFrame = Type.Object(
  {
    type: Type.Literal(EDIT),
    ...messageFields,
    content: shown.content,
    unavailable: Type.Optional(Type.Union([Type.Literal('key'), Type.Literal('erased'), Type.Literal('superseded')])),
    target: Target,
    mentions: messageOptions.mentions,
    timestamp: Timestamp
  },
  { $id: 'ChatEditFrame' }
)

export const edit = defineKind({
  kind: EDIT,
  action: 'post',
  command: EditCommand,
  frame: EditFrame,
  summary: { command: 'Edit a message', frame: 'A message was edited' },
  encrypted: ['content', 'meta'],
  isEditable: true,
  step: 'changes',
  changedBy: ({ target, detail }) => [target, detail?.replaces],
  http: {
    method: 'PATCH',
    path: 'messages/:seq',
    parameters: { seq: 'target' },
    body: MessageEdit,
    operationId: 'editMessage',
    summary: 'Edit a message',
    description:
      'Replaces the text, `meta` and the mentions of your own message. Responds after the commit. `reply_to` does not change. If you repeat a request with the same `Idempotency-Key`, the message is edited only once.',
    errors: [
      'message_not_found',
      'not_author',
      'already_deleted',
      'edit_window_over',
      'too_many_edits',
      'rejected',
      'message_too_long',
      'invalid_frame'
    ]
  },
  prepare: ({ target, content, meta, mentions }, { maxMessageLength, editWindowMs }) => ({
    content: messageText(content, maxMessageLength),
    meta: metaText(meta),
    target,
    // Passes the edit window to SQL, which checks it by the clock of the database. The window is not stored.
    detail: JSON.stringify({ ...JSON.parse(mentionsDetail(mentions) ?? '{}'), window_ms: editWindowMs })
  }),
  show: ({ content, meta, target, detail }) => ({
    target,
    content,
    ...(meta && { meta }),
    ...(detail?.mentions && content !== null ? { mentions: detail.mentions } : {})
  }),
  isSameDetail: () => true
})
