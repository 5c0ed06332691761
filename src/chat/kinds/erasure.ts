/**
 * Defines the kind `erasure`, which the service appends when it has erased all entries of a user in a room. Page caches and
 * clients then remove the contents of all entries that the user appended to the room before the erasure.
 */
import { Type } from '@sinclair/typebox'
import { ERASURE, messageFields } from '../../protocol/http/messages.ts'
import { Int64 } from '../../protocol/integers.ts'
import { Timestamp } from '../../protocol/timestamp.ts'
import { defineKind } from './kind.ts'

const subject = Int64({ minimum: 1, description: 'The user whose entries with a lower `seq` were erased.' })
const { content: _, meta: __, nonce: ___, ...place } = messageFields

/** The frame that reports the erasure to the subscribers of the room. */
export const ErasureFrame = Type.Object(
  { type: Type.Literal(ERASURE), ...place, subject, timestamp: Timestamp },
  { $id: 'ChatErasureFrame' }
)

export const erasure = defineKind({
  kind: ERASURE,
  action: 'post',
  isServiceOnly: true,
  command: Type.Object({ type: Type.Literal(ERASURE), subject }),
  frame: ErasureFrame,
  summary: { command: 'Not sent by clients', frame: 'All earlier entries of a user were erased' },
  encrypted: [],
  prepare: ({ subject }) => ({ content: null, meta: null, detail: JSON.stringify({ subject }) }),
  show: ({ detail }) => ({ subject: detail?.subject })
})
