/**
 * Defines the kind `room`, which changes or deletes a room. The service appends it for a request over HTTP or for the host
 * application. SQL decides under the lock of the room whether the author may make the change.
 */
import { Type } from '@sinclair/typebox'
import { wellFormed } from '../../lib/text.ts'
import { messageFields, ROOM } from '../../protocol/http/messages.ts'
import { RetentionDays, settings } from '../../protocol/http/rooms.ts'
import { Timestamp } from '../../protocol/timestamp.ts'
import { defineKind } from './kind.ts'

const { content: _, meta: __, nonce: ___, ...place } = messageFields
const text = Type.Optional(Type.Union([Type.String(), Type.Null()], { description: 'Null if it was removed.' }))
const changes = {
  title: text,
  topic: text,
  ...settings,
  retention_days: RetentionDays,
  deleted: Type.Optional(Type.Literal(true, { description: 'The room does not exist anymore.' }))
}

/** The change that the service appends: the new values of the changed properties. */
export const RoomCommand = Type.Object({
  type: Type.Literal(ROOM),
  ...changes
})

/** The frame that reports the changed properties of a room. */
export const RoomFrame = Type.Object(
  { type: Type.Literal(ROOM), ...place, ...changes, timestamp: Timestamp },
  { $id: 'ChatRoomFrame' }
)

const shown = (name: string, value: unknown) => (value === undefined ? [] : [[name, value]])

export const roomChange = defineKind({
  kind: ROOM,
  action: 'read',
  isServiceOnly: true,
  command: RoomCommand,
  frame: RoomFrame,
  summary: { command: 'Not sent by clients', frame: 'A room changed or was deleted' },
  encrypted: [],
  step: 'rooms',
  prepare: ({ title, topic, slow_mode_seconds, archived, invite, retention_days, deleted }) => ({
    content: null,
    meta: null,
    detail: JSON.stringify({
      title: wellFormed(title),
      topic: wellFormed(topic),
      slow_mode_seconds,
      archived,
      invite,
      retention_days,
      deleted
    })
  }),
  show: ({ detail }) => Object.fromEntries(Object.keys(changes).flatMap(name => shown(name, detail?.[name])))
})
