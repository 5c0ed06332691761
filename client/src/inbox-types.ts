/** The public types of the inbox: its state, events, options and functions. */
import type { Timers } from './platform.ts'
import type { Refusal } from './room-types.ts'

/** A room of the inbox, with the number of its messages and of those that this user has read. */
export interface InboxItem {
  readonly room: string
  /** The title of the room. Absent in a room without a title. */
  readonly title?: string
  readonly visibility: 'public' | 'private' | 'direct'
  readonly role: 'member' | 'moderator' | 'owner'
  /** The `seq` of the newest entry at the time when the item was loaded. Not updated later, unlike `last.seq`. */
  readonly seq: number
  /** The number of messages in the room. */
  readonly messages: number
  /** The number of messages up to the read mark of this user. */
  readonly read_messages: number
  /** `messages` minus `read_messages`. */
  readonly unread: number
  /** The number of unread messages that mention this user. 100 means at least 100. */
  readonly mentions: number
  readonly marked_unread: boolean
  /** The newest message. Absent in a room without messages. */
  readonly last?: LastMessage
  /** The other people of a direct room. */
  readonly people?: readonly { readonly user_id: number; readonly username: string }[]
}

/** The newest message of a room. If the text is not available, `unavailable` is the reason, and `excerpt` is absent. */
export interface LastMessage {
  readonly seq: number
  readonly user_id: number
  readonly username: string
  readonly timestamp: string
  readonly excerpt?: string
  readonly unavailable?: string
}

/** Totals over all rooms of the user, also those that are not loaded. */
export interface InboxTotal {
  readonly unread_rooms: number
  readonly mentions: number
}

/** The state of the inbox, as a frozen snapshot for a UI. Each change creates a new object. */
export interface InboxState {
  /**
   * `loading`: the rooms have not arrived yet. `live`: up to date. `stale`: disconnected, with the last known rooms.
   * `unsupported`: the service refused to open the inbox, and `error` is the refusal. `rooms` is then empty, so list the rooms
   * with `api.rooms({ mine: true })`.
   */
  readonly status: 'loading' | 'live' | 'stale' | 'unsupported'
  readonly error?: Refusal
  /**
   * The rooms, latest message first. Their counts already include the read marks of this client that the service has not
   * confirmed yet.
   */
  readonly rooms: readonly InboxItem[]
  readonly total: InboxTotal
  /** Whether `more()` can load further rooms. The first frame contains up to 200 rooms. */
  readonly hasMore: boolean
}

export interface InboxEvents {
  /** `state` changed. Emitted once for all changes that were made synchronously. */
  change: InboxState
}

export interface InboxOptions {
  /** Replaces the timers in tests. */
  readonly timers?: Timers
}

/** The rooms of the user, with their numbers of unread messages. */
export interface Inbox {
  readonly state: InboxState
  /**
   * Loads the next page of rooms. Resolves with true if there are more pages. Rejects with a ChatApiError. After a reconnection,
   * only the first page is loaded.
   */
  more(): Promise<boolean>
  /**
   * Marks all messages of a room as read, and sets `marked_unread` to false. For a room that is shown, call `Room.markRead` as
   * its messages are seen. If the request fails, rejects with a ChatApiError and restores the item of the room, unless it has
   * changed since then.
   */
  markRead(room: string): Promise<void>
  /** Marks a room as unread. Rejects with a ChatApiError. */
  markUnread(room: string): Promise<void>
  /** Hides a direct room until its next message. Rejects with a ChatApiError. */
  hide(room: string): Promise<void>
  /** Stops updating the state. */
  close(): void
  /** Calls `listener` for each event until the returned function is called. */
  on<Name extends keyof InboxEvents>(event: Name, listener: (value: InboxEvents[Name]) => void): () => void
}
