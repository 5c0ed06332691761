/** Defines the schemas of messages over HTTP, and the fields that HTTP responses and WebSocket frames share. */
import { type Static, Type } from '@sinclair/typebox'
import { Int64 } from '../integers.ts'
import { Timestamp } from '../timestamp.ts'
import { ReactionCount } from './reactions.ts'

/** Maximum size of a message's `meta`, serialized as JSON, in UTF-8 bytes. */
export const MAX_META_BYTES = 2048

/** The name of the room to which clients subscribe by default. */
export const GENERAL = 'general'

/** The kind of an entry that is a message. */
export const MESSAGE = 'message'

/** The kind of an entry that replaces the text of a message. */
export const EDIT = 'edit'

/** The kind of an entry that erases a message. */
export const DELETION = 'deletion'

/** The kind of an entry that adds or removes a reaction to a message. */
export const REACTION = 'reaction'

/** The kind of an entry that pins a message, or ends its pin. */
export const PIN = 'pin'

/** The kind of the entry that reports the erasure of all earlier entries of a user. */
export const ERASURE = 'erasure'

/** The kind of an entry that changes the members of a room. */
export const MEMBERSHIP = 'membership'

/** The kind of an entry that changes properties of a room or deletes the room. */
export const ROOM = 'room'

const NOTICES: readonly string[] = [MEMBERSHIP, ROOM, PIN]

/**
 * Returns whether the entries of a kind are notices: not messages, but listed with the messages on request. The entries of all
 * kinds of a host application are notices; the names of these kinds have a dot. The SQL function that appends entries has the
 * same condition; see drizzle/0031_look_up_appends.sql.
 */
export const isNoticeKind = (kind: string): boolean => NOTICES.includes(kind) || kind.includes('.')

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
  // `Type.Record` is not used, because it adds a pattern for the keys. Serializers use the pattern as a filter and would drop a
  // key with a line break.
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

/** Maximum number of users that one message may mention. */
export const MAX_MENTIONS = 20

/** Describes the `seq` of the message that an entry changes. */
export const Target = Int64({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'The `seq` of the message in the same room.',
  examples: [1]
})

/** Defines the fields that the sender of a message may add to the text. */
export const messageOptions = {
  meta: Type.Optional(Meta),
  mentions: Type.Optional(
    Type.Array(Int64({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }), {
      maxItems: MAX_MENTIONS,
      description:
        'The ids of the mentioned users. Ids that no user has are dropped. The text is not searched for names.'
    })
  )
}

export const ReplyTo = Type.Optional(
  Int64({
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'The `seq` of the message that this one replies to.',
    examples: [1]
  })
)

/** Defines the fields that show whether later entries, for example edits, reactions or pins, have changed a message. */
export const messageState = {
  edited_at: Type.Optional(Timestamp),
  changed_seq: Type.Optional(
    Int64({
      minimum: 1,
      description:
        'The `seq` of the last entry that changed the message. The fields include the effects of all entries up to that one.'
    })
  )
}

const { created_at: timestamp, ...LOGGED } = EXAMPLE
const LOG_EXAMPLE = { type: MESSAGE, ...LOGGED, timestamp }

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

/**
 * Describes the message to which a reply refers: the first characters of the text of that message, or why they can’t be shown.
 */
export const Reply = Type.Object({
  seq: Int64({ minimum: 1 }),
  user_id: Type.Optional(Int64({ minimum: 1 })),
  username: Type.Optional(Type.String()),
  excerpt: Type.Optional(Type.String()),
  unavailable: Type.Optional(Type.Union([Type.Literal('key'), Type.Literal('erased'), Type.Literal('expired')]))
})

/** Describes an item of `GET /api/chat/messages`. */
export const Message = Type.Object(
  {
    ...messageFields,
    reply_to: ReplyTo,
    mentions: messageOptions.mentions,
    ...messageState,
    reactions: Type.Optional(
      Type.Array(ReactionCount, { description: 'The reactions, the most frequent first, at most 20 keys.' })
    ),
    pinned: Type.Optional(Type.Literal(true, { description: 'Absent if the message is not pinned.' })),
    reply: Type.Optional(Reply),
    created_at: Timestamp
  },
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
    ...Message.properties,
    ...shown,
    target: Type.Optional(
      Int64({ minimum: 1, description: 'In an entry that changes a message: the `seq` of the message.' })
    ),
    key: Type.Optional(Type.String({ description: 'In an entry of type `reaction`: the key.' })),
    action: Type.Optional(
      Type.String({ description: 'In an entry of type `reaction` or `pin`: `added` or `removed`.' })
    ),
    count: Type.Optional(
      Int64({
        minimum: 0,
        description: 'In an entry of type `reaction`: how many reactions of this key the message has afterwards.'
      })
    ),
    reason: Type.Optional(Type.String({ description: 'In an entry of type `deletion`: why the message was deleted.' })),
    subject: Type.Optional(Int64({ minimum: 1, description: 'In an entry of type `erasure`: the erased user.' }))
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
    seq: Int64({
      minimum: 0,
      description:
        'The `seq` of the newest entry at the time of the request. The messages include the effects of all entries up to this one, and possibly of later entries.'
    }),
    messages: Type.Array(Type.Unsafe<Entry>(Type.Ref('ChatEntry'))),
    has_more: Type.Boolean({
      description:
        'Whether there are more entries in the requested direction; with `around`, whether there are older entries.'
    }),
    has_newer: Type.Optional(Type.Boolean({ description: 'With `around`: whether there are newer messages.' })),
    mine: Type.Optional(
      Type.Record(Type.String(), Type.Array(Type.String()), {
        description:
          'The keys of your reactions, by the `seq` of the message. Absent if you have not reacted to these messages.'
      })
    )
  },
  {
    $id: 'ChatEntryList',
    examples: [{ room: GENERAL, epoch: '5f0c', oldest: 1, seq: 42, messages: [EXAMPLE], has_more: true }]
  }
)
export type EntryList = Static<typeof EntryList>

const { has_newer: _, ...page } = EntryList.properties

/** Describes the pinned messages of a room, the newest pin first. */
export const PinList = Type.Object(
  {
    ...page,
    has_more: Type.Boolean({
      description: 'Whether there are more pinned messages. Request them with `after` set to `next`.'
    }),
    next: Type.Optional(
      Int64({ minimum: 1, description: 'The value of `after` for the next page. Absent on the last page.' })
    )
  },
  {
    $id: 'ChatPinList',
    examples: [
      {
        room: GENERAL,
        epoch: '5f0c',
        oldest: 1,
        seq: 43,
        messages: [{ ...EXAMPLE, pinned: true, changed_seq: 43 }],
        has_more: false
      }
    ]
  }
)
export type PinList = Static<typeof PinList>

/** Describes the response of `GET /api/chat/rooms/{room}/messages/{seq}`. */
export const SingleMessage = Type.Object(
  {
    ...Message.properties,
    ...shown,
    mine: Type.Optional(
      Type.Array(Type.String(), { description: 'The keys of your reactions. Absent if there are none.' })
    )
  },
  { $id: 'ChatSingleMessage', examples: [EXAMPLE] }
)
export type SingleMessage = Static<typeof SingleMessage>

/**
 * Describes a part of a room’s log with entries of all kinds, oldest entry first. Each entry is the frame that subscribers
 * receive, with messages and edits in their current state.
 */
export const RawLog = Type.Object(
  {
    room: RoomName,
    epoch: Type.String(),
    oldest: Int64({ minimum: 1, description: 'The `seq` of the oldest entry that is kept.' }),
    seq: Int64({ minimum: 0, description: 'The `seq` of the newest entry.' }),
    has_more: Type.Boolean({ description: 'Whether there are later entries.' }),
    entries: Type.Array(Type.Record(Type.String(), Type.Unknown()))
  },
  {
    $id: 'ChatLog',
    examples: [{ room: GENERAL, epoch: '5f0c', oldest: 1, seq: 42, has_more: false, entries: [LOG_EXAMPLE] }]
  }
)
export type RawLog = Static<typeof RawLog>

/** Describes the body of `POST /api/chat/rooms/{room}/messages`. */
export const NewMessage = Type.Object(
  { content: Type.String({ minLength: 1 }), ...messageOptions, reply_to: ReplyTo },
  { $id: 'ChatNewMessage', examples: [{ content: 'Hello, world!' }] }
)
export type NewMessage = Static<typeof NewMessage>

/** Describes the body of `PATCH /api/chat/rooms/{room}/messages/{seq}`. */
export const MessageEdit = Type.Object(
  { content: Type.String({ minLength: 1 }), ...messageOptions },
  { $id: 'ChatMessageEdit', examples: [{ content: 'Hello, everyone!' }] }
)
export type MessageEdit = Static<typeof MessageEdit>

export const DeletionReason = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 500,
    description: 'Why the message was deleted. Encrypted at rest like a message.'
  })
)

/**
 * Describes the body of `DELETE /api/chat/rooms/{room}/messages/{seq}`. If a request has no body, Fastify validates null
 * instead.
 */
export const MessageDeletion = Type.Union([Type.Object({ reason: DeletionReason }), Type.Null()], {
  $id: 'ChatMessageDeletion',
  examples: [{ reason: 'Sent to the wrong room' }]
})
export type MessageDeletion = Static<typeof MessageDeletion>
