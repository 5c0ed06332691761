/**
 * Defines the kind `pin`, which pins a message, or ends its pin. A pin that changes nothing is not stored. If the message is
 * already pinned, the response contains the entry that pinned it. If there is no pin to remove, the response contains the
 * message. The deletion of a message ends its pin, without an entry.
 */
import { Type } from '@sinclair/typebox'
import { messageFields, Nonce, PIN, RoomName, Target } from '../../protocol/http/messages.ts'
import { Timestamp } from '../../protocol/timestamp.ts'
import { defineKind, type HttpTwin } from './kind.ts'

const { content: _, meta: __, ...place } = messageFields

/** The command with which a route pins a message or, if `remove` is true, ends its pin. */
export const PinCommand = Type.Object({
  type: Type.Literal(PIN),
  target: Target,
  remove: Type.Optional(Type.Boolean()),
  room: Type.Optional(RoomName),
  nonce: Type.Optional(Nonce)
})

/** The frame that reports that a message was pinned, or that its pin was removed. */
export const PinFrame = Type.Object(
  {
    type: Type.Literal(PIN),
    ...place,
    target: Target,
    action: Type.Union([Type.Literal('added'), Type.Literal('removed')]),
    timestamp: Timestamp
  },
  { $id: 'ChatPinFrame' }
)

const twin = { path: 'pins/:seq', parameters: { seq: 'target' } } satisfies Partial<HttpTwin>

export const pin = defineKind({
  kind: PIN,
  action: 'post',
  isServiceOnly: true,
  command: PinCommand,
  frame: PinFrame,
  summary: { command: 'Not sent by clients', frame: 'A message was pinned, or is not pinned anymore' },
  encrypted: [],
  step: 'rooms',
  changedBy: ({ target }) => [target],
  http: [
    {
      ...twin,
      method: 'PUT',
      fixed: { remove: false },
      operationId: 'pinMessage',
      summary: 'Pin a message',
      description:
        'For moderators and owners, and in public rooms for administrators; in direct rooms for everybody. A room has at most 100 pinned messages. If the message is already pinned, the response is 200 with the entry that pinned it.',
      errors: ['message_not_found', 'not_allowed', 'already_deleted', 'too_many_pins']
    },
    {
      ...twin,
      method: 'DELETE',
      fixed: { remove: true },
      operationId: 'unpinMessage',
      summary: 'Remove the pin of a message',
      description:
        'For the same people as pinning a message. If the message is not pinned, the response is 200 with the message.',
      errors: ['message_not_found', 'not_allowed']
    }
  ],
  prepare: ({ target, remove = false }) => ({
    content: null,
    meta: null,
    target,
    detail: JSON.stringify({ action: remove ? 'removed' : 'added' })
  }),
  show: ({ target, detail }) => ({ target, action: detail?.action }),
  // Compares only the action. An entry that the host application appends also has the field `host`, but the database removes
  // this field before it stores the entry.
  isSameDetail: (one, other) => one?.action === other?.action
})
