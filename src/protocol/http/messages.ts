/** Defines the schemas of messages over HTTP, and the fields that HTTP responses and WebSocket frames share. */
import { type Static, Type } from '@sinclair/typebox'
import { Int64 } from '../integers.ts'
import { Timestamp } from '../timestamp.ts'

/** Maximum size of a message's `meta`, serialized as JSON, in UTF-8 bytes. */
export const MAX_META_BYTES = 2048

/** The name of the room to which clients subscribe by default. */
export const GENERAL = 'general'

/** The kind of an entry that is a message. */
export const MESSAGE = 'message'

/** The kind of the entry that reports the erasure of all earlier entries of a user. */
export const ERASURE = 'erasure'

const ROOM_NAME = '^[a-z0-9][a-z0-9._:-]{0,63}$'

/** Describes the name of a room, which identifies the room and never changes. */
export const RoomName = Type.String({
  pattern: ROOM_NAME,
  'x-rule': 'must be 1-64 characters of a-z, 0-9, ".", "_", ":" and "-", the first a letter or digit',
  description: 'The name of the room, which identifies it and never changes.',
  examples: [GENERAL]
})

const roomName = new RegExp(ROOM_NAME)

export const isRoomName = (name: string): boolean => roomName.test(name)

/**
 * Describes a nonce, 1-64 printable ASCII characters. If the same user sends an entry with the same nonce to the same room
 * again, the entry is not stored again.
 */
export const Nonce = Type.String({
  pattern: '^[ -~]{1,64}$',
  'x-rule': 'must be 1-64 printable ASCII characters',
  description: 'If the user sends the same nonce to the same room again, nothing new is stored.',
  examples: ['7f9c24e8']
})

/**
 * Describes the client's own data in a message: an object of at most 2 KiB when serialized as JSON. It is encrypted like the
 * content.
 */
export const Meta = Type.Unsafe<Record<string, unknown>>({
  type: 'object',
  // `Type.Record` is not used, because serializers use its pattern as a filter and would drop a key with a line break.
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

/** Defines the fields that a message has both over HTTP and in frames. */
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

/**
 * Defines the content of an entry. If the content of a message is null, `unavailable` says why: no key decrypts the content, or
 * it was erased.
 */
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

/**
 * Describes an entry of a room’s log. Unlike a `Message`, an entry may be of another kind, and its content may be unavailable.
 */
export const Entry = Type.Object(
  {
    type: Type.Optional(
      Type.String({ description: 'The kind of the entry; absent for a message. Only messages have content.' })
    ),
    kind: Type.Optional(Type.String({ description: 'The kind of an entry of type `unknown`.' })),
    ...messageFields,
    ...shown,
    subject: Type.Optional(Int64({ minimum: 1, description: 'In an entry of type `erasure`: the erased user.' })),
    created_at: Timestamp
  },
  { $id: 'ChatEntry', examples: [EXAMPLE] }
)
export type Entry = Static<typeof Entry>

/** Describes a page of a room’s log, with the oldest entry first. */
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

/** Describes the body of `POST /api/chat/rooms/{room}/messages`. */
export const NewMessage = Type.Object(
  { content: Type.String({ minLength: 1 }), meta: Type.Optional(Meta) },
  { $id: 'ChatNewMessage', examples: [{ content: 'Hello, world!' }] }
)
export type NewMessage = Static<typeof NewMessage>
