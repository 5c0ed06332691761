/**
 * Defines the kind `reaction`, which adds a reaction to a message, or removes it. A reaction that changes nothing is not
 * stored. In that case, the ack or the HTTP response refers to the entry that added the reaction, or to the message if there
 * was no reaction to remove.
 */
import { Type } from '@sinclair/typebox'
import { ChatError } from '../../protocol/errors.ts'
import { ref } from '../../protocol/frames/ref.ts'
import { messageFields, Nonce, REACTION, RoomName, Target } from '../../protocol/http/messages.ts'
import { ReactionKey, reactionKey } from '../../protocol/http/reactions.ts'
import { Int64 } from '../../protocol/integers.ts'
import { Timestamp } from '../../protocol/timestamp.ts'
import { defineKind, type HttpTwin } from './kind.ts'

const { content: _, meta: __, ...place } = messageFields

/** The frame that adds a reaction, or removes a reaction if `remove` is true. Without `room`, the message is in `general`. */
export const ReactCommand = Type.Object(
  {
    type: Type.Literal('react'),
    target: Target,
    key: ReactionKey,
    remove: Type.Optional(Type.Boolean()),
    room: Type.Optional(RoomName),
    nonce: Type.Optional(Nonce),
    ref
  },
  { $id: 'ChatReactCommand' }
)

/** The frame that reports an added or removed reaction. `count` is the number of reactions with this key after the change. */
export const ReactionFrame = Type.Object(
  {
    type: Type.Literal(REACTION),
    ...place,
    target: Target,
    key: Type.String(),
    action: Type.Union([Type.Literal('added'), Type.Literal('removed')]),
    count: Int64({ minimum: 0 }),
    timestamp: Timestamp
  },
  { $id: 'ChatReactionFrame' }
)

const twin = {
  path: 'messages/:seq/reactions/:key',
  parameters: { seq: 'target' },
  errors: ['message_not_found', 'already_deleted', 'too_many_reactions', 'invalid_frame']
} satisfies Partial<HttpTwin>

export const reaction = defineKind({
  kind: REACTION,
  action: 'post',
  command: ReactCommand,
  frame: ReactionFrame,
  summary: { command: 'React to a message', frame: 'A reaction was added or removed' },
  encrypted: [],
  step: 'changes',
  changedBy: ({ target }) => [target],
  http: [
    {
      ...twin,
      method: 'PUT',
      fixed: { remove: false },
      operationId: 'addReaction',
      summary: 'React to a message',
      description: 'If you already reacted with this key, the response is 200 with the entry that added the reaction.'
    },
    {
      ...twin,
      method: 'DELETE',
      fixed: { remove: true },
      operationId: 'removeReaction',
      summary: 'Remove your reaction to a message',
      description: 'If you did not react with this key, the response is 200 with the message.'
    }
  ],
  prepare: ({ target, key: given, remove = false }) => {
    const key = reactionKey(given)
    if (key === undefined)
      throw new ChatError('invalid_frame', 'The key of a reaction must be one emoji, or a name such as "+1".')
    return { content: null, meta: null, target, detail: JSON.stringify({ key, action: remove ? 'removed' : 'added' }) }
  },
  show: ({ target, detail }) => ({ target, key: detail?.key, action: detail?.action, count: detail?.count }),
  // The count is not compared, because only the stored entry has a count, which the database has computed.
  isSameDetail: (one, other) => one?.key === other?.key && one?.action === other?.action
})
