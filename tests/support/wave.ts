/** Defines a kind of entry for tests: a wave at a message, with a text and a mood. */
import { Type } from '@sinclair/typebox'
import { defineKind } from '../../src/chat/kinds/kind.ts'
import { ref } from '../../src/protocol/frames/ref.ts'
import { messageFields, Nonce, RoomName, shown } from '../../src/protocol/http/messages.ts'
import { Int64 } from '../../src/protocol/integers.ts'
import { Timestamp } from '../../src/protocol/timestamp.ts'

const { meta: _, ...fields } = messageFields
const target = Int64({ minimum: 1 })
const mood = Type.String()

export const wave = defineKind({
  kind: 'wave',
  action: 'post',
  command: Type.Object({
    type: Type.Literal('greet'),
    room: Type.Optional(RoomName),
    nonce: Type.Optional(Nonce),
    target,
    content: Type.String({ minLength: 1, maxLength: 20 }),
    mood,
    ref
  }),
  frame: Type.Object({ type: Type.Literal('wave'), ...fields, ...shown, target, mood, timestamp: Timestamp }),
  summary: { command: 'Wave at a message', frame: 'A wave' },
  encrypted: ['content'],
  http: {
    method: 'PUT',
    path: 'waves/:target',
    operationId: 'wave',
    summary: 'Wave at a message',
    description: 'Appends a wave.',
    errors: ['message_not_found']
  },
  prepare: ({ content, target, mood }) => ({ content, meta: null, target, detail: JSON.stringify({ mood }) }),
  show: ({ content, target, detail }) => ({ content, target, mood: detail?.mood })
})
