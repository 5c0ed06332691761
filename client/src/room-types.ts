/** What an app sees of a room, in types: its state, its events, its messages and one's own on their way. */
import type { Entry, ErrorCode, Presence } from './protocol.ts'

/** A message of a room's log. `content` is null when it can't be shown; `unavailable` says why. */
export type Message = Entry

/** A code of the service's catalogue; the next three are the SDK's own; a host may have words of its own. */
export type ChatErrorCode = ErrorCode | 'network_error' | 'timeout' | 'no_token' | (string & {})

/** Why something was refused: a stable word, and a sentence for people. */
export interface Refusal {
  readonly code: ChatErrorCode
  readonly detail: string
}

/** One's own message on its way. */
export interface Outgoing {
  /** Names it: made by the SDK, kept over retries and reconnections, so that it is stored once. */
  readonly nonce: string
  readonly room: string
  readonly content: string
  readonly meta?: Record<string, unknown>
  /** When it was typed, milliseconds since the epoch. */
  readonly createdAt: number
  /**
   * `pending`: not acknowledged; the SDK sends it, again if need be. `sent`: committed as `seq`, shortly before it is in
   * `messages`. `failed`: refused for `error`; not stored, and not sent again without `retry`.
   */
  readonly status: 'pending' | 'sent' | 'failed'
  readonly seq?: number
  readonly error?: Refusal
}

/** Someone who is typing. */
export interface Typist {
  readonly user_id: number
  readonly username: string
}

/** A room as a UI shows it: a frozen snapshot, another object after each change. */
export interface RoomState {
  /**
   * `joining`: not heard of yet. `live`: complete up to now. `catching_up`: not connected, or still reading what was missed.
   * `refused`: may not be followed (`error`); asked again after the next reconnection. `left`: by `leave()`.
   */
  readonly status: 'joining' | 'live' | 'catching_up' | 'refused' | 'left'
  readonly error?: Refusal
  /** Ascending by `seq`, none twice, none missing from the first to the last. Empty at first: call `older()`. */
  readonly messages: readonly Message[]
  /** One's own that aren't in `messages` yet, in the order typed: to be shown after them. */
  readonly outgoing: readonly Outgoing[]
  /** Whether `older()` would bring more. */
  readonly hasOlder: boolean
  readonly isLoadingOlder: boolean
  /** Who is there; above 100 people only how many. Undefined until the service has said. */
  readonly presence: Omit<Presence, 'room'> | undefined
  /** Who is typing now, without oneself. */
  readonly typing: readonly Typist[]
}

/** A part of a room couldn't be resumed. */
export interface Resync {
  /** As the service says it: `too_far` behind, `expired`, or another log (`epoch`, `ahead`). */
  readonly reason: 'too_far' | 'expired' | 'epoch' | 'ahead'
  /**
   * Whether `messages` was emptied and its newest page loaded again. If not, what was missed is being delivered in order
   * as always, read over HTTP.
   */
  readonly isReplaced: boolean
  /** Entries above this `seq`… */
  readonly after: number
  /** …and up to this one were missed; if `isReplaced`, neither events nor `messages()` bring them. */
  readonly upTo: number
}

/** Everything that a room says, by event. */
export interface RoomEvents {
  /** `state` is another; told once a turn of the event loop however much changed. */
  change: RoomState
  /** A message came: live or missed before, each once, ascending by `seq`; not those of `older()`. */
  message: Message
  /** The status of one of our own messages changed. */
  outgoing: Outgoing
  /** A part was replaced, or is read over HTTP. */
  resync: Resync
  /** Someone came or left (in rooms of up to 100 people). */
  person: { readonly event: 'joined' | 'left' } & Typist
}

/** A room that is followed. */
export interface Room {
  readonly name: string
  readonly state: RoomState
  /**
   * Sends a message, now or when the connection is back, after those sent to this room before it; stored once. Answers it as
   * it stands; follow it in `state.outgoing`, by the `outgoing` event, or with `settled`. Never throws for what the service
   * will say of it.
   */
  send(content: string, options?: { readonly meta?: Record<string, unknown> }): Outgoing
  /** Resolves when an outgoing message is `sent` or `failed`; undefined if it was discarded or isn't known. */
  settled(nonce: string): Promise<Outgoing | undefined>
  /** Sends a `failed` message again, after those that wait. Does nothing for any other. */
  retry(nonce: string): void
  /** Forgets a message. One that may have reached the service already may still be stored. */
  discard(nonce: string): void
  /**
   * Loads the page before `messages`, `limit` (default 50) of them, and answers whether there is more. Waits for the room to be
   * joined; one call at a time (a second one shares the first). Throws a ChatApiError.
   */
  older(limit?: number): Promise<boolean>
  /** Tells others that the user is typing: call it at each key; it is passed on every three seconds at most. */
  typing(): void
  /**
   * Messages from this call on, as the `message` event has them. Each loop has its own; it ends with `leave()`, `close()`, or a
   * `break`. What the loop hasn't taken yet is kept in memory.
   */
  messages(): AsyncIterableIterator<Message>
  /** Stops following; messages on their way are still sent. `client.room(name)` follows anew. */
  leave(): void
  /** Calls `listener` at each event until the returned function is called. */
  on<Name extends keyof RoomEvents>(event: Name, listener: (value: RoomEvents[Name]) => void): () => void
}
