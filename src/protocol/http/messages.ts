/** Defines messages in HTTP, and the parts that HTTP and the WebSocket share. */
import { type Static, Type } from '@sinclair/typebox'
import { Int64 } from '../integers.ts'
import { Timestamp } from '../timestamp.ts'

/** Limits a message's `meta`, in bytes of UTF-8 as JSON. */
export const MAX_META_BYTES = 2048

/** Names the room to which clients subscribe by default. */
export const GENERAL = 'general'

/** The kind of an entry that is a message. */
export const MESSAGE = 'message'

const ROOM_NAME = '^[a-z0-9][a-z0-9._:-]{0,63}$'

/** Identifies a room and never changes. */
export const RoomName = Type.String({
  pattern: ROOM_NAME,
  'x-rule': 'must be 1-64 characters of a-z, 0-9, ".", "_", ":" and "-", the first a letter or digit',
  description: 'The name of the room, which identifies it and never changes.',
  examples: [GENERAL]
})

const roomName = new RegExp(ROOM_NAME)

/** Returns whether a text is a valid room name. */
export const isRoomName = (name: string): boolean => roomName.test(name)

/** Makes a send idempotent for its user in its room: 1-64 printable ASCII characters. */
export const Nonce = Type.String({
  pattern: '^[ -~]{1,64}$',
  'x-rule': 'must be 1-64 printable ASCII characters',
  description: 'Makes a send idempotent for its user in its room.',
  examples: ['7f9c24e8']
})

/** Holds the client's own data beside the text: an object of at most 2 KiB as JSON, encrypted like the content. */
export const Meta = Type.Unsafe<Record<string, unknown>>({
  type: 'object',
  // Not Type.Record: serializers use its pattern as a filter, and would drop a key with a line break.
  additionalProperties: true,
  description: 'The client’s own data, at most 2 KiB as JSON; encrypted at rest like the content.'
})
export type Meta = Static<typeof Meta>

const EXAMPLE = {
  id: 42,
  room: GENERAL,
  seq: 42,
  user_id: 1,
  username: 'john',
  content: 'Hello, world!',
  created_at: '2026-01-31T12:00:00.123+00:00'
}

/** Holds the fields that a message has in HTTP and in frames. */
export const messageFields = {
  id: Int64({ minimum: 1 }),
  room: RoomName,
  seq: Int64({ minimum: 1, description: 'The position in the room’s log: 1, 2, 3, … without gaps.' }),
  user_id: Int64({ minimum: 1 }),
  username: Type.String(),
  content: Type.String(),
  meta: Type.Optional(Meta),
  nonce: Type.Optional(Nonce)
}

/** Holds the content of an entry, or why it is unavailable: no key decrypts it, or it was erased. */
export const shown = {
  content: Type.Union([Type.String(), Type.Null()]),
  unavailable: Type.Optional(Type.Union([Type.Literal('key'), Type.Literal('erased')]))
}

/** Describes an item of `GET /api/chat/messages`. */
export const Message = Type.Object(
  { ...messageFields, created_at: Timestamp },
  {
    $id: 'ChatMessage',
    examples: [EXAMPLE]
  }
)
export type Message = Static<typeof Message>

/** Describes an entry of a room’s log in the lists of rooms, which contain unavailable entries too. */
export const Entry = Type.Object(
  {
    type: Type.Optional(
      Type.String({ description: 'What kind of entry it is; absent for a message. All but messages have no content.' })
    ),
    kind: Type.Optional(Type.String({ description: 'The kind of an entry of type `unknown`.' })),
    ...messageFields,
    ...shown,
    created_at: Timestamp
  },
  { $id: 'ChatEntry', examples: [EXAMPLE] }
)
export type Entry = Static<typeof Entry>

/** Describes a part of a room’s log, oldest entry first. */
export const EntryList = Type.Object(
  {
    room: RoomName,
    epoch: Type.String(),
    oldest: Int64({ minimum: 1, description: 'The `seq` of the oldest entry that is kept.' }),
    seq: Int64({ minimum: 0, description: 'The `seq` of the newest entry.' }),
    messages: Type.Array(Type.Unsafe<Entry>(Type.Ref('ChatEntry'))),
    has_more: Type.Boolean({ description: 'Whether there are more entries in the requested direction.' })
  },
  {
    $id: 'ChatEntryList',
    examples: [{ room: GENERAL, epoch: '5f0c', oldest: 1, seq: 42, messages: [EXAMPLE], has_more: true }]
  }
)
export type EntryList = Static<typeof EntryList>

/** Describes the body of a send over HTTP. */
export const NewMessage = Type.Object(
  { content: Type.String({ minLength: 1 }), meta: Type.Optional(Meta) },
  { $id: 'ChatNewMessage', examples: [{ content: 'Hello, world!' }] }
)
export type NewMessage = Static<typeof NewMessage>
