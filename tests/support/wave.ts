/** A kind of entry for tests, in one file as every kind is: a greeting, with a text. */
import { Type } from '@sinclair/typebox'
import { defineKind } from '../../src/chat/kinds/kind.ts'
import { ref } from '../../src/protocol/frames.ts'
import { messageFields, Nonce, RoomName, shown } from '../../src/protocol/http/messages.ts'
import { Timestamp } from '../../src/protocol/timestamp.ts'

const { meta: _, ...fields } = messageFields

export const wave = defineKind({
  kind: 'wave',
  action: 'post',
  command: Type.Object({
    type: Type.Literal('greet'),
    room: Type.Optional(RoomName),
    nonce: Type.Optional(Nonce),
    content: Type.String({ minLength: 1, maxLength: 20 }),
    ref
  }),
  frame: Type.Object({ type: Type.Literal('wave'), ...fields, ...shown, timestamp: Timestamp }),
  summary: { command: 'Greet everybody', frame: 'A greeting' },
  encrypted: ['content'],
  http: {
    method: 'PUT',
    path: 'waves',
    operationId: 'wave',
    summary: 'Greet everybody',
    description: 'Appends a greeting.'
  },
  prepare: ({ content }) => ({ content, meta: null }),
  show: ({ content }) => ({ content })
})
