/**
 * Defines the kind `room`, which changes the title or the topic of a room. The service appends it for a request over HTTP or for
 * the host application. SQL decides under the lock of the room whether the author may do it.
 */
import { Type } from '@sinclair/typebox'
import { wellFormed } from '../../lib/text.ts'
import { messageFields, ROOM } from '../../protocol/http/messages.ts'
import { Timestamp } from '../../protocol/timestamp.ts'
import { defineKind } from './kind.ts'

const { content: _, meta: __, nonce: ___, ...place } = messageFields
const text = Type.Optional(Type.Union([Type.String(), Type.Null()], { description: 'Null if it was removed.' }))
const changes = { title: text, topic: text }

/** What the service appends: the properties to change. */
export const RoomCommand = Type.Object({
  type: Type.Literal(ROOM),
  ...changes
})

/** The frame that reports the changed properties of a room. */
export const RoomFrame = Type.Object(
  { type: Type.Literal(ROOM), ...place, ...changes, timestamp: Timestamp },
  { $id: 'ChatRoomFrame' }
)

export const roomChange = defineKind({
  kind: ROOM,
  action: 'read',
  isServiceOnly: true,
  command: RoomCommand,
  frame: RoomFrame,
  summary: { command: 'Not sent by clients', frame: 'The title or the topic of a room changed' },
  encrypted: [],
  step: 'rooms',
  prepare: ({ title, topic }) => ({
    content: null,
    meta: null,
    detail: JSON.stringify({ title: wellFormed(title), topic: wellFormed(topic) })
  }),
  show: ({ detail }) => ({
    ...(detail?.title === undefined ? {} : { title: detail.title }),
    ...(detail?.topic === undefined ? {} : { topic: detail.topic })
  })
})
