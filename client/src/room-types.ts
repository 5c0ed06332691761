/** The public types of a room: state, events, messages and outgoing messages. */
import type {
  DeletionFrame,
  EditFrame,
  Entry,
  ErrorCode,
  MembershipFrame,
  PinFrame,
  Presence,
  ReactionFrame,
  RoomFrame
} from './protocol.ts'

/**
 * A message of a room's log in its current state. If the content can't be shown, `content` is null and `unavailable` is the
 * reason. `state.messages` includes this user's unconfirmed changes.
 */
export interface Message extends Entry {
  /** The keys of this user's reactions. Absent if there are none. */
  readonly mine?: readonly string[]
  /** Present if the message is pinned. */
  readonly pinned?: true
  /** Present if the message includes a change of this user that the service has not confirmed yet. */
  readonly pending?: true
}

/** An entry of the log that changes the message `target`. */
export type MessageChange = EditFrame | DeletionFrame | ReactionFrame | PinFrame

/** An error code: of the service's catalog, of the SDK (`network_error`, `timeout`, `no_token`), or of the host application. */
export type ChatErrorCode = ErrorCode | 'network_error' | 'timeout' | 'no_token' | (string & {})

/** The reason of a refusal: a stable code, and a sentence for the user. */
export interface Refusal {
  readonly code: ChatErrorCode
  readonly detail: string
  /**
   * The end of the restriction (RFC 3339). Present only for the codes `muted` and `banned`, and only if the restriction has an
   * end.
   */
  readonly until?: string
}

/** The fields that a message or an edit may have in addition to its text. `mentions` are the ids of the mentioned users. */
export interface TextOptions {
  readonly meta?: Record<string, unknown>
  readonly mentions?: readonly number[]
}

/** A message that this user sent, or a change that this user made to a message. It is outgoing until the room delivers it. */
export interface Outgoing extends TextOptions {
  readonly type: 'message' | 'edit' | 'delete' | 'react' | 'pin'
  /**
   * Identifies the message or change. The SDK creates the nonce and sends the same nonce in all retries, so that the service
   * stores the message or change once.
   */
  readonly nonce: string
  readonly room: string
  /** The text of a message or an edit. Empty for the other types. */
  readonly content: string
  /** The `seq` of the message to change. Absent for a new message. */
  readonly target?: number
  /** The `seq` of the message that this message replies to. */
  readonly replyTo?: number
  /** The reason of the deletion. Present only for the type `delete`. */
  readonly reason?: string
  /** The key of the reaction. Present only for the type `react`. */
  readonly key?: string
  /** True if the reaction or the pin is removed. Present only for the types `react` and `pin`. */
  readonly remove?: boolean
  /** When `send` or another function was called, in milliseconds since the epoch. */
  readonly createdAt: number
  /**
   * `pending`: not acknowledged yet. The SDK sends the message or change until the service acknowledges or refuses it. `sent`:
   * stored as the entry `seq`, but not in `messages` yet. `failed`: refused with `error` and not stored. The SDK sends it again
   * only after `retry`.
   */
  readonly status: 'pending' | 'sent' | 'failed'
  readonly seq?: number
  readonly error?: Refusal
  /**
   * The time at which the SDK sends the message again, in milliseconds since the epoch. Present if slow mode delays the message.
   * The status is then `pending`.
   */
  readonly waitsUntil?: number
}

/** An outgoing change of the message `target`. */
export interface OutgoingChange extends Outgoing {
  readonly type: 'edit' | 'delete' | 'react' | 'pin'
  readonly target: number
}

export interface Typist {
  readonly user_id: number
  readonly username: string
}

/**
 * The settings of a room. In `state`, each setting is absent until an entry of type `room` has changed it, and a `resync` with
 * `isReplaced` removes all settings. To get an absent setting, call `api.showRoom`. A title or topic of null means that there is
 * none.
 */
export interface RoomSettings {
  readonly title?: string | null
  readonly topic?: string | null
  /** Minimum number of seconds between two messages of a member. 0 if slow mode is off. */
  readonly slow_mode_seconds?: number
  /** Whether the room is read-only. Moderators can still delete its messages, and owners can make it writable again. */
  readonly archived?: boolean
  /** The members who may add people to the room. */
  readonly invite?: 'members' | 'moderators'
  /** Number of days for which the entries of the room are kept. Null if the room has no limit of its own. */
  readonly retention_days?: number | null
}

/** The state of a room, as a frozen snapshot for a UI. Each change creates a new object. */
export interface RoomState extends RoomSettings {
  /**
   * `joining`: the service has not confirmed the subscription yet. `live`: no message is missing. `catching_up`: disconnected, or
   * still loading missed messages. `refused`: the service refused the subscription, for the reason in `error`. The client tries
   * again after the next reconnection. `left`: the app called `leave()`, or the service ended the subscription. If the service
   * ended it, `error` is the value of the event `removed`. The client doesn't subscribe again. If this user may no longer read
   * the room, the messages and all settings of the room are removed.
   */
  readonly status: 'joining' | 'live' | 'catching_up' | 'refused' | 'left'
  readonly error?: Refusal
  /**
   * The messages, ascending by `seq`, without duplicates or gaps. Empty at first: call `older()` to load the newest page. They
   * include this user's pending changes. A refused change is reverted.
   */
  readonly messages: readonly Message[]
  /** This user's messages that aren't in `messages` yet, in the order in which they were sent. Show them after `messages`. */
  readonly outgoing: readonly Outgoing[]
  /** This user's unconfirmed changes of messages, in the order in which they were made. */
  readonly changes: readonly OutgoingChange[]
  /** Whether `older()` can load more. */
  readonly hasOlder: boolean
  /**
   * The `seq` of the oldest entry that the service keeps, as far as this client knows. If it is above 1, older messages have
   * expired. Messages that were loaded before stay in `messages`.
   */
  readonly oldest: number
  readonly isLoadingOlder: boolean
  /**
   * The read marks of users: the `seq` of the last entry that each user has read, keyed by user id. Includes this user's own
   * mark, as `markRead` has set it. Empty at first: `loadReads()` loads the marks of the members. The marks of other users are
   * absent in rooms of more than 100 members, and if the service does not show them.
   */
  readonly reads: { readonly [userId: number]: number }
  /**
   * The number of users who are online, and the users themselves if there are at most 100. Undefined until the service has
   * sent the first presence frame of the connection.
   */
  readonly presence: Omit<Presence, 'room'> | undefined
  /** The other users who are typing. */
  readonly typing: readonly Typist[]
}

/** Describes missed entries of a room's log that the service does not send over the connection. */
export interface Resync {
  /**
   * The service's reason. `too_far`: too many entries are missing. `expired`: missing entries are no longer in the log.
   * `epoch`, `ahead`: the log was replaced by another one.
   */
  readonly reason: 'too_far' | 'expired' | 'epoch' | 'ahead'
  /**
   * If true, `messages` was emptied. The newest page is then loaded, provided that the app has called `older()` before. If
   * false, the missed entries are read over HTTP and delivered in order.
   */
  readonly isReplaced: boolean
  /** The last `seq` before the missed entries. */
  readonly after: number
  /** The `seq` of the last missed entry. If `isReplaced`, neither events nor `messages()` deliver the missed entries. */
  readonly upTo: number
}

/** The events of a room. */
export interface RoomEvents {
  /** `state` changed. Emitted once for all changes that were made synchronously. */
  change: RoomState
  /**
   * A message was received. Emitted once for each message, ascending by `seq`, also for messages that were missed while
   * offline. Not emitted for the messages that `older()` loads.
   */
  message: Message
  /**
   * All messages of a user before the entry `seq` were erased. `state.messages` no longer contains their contents, and has
   * `username` in place of the user's name. An app that stores messages itself must change them in the same way.
   */
  erasure: { readonly userId: number; readonly username: string; readonly seq: number }
  /**
   * A message was edited or deleted, or a reaction or a pin was added or removed. Emitted once per entry, ascending by `seq`.
   * Also emitted for entries that were missed while offline, and for messages that are not in memory. `state.messages` already
   * includes the change. If a later edit has replaced an edit, the earlier edit has no content. An app that stores messages
   * itself must apply the entry to its copy.
   */
  update: MessageChange
  /** An outgoing message or change was added, or its status or `waitsUntil` changed. */
  outgoing: Outgoing
  /** Missed entries do not arrive over the connection. They are skipped, or read over HTTP. */
  resync: Resync
  /**
   * A user became a member, stopped being a member, got another role, was muted or banned, or the mute or ban ended. `subject` is
   * the id of that user. `user_id` and `username` are those of the author of the change. If the host application made the change,
   * the author is the subject. The events `membership` and `room` are emitted once per entry, in the order of the log, also for
   * entries that were missed while offline.
   */
  membership: MembershipFrame
  /** The settings of the room changed. `state` already includes the change. */
  room: RoomFrame
  /**
   * The service has ended the subscription. The status is `left`. `code` is the reason. `removed`: this user is no longer a
   * member of a private room. `banned`: this user is banned. `private`: the room has become private. `deleted`: the room was
   * deleted. The service refuses the unsent messages. When the user may read the room again, `client.room(name)` subscribes
   * again.
   */
  removed: Refusal
  /** A user came online or went offline in the room. Emitted only in rooms of up to 100 users. */
  person: { readonly event: 'joined' | 'left' } & Typist
}

/** A room to which the client is subscribed. */
export interface Room {
  readonly name: string
  readonly state: RoomState
  /**
   * Sends a message after the earlier messages to this room. If there is no connection, sends the message when the client is
   * connected again. The service stores the message once. Returns the outgoing message with its current status.
   * `state.outgoing`, the event `outgoing` and `settled` report later changes. Doesn't throw if the service refuses the
   * message. `replyTo` is the `seq` of the message that this one replies to.
   */
  send(content: string, options?: TextOptions & { readonly replyTo?: number }): Outgoing
  /**
   * Replaces the text, the `meta` and the mentions of this user's message `seq`. `state.messages` shows the new text at once, and
   * the former text again if the service refuses the edit. `state.changes` contains the edit until the service confirms it. Fails
   * with `upgrade_pending` if the service doesn't accept edits, see `Identity.features`. `delete`, `react` and `pin` behave in
   * the same way.
   */
  edit(seq: number, content: string, options?: TextOptions): Outgoing
  /**
   * Deletes the text, the edits and the reactions of the message `seq`. The message keeps its position in the log, with the
   * content null.
   */
  delete(seq: number, options?: { readonly reason?: string }): Outgoing
  /** Adds a reaction to the message `seq`, or removes the reaction. `key` is one emoji, or a name such as `+1`. */
  react(seq: number, key: string, options?: { readonly remove?: boolean }): Outgoing
  /** Pins the message `seq` for all members, or unpins it. `api.pins` lists the pinned messages. */
  pin(seq: number, options?: { readonly remove?: boolean }): Outgoing
  /**
   * Resolves with the outgoing message or change when its status is `sent` or `failed`. Resolves with undefined if it was
   * discarded or is unknown.
   */
  settled(nonce: string): Promise<Outgoing | undefined>
  /** Sends a `failed` message or change again, after the pending ones. Has no effect if the status is not `failed`. */
  retry(nonce: string): void
  /** Removes an outgoing message or change. The service may still store it if the frame was already sent. */
  discard(nonce: string): void
  /**
   * Loads the page before `messages`, with up to `limit` messages (default 50). Resolves with true if there are still older
   * messages. While the status is `joining`, first waits until the service confirms or refuses the subscription. If a page is
   * already loading, returns the promise of that page. Rejects with a ChatApiError.
   */
  older(limit?: number): Promise<boolean>
  /**
   * Marks everything up to the entry `upTo` as read. Default and maximum: the last received entry. Call it whenever the user sees
   * new messages: the SDK sends at most one frame a second, and nothing for a lower `upTo`. Without a connection, sends the mark
   * after the reconnection. Only members have a read mark. A service without read marks ignores the mark.
   */
  markRead(upTo?: number): void
  /** Marks the room as unread until `markRead` of the room or of the inbox is called. */
  markUnread(): void
  /**
   * Loads the read marks of the members into `state.reads`. From then on, later marks are added to it as they arrive. Call it
   * again after a reconnection, because marks that were moved in the meantime are missing. Rejects with a ChatApiError.
   */
  loadReads(): Promise<void>
  /**
   * Notifies the other users that this user is typing. Call it at each key press: the SDK sends at most one frame every three
   * seconds.
   */
  typing(): void
  /**
   * Returns the messages that arrive after this call, the same as the event `message`. Each loop gets all of them. A loop ends
   * after `leave()`, `close()`, the event `removed` or a `break`. Messages that a loop hasn't read yet are queued in memory,
   * without a limit.
   */
  messages(): AsyncIterableIterator<Message>
  /** Unsubscribes. Outgoing messages are still sent. `client.room(name)` subscribes again. */
  leave(): void
  /** Calls `listener` for each event until the returned function is called. */
  on<Name extends keyof RoomEvents>(event: Name, listener: (value: RoomEvents[Name]) => void): () => void
}
