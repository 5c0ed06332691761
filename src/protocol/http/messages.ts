/** A message as HTTP shows it, and the parts that HTTP and the WebSocket share. */
import { type Static, Type } from '@sinclair/typebox'
import { Int64 } from '../integers.ts'
import { Timestamp } from '../timestamp.ts'

/** The most UTF-8 bytes that a message's `meta` may have as JSON. */
export const MAX_META_BYTES = 2048

/** The room that everyone follows unless they say otherwise. */
export const GENERAL = 'general'

/** The kind of an entry that is a message. */
export const MESSAGE = 'message'

const ROOM_NAME = '^[a-z0-9][a-z0-9._:-]{0,63}$'

/** A room's name is its key and never changes. */
export const RoomName = Type.String({
  pattern: ROOM_NAME,
  'x-rule': 'must be 1-64 characters of a-z, 0-9, ".", "_", ":" and "-", the first a letter or digit',
  description: 'The name of the room: its key, which never changes.',
  examples: [GENERAL]
})

const roomName = new RegExp(ROOM_NAME)

/** Whether there can be a room of that name. */
export const isRoomName = (name: string): boolean => roomName.test(name)

/** 1-64 printable ASCII characters that make a send idempotent for that user in that room. */
export const Nonce = Type.String({
  pattern: '^[ -~]{1,64}$',
  'x-rule': 'must be 1-64 printable ASCII characters',
  description: 'Makes a send idempotent, for its user in its room.',
  examples: ['7f9c24e8']
})

/** The client's own data beside the text: an object of at most 2 KiB as JSON, sealed like the content. */
export const Meta = Type.Unsafe<Record<string, unknown>>({
  type: 'object',
  // Not Type.Record, whose pattern serializers take for a filter: a key with a line break would vanish.
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

/** What every form of a message has, whatever it is carried by. */
export const messageFields = {
  id: Int64({ minimum: 1 }),
  room: RoomName,
  seq: Int64({ minimum: 1, description: 'The place in the room’s log: 1, 2, 3, … without a gap.' }),
  user_id: Int64({ minimum: 1 }),
  username: Type.String(),
  content: Type.String(),
  meta: Type.Optional(Meta),
  nonce: Type.Optional(Nonce)
}

/** The content of an entry that may be one that can’t be shown: no key opens it, or it was erased. */
export const shown = {
  content: Type.Union([Type.String(), Type.Null()]),
  unavailable: Type.Optional(Type.Union([Type.Literal('key'), Type.Literal('erased')]))
}

/** An item of `GET /api/chat/messages`. */
export const Message = Type.Object(
  { ...messageFields, created_at: Timestamp },
  {
    $id: 'ChatMessage',
    examples: [EXAMPLE]
  }
)
export type Message = Static<typeof Message>

/** An entry of a room’s log as the lists of rooms show it: also those that can’t be shown have their place. */
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

/** A part of a room’s log, oldest first. */
export const EntryList = Type.Object(
  {
    room: RoomName,
    epoch: Type.String(),
    oldest: Int64({ minimum: 1, description: 'The oldest entry that is still kept.' }),
    seq: Int64({ minimum: 0, description: 'The newest entry.' }),
    messages: Type.Array(Type.Unsafe<Entry>(Type.Ref('ChatEntry'))),
    has_more: Type.Boolean({ description: 'Whether there is more in the direction that was asked for.' })
  },
  {
    $id: 'ChatEntryList',
    examples: [{ room: GENERAL, epoch: '5f0c', oldest: 1, seq: 42, messages: [EXAMPLE], has_more: true }]
  }
)
export type EntryList = Static<typeof EntryList>

/** The body of a send over HTTP. */
export const NewMessage = Type.Object(
  { content: Type.String({ minLength: 1 }), meta: Type.Optional(Meta) },
  { $id: 'ChatNewMessage', examples: [{ content: 'Hello, world!' }] }
)
export type NewMessage = Static<typeof NewMessage>
