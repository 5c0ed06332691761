/** The public types of a room: state, events, messages and outgoing messages. */
import type { Entry, ErrorCode, Presence } from './protocol.ts'

/** A message of a room's log. `content` is null if it can't be shown; `unavailable` is the reason. */
export type Message = Entry

/** A code of the service's error catalog, one of the SDK's own three, or one of the host application. */
export type ChatErrorCode = ErrorCode | 'network_error' | 'timeout' | 'no_token' | (string & {})

/** The reason of a refusal: a stable code, and a sentence for the user. */
export interface Refusal {
  readonly code: ChatErrorCode
  readonly detail: string
}

/** A message of this user that isn't in the log yet. */
export interface Outgoing {
  /** Identifies the message. The SDK creates it and keeps it for all retries, so that the message is stored once. */
  readonly nonce: string
  readonly room: string
  readonly content: string
  readonly meta?: Record<string, unknown>
  /** When `send` was called, in milliseconds since the epoch. */
  readonly createdAt: number
  /**
   * `pending`: not acknowledged; the SDK sends it until it is. `sent`: committed as `seq`, shortly before it is in
   * `messages`. `failed`: refused with `error`; not stored, and not sent again without `retry`.
   */
  readonly status: 'pending' | 'sent' | 'failed'
  readonly seq?: number
  readonly error?: Refusal
}

/** A user who is typing. */
export interface Typist {
  readonly user_id: number
  readonly username: string
}

/** The state of a room for a UI: a frozen snapshot. Each change creates a new object. */
export interface RoomState {
  /**
   * `joining`: waiting for the service. `live`: complete. `catching_up`: disconnected, or still reading missed messages.
   * `refused`: the subscription was refused (`error`); tried again after the next reconnection. `left`: after `leave()`.
   */
  readonly status: 'joining' | 'live' | 'catching_up' | 'refused' | 'left'
  readonly error?: Refusal
  /** Ascending by `seq`, without duplicates or gaps. Empty at first: call `older()`. */
  readonly messages: readonly Message[]
  /** This user's messages that aren't in `messages` yet, in the order sent. Show them after `messages`. */
  readonly outgoing: readonly Outgoing[]
  /** Whether `older()` can load more. */
  readonly hasOlder: boolean
  readonly isLoadingOlder: boolean
  /** The users who are online, or only their number if there are more than 100. Undefined until the service has sent it. */
  readonly presence: Omit<Presence, 'room'> | undefined
  /** The other users who are typing. */
  readonly typing: readonly Typist[]
}

/** Describes a part of a room's log that the connection couldn't resume. */
export interface Resync {
  /** The service's reason: `too_far` behind, `expired`, or another log (`epoch`, `ahead`). */
  readonly reason: 'too_far' | 'expired' | 'epoch' | 'ahead'
  /**
   * Whether `messages` was replaced by the newest page. If not, the missed messages are read over HTTP and delivered in order
   * as usual.
   */
  readonly isReplaced: boolean
  /** The last `seq` before the missed entries. */
  readonly after: number
  /** The `seq` of the last missed entry. If `isReplaced`, neither events nor `messages()` deliver the missed entries. */
  readonly upTo: number
}

/** The events of a room. */
export interface RoomEvents {
  /** `state` changed. Emitted once for all changes in the same turn of the event loop. */
  change: RoomState
  /** A message arrived, live or after a gap. Emitted once for each message, ascending by `seq`, but not for those of `older()`. */
  message: Message
  /** The status of an outgoing message changed. */
  outgoing: Outgoing
  /** A part of the log couldn't be resumed. It was replaced, or is read over HTTP. */
  resync: Resync
  /** A user joined or left (in rooms of up to 100 users). */
  person: { readonly event: 'joined' | 'left' } & Typist
}

/** A room to which the client is subscribed. */
export interface Room {
  readonly name: string
  readonly state: RoomState
  /**
   * Sends a message, now or when the connection is back, after the earlier messages to this room. The service stores it once.
   * Returns the outgoing message with its current status. `state.outgoing`, the event `outgoing` and `settled` report later
   * changes. Doesn't throw if the service refuses the message.
   */
  send(content: string, options?: { readonly meta?: Record<string, unknown> }): Outgoing
  /** Resolves with an outgoing message when it is `sent` or `failed`. Resolves with undefined if it was discarded or is unknown. */
  settled(nonce: string): Promise<Outgoing | undefined>
  /** Sends a `failed` message again, after the pending ones. Has no effect on other messages. */
  retry(nonce: string): void
  /** Removes an outgoing message. If it has reached the service, it may still be stored. */
  discard(nonce: string): void
  /**
   * Loads the page before `messages`, with up to `limit` messages (default 50). Returns whether there are more. Waits until the
   * room is joined. If a page is already loading, returns its promise. Rejects with a ChatApiError.
   */
  older(limit?: number): Promise<boolean>
  /** Notifies the others that the user is typing. Call it at each key press; it sends at most one frame in three seconds. */
  typing(): void
  /**
   * Returns the messages from this call on, the same as the event `message`. Each loop gets all of them. A loop ends with
   * `leave()`, `close()`, or a `break`. Messages that a loop hasn't read yet are queued in memory, without a limit.
   */
  messages(): AsyncIterableIterator<Message>
  /** Unsubscribes. Outgoing messages are still sent. `client.room(name)` subscribes again. */
  leave(): void
  /** Calls `listener` for each event until the returned function is called. */
  on<Name extends keyof RoomEvents>(event: Name, listener: (value: RoomEvents[Name]) => void): () => void
}
