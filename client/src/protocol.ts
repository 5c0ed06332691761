/** The types of frames and HTTP bodies. Generated from src/protocol and src/chat/kinds by `npm run client:types`. Do not edit. */

export type ErrorCode =
  | 'bad_request'
  | 'invalid_json'
  | 'invalid_credentials'
  | 'second_factor_required'
  | 'invalid_code'
  | 'invalid_challenge'
  | 'invalid_passkey'
  | 'missing_token'
  | 'invalid_token'
  | 'token_expired'
  | 'invalid_refresh_token'
  | 'not_logged_in'
  | 'account_suspended'
  | 'email_not_verified'
  | 'account_deleted'
  | 'registration_closed'
  | 'invitation_required'
  | 'invalid_invitation'
  | 'proof_required'
  | 'second_factor_missing'
  | 'origin_not_allowed'
  | 'not_allowed'
  | 'muted'
  | 'banned'
  | 'not_author'
  | 'rejected'
  | 'wrong_user'
  | 'not_found'
  | 'invitation_invalid'
  | 'invitation_not_found'
  | 'report_not_found'
  | 'user_not_found'
  | 'room_not_found'
  | 'message_not_found'
  | 'passkey_not_found'
  | 'passkeys_unavailable'
  | 'username_taken'
  | 'username_reserved'
  | 'totp_enabled'
  | 'no_second_factor'
  | 'too_many_passkeys'
  | 'last_admin'
  | 'already_member'
  | 'last_owner'
  | 'too_many_invitations'
  | 'already_resolved'
  | 'too_many_blocks'
  | 'room_archived'
  | 'room_unchanged'
  | 'room_taken'
  | 'already_deleted'
  | 'edit_window_over'
  | 'too_many_edits'
  | 'too_many_reactions'
  | 'too_many_pins'
  | 'nonce_reused'
  | 'link_expired'
  | 'payload_too_large'
  | 'unsupported_media_type'
  | 'validation_failed'
  | 'password_too_common'
  | 'invalid_frame'
  | 'unknown_frame'
  | 'message_too_long'
  | 'upgrade_required'
  | 'rate_limited'
  | 'slow_mode'
  | 'flooding'
  | 'too_many_rooms'
  | 'too_many_connections'
  | 'internal_error'
  | 'upgrade_pending'
  | 'busy'
  | 'unavailable'

export type User = {
  id: number
  username: string
  /** A name to display; absent if the user has set none. */
  display_name?: string
  role?: 'user' | 'admin'
  /** A time in UTC with milliseconds, RFC 3339. */
  created_at: string
  /** The e-mail address. Absent if the user has none, or if the service sends no mail. */
  email?: string
  /** Absent if the service sends no mail. */
  email_is_verified?: boolean
  /** An address that replaces `email` when it has been confirmed. */
  pending_email?: string
}

export type AccessToken = {
  /** A JWT (RFC 7519). Send it as `Authorization: Bearer …`. */
  access_token: string
  token_type: 'bearer'
  /** Seconds until the token expires. */
  expires_in: number
  /** The session, if the login has refresh tokens. */
  session_id?: string
  /** Send it to `POST /api/auth/refresh` for new tokens. Absent if it is in the cookie. */
  refresh_token?: string
  /** Seconds until the session ends, unless it is used before. */
  refresh_expires_in?: number
}

export type Room = {
  /** The name of the room, which identifies it and never changes. */
  room: string
  /** A title to display; null for a room without one. */
  title: string | null
  /** What the room is about; null for a room without a topic. */
  topic: string | null
  /** Who can see the room: everybody (`public`), its members (`private`), or 2 to 8 people who never change (`direct`). */
  visibility: 'public' | 'private' | 'direct'
  /** The role in the room. Each role may do what the roles before it may do. */
  role?: 'member' | 'moderator' | 'owner'
  /** How long a member must wait between two messages, in seconds; 0 if there is no slow mode. */
  slow_mode_seconds?: number
  /** Whether the room is read-only: only moderators may delete messages. */
  archived?: boolean
  /** Who may add members to a private room. */
  invite?: 'members' | 'moderators'
  /** How many days the entries of the room are kept, if this is fewer than the service keeps them; null without such a limit. Older entries are deleted permanently. */
  retention_days?: number | null
  /** Identifies this incarnation of the log. */
  epoch: string
  /** The `seq` of the oldest entry that is kept. */
  oldest: number
  /** The `seq` of the newest entry; 0 in an empty room. */
  seq: number
}

export type RoomList = {
  rooms: Room[]
  /** Whether there may be more rooms. Request them with `after` set to `next`. */
  has_more: boolean
  /** The value of `after` for the next page: a room name or an opaque cursor. Absent on the last page. */
  next?: string
}

export type Presence = {
  /** The name of the room, which identifies it and never changes. */
  room: string
  count: number
  users?: {
    user_id: number
    username: string
  }[]
}

export type Entry = {
  /** The kind of the entry; absent for a message. Only messages have content. */
  type?: string
  /** The kind of an entry of type `unknown`. */
  kind?: string
  id: number
  /** The name of the room, which identifies it and never changes. */
  room: string
  /** The position in the room’s log: 1, 2, 3, … without gaps. */
  seq: number
  user_id: number
  username: string
  content: string | null
  /** The client’s own data, at most 2 KiB as JSON; encrypted at rest like the content. */
  meta?: Record<string, unknown>
  /** If the user sends the same nonce to the same room again, nothing new is stored. */
  nonce?: string
  /** The `seq` of the message that this one replies to. */
  reply_to?: number
  /** The ids of the mentioned users. Ids that no user has are dropped. The text is not searched for names. */
  mentions?: number[]
  /** A time in UTC with milliseconds, RFC 3339. */
  edited_at?: string
  /** The `seq` of the last entry that changed the message. The fields include the effects of all entries up to that one. */
  changed_seq?: number
  /** The reactions, the most frequent first, at most 20 keys. */
  reactions?: {
    key: string
    count: number
  }[]
  /** Absent if the message is not pinned. */
  pinned?: true
  reply?: {
    seq: number
    user_id?: number
    username?: string
    excerpt?: string
    unavailable?: 'key' | 'erased' | 'expired'
  }
  /** A time in UTC with milliseconds, RFC 3339. */
  created_at: string
  unavailable?: 'key' | 'erased'
  /** In an entry that changes a message: the `seq` of the message. */
  target?: number
  /** In an entry of type `reaction`: the key. */
  key?: string
  /** In an entry of type `reaction` or `pin`: `added` or `removed`. */
  action?: string
  /** In an entry of type `reaction`: how many reactions of this key the message has afterwards. */
  count?: number
  /** In an entry of type `deletion`: why the message was deleted. */
  reason?: string
  /** In an entry of type `erasure`: the erased user. */
  subject?: number
}

export type EntryList = {
  /** The name of the room, which identifies it and never changes. */
  room: string
  epoch: string
  /** The `seq` of the oldest entry that is kept. */
  oldest: number
  /** The `seq` of the newest entry at the time of the request. The messages include the effects of all entries up to this one, and possibly of later entries. */
  seq: number
  messages: Entry[]
  /** Whether there are more entries in the requested direction; with `around`, whether there are older entries. */
  has_more: boolean
  /** With `around`: whether there are newer messages. */
  has_newer?: boolean
  /** The keys of your reactions, by the `seq` of the message. Absent if you have not reacted to these messages. */
  mine?: Record<string, string[]>
}

export type Log = {
  /** The name of the room, which identifies it and never changes. */
  room: string
  epoch: string
  /** The `seq` of the oldest entry that is kept. */
  oldest: number
  /** The `seq` of the newest entry. */
  seq: number
  /** Whether there are later entries. */
  has_more: boolean
  entries: Record<string, unknown>[]
}

export type SingleMessage = {
  id: number
  /** The name of the room, which identifies it and never changes. */
  room: string
  /** The position in the room’s log: 1, 2, 3, … without gaps. */
  seq: number
  user_id: number
  username: string
  content: string | null
  /** The client’s own data, at most 2 KiB as JSON; encrypted at rest like the content. */
  meta?: Record<string, unknown>
  /** If the user sends the same nonce to the same room again, nothing new is stored. */
  nonce?: string
  /** The `seq` of the message that this one replies to. */
  reply_to?: number
  /** The ids of the mentioned users. Ids that no user has are dropped. The text is not searched for names. */
  mentions?: number[]
  /** A time in UTC with milliseconds, RFC 3339. */
  edited_at?: string
  /** The `seq` of the last entry that changed the message. The fields include the effects of all entries up to that one. */
  changed_seq?: number
  /** The reactions, the most frequent first, at most 20 keys. */
  reactions?: {
    key: string
    count: number
  }[]
  /** Absent if the message is not pinned. */
  pinned?: true
  reply?: {
    seq: number
    user_id?: number
    username?: string
    excerpt?: string
    unavailable?: 'key' | 'erased' | 'expired'
  }
  /** A time in UTC with milliseconds, RFC 3339. */
  created_at: string
  unavailable?: 'key' | 'erased'
  /** The keys of your reactions. Absent if there are none. */
  mine?: string[]
}

export type ReactionList = {
  reactions: {
    /** The `seq` of the entry that added the reaction. */
    seq: number
    key: string
    user_id: number
    username: string
  }[]
  has_more: boolean
}

export type ReadState = {
  /** The name of the room, which identifies it and never changes. */
  room: string
  /** The `seq` of the last entry that you have read. */
  read_seq: number
  /** Whether you marked the room as unread since you read it. */
  marked_unread: boolean
}

export type InboxPage = {
  rooms: {
    /** The name of the room, which identifies it and never changes. */
    room: string
    title?: string
    visibility: 'public' | 'private' | 'direct'
    /** The `seq` of the newest entry. */
    seq: number
    /** The number of messages in the room up to now, deleted ones included. */
    messages: number
    last?: {
      seq: number
      user_id: number
      username: string
      /** A time in UTC with milliseconds, RFC 3339. */
      timestamp: string
      /** The first 100 characters of the current text. */
      excerpt?: string
      /** Why there is no excerpt: `erased` or `key`. */
      unavailable?: string
    }
    /** The role in the room. Each role may do what the roles before it may do. */
    role: 'member' | 'moderator' | 'owner'
    /** The number of messages up to your read mark. */
    read_messages: number
    /** The number of unread messages that mention you; 100 means at least 100. */
    mentions: number
    /** Whether you marked the room as unread. */
    marked_unread: boolean
    /** `messages` minus `read_messages`. */
    unread: number
    /** The other people of a direct room. Absent in other rooms. */
    people?: {
      /** The id of a user. */
      user_id: number
      username: string
    }[]
  }[]
  /** Over all your rooms, not only those of this page. */
  total: {
    /** The number of rooms that are unread or marked as unread. */
    unread_rooms: number
    /** The sum of all mentions. */
    mentions: number
  }
  /** Whether there are more rooms. Request them with `after` set to `next`. */
  has_more: boolean
  /** The value of `after` for the next page. Absent on the last page. */
  next?: string
}

export type Member = {
  /** The id of a user. */
  user_id: number
  username: string
  /** The role in the room. Each role may do what the roles before it may do. */
  role: 'member' | 'moderator' | 'owner'
  /** A time in UTC with milliseconds, RFC 3339. */
  joined_at: string
  /** The `seq` of the last entry that the member has read. Only in lists; for others only in rooms with up to 100 members. */
  read_seq?: number
}

export type MemberList = {
  room: string
  members: Member[]
  /** Whether there may be more members. Request them with `after` set to `next`. */
  has_more: boolean
  /** The value of `after` for the next page. Absent on the last page. */
  next?: number
}

export type UserList = {
  users: {
    /** The id of a user. */
    user_id: number
    username: string
  }[]
}

export type RoomInvitation = {
  /** The id of an invitation. */
  id: number
  /** Shown only once, because the service stores only its hash. */
  code: string
  /** The address of the page with the code. Absent if the service has no `PUBLIC_URL`. */
  link?: string
  /** A time in UTC with milliseconds, RFC 3339. */
  expires_at: string
  /** How many more people can join with the invitation. */
  uses_left: number
}

export type RoomInvitationList = {
  /** The name of the room, which identifies it and never changes. */
  room: string
  invitations: {
    /** The id of an invitation. */
    id: number
    /** The id of a user. */
    user_id: number
    /** Who created the invitation. */
    username: string
    /** A time in UTC with milliseconds, RFC 3339. */
    created_at: string
    /** A time in UTC with milliseconds, RFC 3339. */
    expires_at: string
    /** How many more people can join with the invitation. */
    uses_left: number
  }[]
}

export type InvitationPreview = {
  /** The name of the room, which identifies it and never changes. */
  room: string
  /** Absent for a room without a title. */
  title?: string
  /** How many members the room has, at most 1,000. */
  members: number
}

export type BlockList = {
  blocks: {
    /** The id of a user. */
    user_id: number
    username: string
    /** A time in UTC with milliseconds, RFC 3339. */
    created_at: string
  }[]
}

export type Restriction = {
  /** The id of a user. */
  user_id: number
  username: string
  /** A muted user may not write. A banned user may not read or join the room. */
  kind: 'mute' | 'ban'
  /** A time in UTC with milliseconds, RFC 3339. */
  until?: string
  reason?: string
  /** The user who restricted the user. Null for the application, or if the account was deleted. */
  by: number | null
  /** A time in UTC with milliseconds, RFC 3339. */
  created_at: string
}

export type RestrictionList = {
  room: string
  restrictions: Restriction[]
  /** Whether there may be more restrictions. Request them with `after` set to `next`. */
  has_more: boolean
  /** The value of `after` for the next page. Absent on the last page. */
  next?: number
}

export type Report = {
  /** The id of a report. */
  id: number
  /** The name of the room, which identifies it and never changes. */
  room: string
  /** The `seq` of the message. */
  seq: number
  reporter: {
    /** The id of a user. */
    user_id: number
    username: string
  }
  author: {
    /** The id of a user. */
    user_id: number
    username: string
  }
  /** The text of the message when it was reported. Null if it cannot be decrypted. */
  content: string | null
  /** Absent if no reason was given. */
  reason?: string
  /** A time in UTC with milliseconds, RFC 3339. */
  created_at: string
  state: 'open' | 'resolved'
  /** `deleted`: the message was deleted. `dismissed`: nothing was done. */
  outcome?: 'dismissed' | 'deleted'
  /** A time in UTC with milliseconds, RFC 3339. */
  resolved_at?: string
  resolved_by?: {
    /** The id of a user. */
    user_id: number
    username: string
  }
}

export type ReportList = {
  reports: Report[]
  /** Whether there are older reports. Request them with `after` set to `next`. */
  has_more: boolean
  /** The value of `after` for the next page. */
  next?: number
}

export type Limits = {
  /** Characters (Unicode code points). */
  max_message_length: number
  max_meta_bytes: number
  max_frame_bytes: number
  messages_per_second: number
  message_burst: number
}

export type SendFrame = {
  type: 'message'
  content: string
  /** The name of the room, which identifies it and never changes. */
  room?: string
  /** If the user sends the same nonce to the same room again, nothing new is stored. */
  nonce?: string
  /** The client’s own data, at most 2 KiB as JSON; encrypted at rest like the content. */
  meta?: Record<string, unknown>
  /** The ids of the mentioned users. Ids that no user has are dropped. The text is not searched for names. */
  mentions?: number[]
  /** The `seq` of the message that this one replies to. */
  reply_to?: number
  /** Repeated in the response to this frame. */
  ref?: string
}

export type EditCommand = {
  type: 'edit'
  /** The `seq` of the message in the same room. */
  target: number
  content: string
  /** The name of the room, which identifies it and never changes. */
  room?: string
  /** If the user sends the same nonce to the same room again, nothing new is stored. */
  nonce?: string
  /** The client’s own data, at most 2 KiB as JSON; encrypted at rest like the content. */
  meta?: Record<string, unknown>
  /** The ids of the mentioned users. Ids that no user has are dropped. The text is not searched for names. */
  mentions?: number[]
  /** Repeated in the response to this frame. */
  ref?: string
}

export type DeleteCommand = {
  type: 'delete'
  /** The `seq` of the message in the same room. */
  target: number
  /** Why the message was deleted. Encrypted at rest like a message. */
  reason?: string
  /** The name of the room, which identifies it and never changes. */
  room?: string
  /** If the user sends the same nonce to the same room again, nothing new is stored. */
  nonce?: string
  /** Repeated in the response to this frame. */
  ref?: string
}

export type ReactCommand = {
  type: 'react'
  /** The `seq` of the message in the same room. */
  target: number
  /** One emoji, or a name of 1-32 characters of a-z, 0-9, "_", "+" and "-". Returned without U+FE0F. */
  key: string
  remove?: boolean
  /** The name of the room, which identifies it and never changes. */
  room?: string
  /** If the user sends the same nonce to the same room again, nothing new is stored. */
  nonce?: string
  /** Repeated in the response to this frame. */
  ref?: string
}

export type SubscribeFrame = {
  type: 'subscribe'
  /** The name of the room, which identifies it and never changes. */
  room: string
  after?: number
  /** The epoch of the log that `after` refers to. */
  epoch?: string
  /** Repeated in the response to this frame. */
  ref?: string
}

export type UnsubscribeFrame = {
  type: 'unsubscribe'
  /** The name of the room, which identifies it and never changes. */
  room: string
  /** Repeated in the response to this frame. */
  ref?: string
}

export type ReadCommand = {
  type: 'read'
  /** The name of the room, which identifies it and never changes. */
  room?: string
  /** The `seq` of the last entry that you have read. */
  up_to?: number
  /** The epoch of the log that `up_to` refers to. */
  epoch?: string
  unread?: boolean
  /** Repeated in the response to this frame. */
  ref?: string
}

export type InboxCommand = {
  type: 'inbox'
  /** Repeated in the response to this frame. */
  ref?: string
}

export type TypingFrame = {
  type: 'typing'
  /** The name of the room, which identifies it and never changes. */
  room?: string
  /** Repeated in the response to this frame. */
  ref?: string
}

export type AuthFrame = {
  type: 'auth'
  token: string
  /** Repeated in the response to this frame. */
  ref?: string
}

export type PingFrame = {
  type: 'ping'
  /** Repeated in the response to this frame. */
  ref?: string
}

export type ClientFrame =
  | SendFrame
  | EditCommand
  | DeleteCommand
  | ReactCommand
  | SubscribeFrame
  | UnsubscribeFrame
  | ReadCommand
  | InboxCommand
  | TypingFrame
  | AuthFrame
  | PingFrame

export type MessageFrame = {
  type: 'message'
  id: number
  /** The name of the room, which identifies it and never changes. */
  room: string
  /** The position in the room’s log: 1, 2, 3, … without gaps. */
  seq: number
  user_id: number
  username: string
  content: string | null
  /** The client’s own data, at most 2 KiB as JSON; encrypted at rest like the content. */
  meta?: Record<string, unknown>
  /** If the user sends the same nonce to the same room again, nothing new is stored. */
  nonce?: string
  unavailable?: 'key' | 'erased'
  /** The `seq` of the message that this one replies to. */
  reply_to?: number
  /** The ids of the mentioned users. Ids that no user has are dropped. The text is not searched for names. */
  mentions?: number[]
  /** A time in UTC with milliseconds, RFC 3339. */
  edited_at?: string
  /** The `seq` of the last entry that changed the message. The fields include the effects of all entries up to that one. */
  changed_seq?: number
  /** A time in UTC with milliseconds, RFC 3339. */
  timestamp: string
}

export type EditFrame = {
  type: 'edit'
  id: number
  /** The name of the room, which identifies it and never changes. */
  room: string
  /** The position in the room’s log: 1, 2, 3, … without gaps. */
  seq: number
  user_id: number
  username: string
  content: string | null
  /** The client’s own data, at most 2 KiB as JSON; encrypted at rest like the content. */
  meta?: Record<string, unknown>
  /** If the user sends the same nonce to the same room again, nothing new is stored. */
  nonce?: string
  unavailable?: 'key' | 'erased' | 'superseded'
  /** The `seq` of the message in the same room. */
  target: number
  /** The ids of the mentioned users. Ids that no user has are dropped. The text is not searched for names. */
  mentions?: number[]
  /** A time in UTC with milliseconds, RFC 3339. */
  timestamp: string
}

export type DeletionFrame = {
  type: 'deletion'
  id: number
  /** The name of the room, which identifies it and never changes. */
  room: string
  /** The position in the room’s log: 1, 2, 3, … without gaps. */
  seq: number
  user_id: number
  username: string
  /** If the user sends the same nonce to the same room again, nothing new is stored. */
  nonce?: string
  /** The `seq` of the message in the same room. */
  target: number
  /** Why the message was deleted. Encrypted at rest like a message. */
  reason?: string
  /** A time in UTC with milliseconds, RFC 3339. */
  timestamp: string
}

export type ReactionFrame = {
  type: 'reaction'
  id: number
  /** The name of the room, which identifies it and never changes. */
  room: string
  /** The position in the room’s log: 1, 2, 3, … without gaps. */
  seq: number
  user_id: number
  username: string
  /** If the user sends the same nonce to the same room again, nothing new is stored. */
  nonce?: string
  /** The `seq` of the message in the same room. */
  target: number
  key: string
  action: 'added' | 'removed'
  count: number
  /** A time in UTC with milliseconds, RFC 3339. */
  timestamp: string
}

export type PinFrame = {
  type: 'pin'
  id: number
  /** The name of the room, which identifies it and never changes. */
  room: string
  /** The position in the room’s log: 1, 2, 3, … without gaps. */
  seq: number
  user_id: number
  username: string
  /** If the user sends the same nonce to the same room again, nothing new is stored. */
  nonce?: string
  /** The `seq` of the message in the same room. */
  target: number
  action: 'added' | 'removed'
  /** A time in UTC with milliseconds, RFC 3339. */
  timestamp: string
}

export type MembershipFrame = {
  type: 'membership'
  id: number
  /** The name of the room, which identifies it and never changes. */
  room: string
  /** The position in the room’s log: 1, 2, 3, … without gaps. */
  seq: number
  user_id: number
  username: string
  /** The id of a user. */
  subject: number
  /** `joined` and `left`: the subject acted. Otherwise, the author of the entry acted, or the application if the author is the subject. */
  event: 'joined' | 'left' | 'added' | 'removed' | 'role_changed' | 'muted' | 'unmuted' | 'banned' | 'unbanned'
  /** The role in the room. Each role may do what the roles before it may do. */
  role?: 'member' | 'moderator' | 'owner'
  /** A time in UTC with milliseconds, RFC 3339. */
  until?: string
  /** Why the user was muted or banned. */
  reason?: string
  /** All added users, if an application added several users at once. `subject` is one of them. */
  subjects?: number[]
  /** A time in UTC with milliseconds, RFC 3339. */
  timestamp: string
}

export type RoomFrame = {
  type: 'room'
  id: number
  /** The name of the room, which identifies it and never changes. */
  room: string
  /** The position in the room’s log: 1, 2, 3, … without gaps. */
  seq: number
  user_id: number
  username: string
  /** Null if it was removed. */
  title?: string | null
  /** Null if it was removed. */
  topic?: string | null
  /** How long a member must wait between two messages, in seconds; 0 if there is no slow mode. */
  slow_mode_seconds?: number
  /** Whether the room is read-only: only moderators may delete messages. */
  archived?: boolean
  /** Who may add members to a private room. */
  invite?: 'members' | 'moderators'
  /** How many days the entries of the room are kept, if this is fewer than the service keeps them; null without such a limit. Older entries are deleted permanently. */
  retention_days?: number | null
  /** The room does not exist anymore. */
  deleted?: true
  /** A time in UTC with milliseconds, RFC 3339. */
  timestamp: string
}

export type ErasureFrame = {
  type: 'erasure'
  id: number
  /** The name of the room, which identifies it and never changes. */
  room: string
  /** The position in the room’s log: 1, 2, 3, … without gaps. */
  seq: number
  user_id: number
  username: string
  /** The user whose entries with a lower `seq` were erased. */
  subject: number
  /** A time in UTC with milliseconds, RFC 3339. */
  timestamp: string
}

export type SystemFrame = {
  type: 'system'
  event: 'connected' | 'joined' | 'left'
  /** The event as a sentence. */
  message: string
  /** The name of the room, which identifies it and never changes. */
  room?: string
  user_id?: number
  username?: string
  /** A time in UTC with milliseconds, RFC 3339. */
  server_time?: string
  /** A time in UTC with milliseconds, RFC 3339. */
  expires_at?: string
  ping_interval_ms?: number
  limits?: {
    /** Characters (Unicode code points). */
    max_message_length: number
    max_meta_bytes: number
    max_frame_bytes: number
    messages_per_second: number
    message_burst: number
  }
  /** The kinds of entries that the service accepts now; send no others. */
  features?: string[]
}

export type UnknownFrame = {
  type: 'unknown'
  /** The kind, which a newer release defines. */
  kind: string
  /** The name of the room, which identifies it and never changes. */
  room: string
  seq: number
}

export type AckFrame = {
  type: 'ack'
  /** If the user sends the same nonce to the same room again, nothing new is stored. */
  nonce?: string
  /** The `ref` of the frame that this frame responds to. */
  ref?: string
  id: number
  /** The name of the room, which identifies it and never changes. */
  room: string
  seq: number
  /** A time in UTC with milliseconds, RFC 3339. */
  timestamp: string
}

export type SubscribedFrame = {
  type: 'subscribed'
  /** The name of the room, which identifies it and never changes. */
  room: string
  /** Identifies this incarnation of the log. Send it with `after`. */
  epoch: string
  /** The `seq` of the newest entry. */
  seq: number
  /** The `seq` of the oldest entry that is kept. */
  oldest: number
  /** The `ref` of the frame that this frame responds to. */
  ref?: string
}

export type ResyncFrame = {
  type: 'resync'
  /** The name of the room, which identifies it and never changes. */
  room: string
  /** Identifies this incarnation of the log. Send it with `after`. */
  epoch: string
  /** The `seq` of the newest entry. */
  seq: number
  /** The `seq` of the oldest entry that is kept. */
  oldest: number
  reason: 'too_far' | 'expired' | 'epoch' | 'ahead'
  /** The `ref` of the frame that this frame responds to. */
  ref?: string
}

export type UnsubscribedFrame = {
  type: 'unsubscribed'
  /** The name of the room, which identifies it and never changes. */
  room: string
  reason?: string
  /** The `ref` of the frame that this frame responds to. */
  ref?: string
}

export type HeadsFrame = {
  type: 'heads'
  rooms: Record<string, number>
}

export type TypingNotice = {
  type: 'typing'
  /** The name of the room, which identifies it and never changes. */
  room: string
  user_id: number
  username: string
  expires_in_ms: number
}

export type ReadNotice = {
  type: 'read'
  /** The name of the room, which identifies it and never changes. */
  room: string
  reads: {
    user_id: number
    read_seq: number
  }[]
}

export type InboxFrame = {
  type: 'inbox'
  first?: true
  rooms?: {
    /** The name of the room, which identifies it and never changes. */
    room: string
    title?: string | null
    visibility?: 'public' | 'private' | 'direct'
    /** The `seq` of the newest entry. */
    seq?: number
    /** The number of messages in the room up to now, deleted ones included. */
    messages?: number
    last?: {
      seq: number
      user_id: number
      username: string
      /** A time in UTC with milliseconds, RFC 3339. */
      timestamp: string
      /** The first 100 characters of the current text. */
      excerpt?: string
      /** Why there is no excerpt: `erased` or `key`. */
      unavailable?: string
    }
    /** The role in the room. Each role may do what the roles before it may do. */
    role?: 'member' | 'moderator' | 'owner'
    /** The number of messages up to your read mark. */
    read_messages?: number
    /** The number of unread messages that mention you; 100 means at least 100. */
    mentions?: number
    /** Whether you marked the room as unread. */
    marked_unread?: boolean
    /** `messages` minus `read_messages`. */
    unread?: number
    /** The other people of a direct room. Absent in other rooms. */
    people?: {
      /** The id of a user. */
      user_id: number
      username: string
    }[]
  }[]
  removed?: string[]
  /** Over all your rooms, not only those of this page. */
  total?: {
    /** The number of rooms that are unread or marked as unread. */
    unread_rooms: number
    /** The sum of all mentions. */
    mentions: number
  }
  has_more?: boolean
  /** The `after` of `GET /api/chat/inbox` for the rooms after these. */
  next?: string
  /** The `ref` of the frame that this frame responds to. */
  ref?: string
}

export type PresenceFrame = {
  type: 'presence'
  /** The name of the room, which identifies it and never changes. */
  room: string
  count: number
  users?: {
    user_id: number
    username: string
  }[]
}

export type ReconnectFrame = {
  type: 'reconnect'
  after_ms: number
}

export type AuthenticatedFrame = {
  type: 'authenticated'
  /** A time in UTC with milliseconds, RFC 3339. */
  expires_at: string
  /** The `ref` of the frame that this frame responds to. */
  ref?: string
}

export type ErrorFrame = {
  type: 'error'
  code: string
  detail: string
  room?: string
  nonce?: string
  /** The `ref` of the frame that this frame responds to. */
  ref?: string
  retry_after_ms?: number
  /** A time in UTC with milliseconds, RFC 3339. */
  until?: string
  /** The request id of the connection, if the log has a line about the error. */
  instance?: string
}

export type PongFrame = {
  type: 'pong'
  /** The `ref` of the frame that this frame responds to. */
  ref?: string
}

export type ServerFrame =
  | MessageFrame
  | EditFrame
  | DeletionFrame
  | ReactionFrame
  | PinFrame
  | MembershipFrame
  | RoomFrame
  | ErasureFrame
  | SystemFrame
  | UnknownFrame
  | AckFrame
  | SubscribedFrame
  | ResyncFrame
  | UnsubscribedFrame
  | HeadsFrame
  | TypingNotice
  | ReadNotice
  | InboxFrame
  | PresenceFrame
  | ReconnectFrame
  | AuthenticatedFrame
  | ErrorFrame
  | PongFrame
