/** Defines the functions of the client that a room uses, and the methods of a room that only the client uses. */
import type { ChatApi } from './api.ts'
import type { Outbox } from './outbox.ts'
import type { Timers } from './platform.ts'
import type { ClientFrame } from './protocol.ts'
import type { Receipts } from './receipts.ts'
import type { Outgoing, Room } from './room-types.ts'
import type { Frame } from './socket.ts'
import type { Mark, Subscription } from './subscription.ts'
import type { Timing } from './types.ts'

export interface RoomOptions {
  readonly name: string
  readonly api: Pick<ChatApi, 'history' | 'log' | 'members'>
  readonly outbox: Outbox
  readonly timers: Timers
  readonly timing: Timing
  readonly backfill: number
  readonly keep: number
  readonly send: (frame: ClientFrame) => boolean
  readonly nextRef: () => string
  /** Returns the id of the user of this client, or undefined if it is not known yet. */
  readonly myId: () => number | undefined
  readonly onMark: (mark: Mark) => void
  /** Called when this user has read up to the entry `upTo`, or has marked the room as unread (undefined). */
  readonly onRead: (upTo: number | undefined) => void
  /** Called with an entry of a type that the SDK doesn't handle. */
  readonly onUnknown: (frame: Frame) => void
  readonly onLeave: () => void
}

/** A room with the methods that only the client uses. */
export interface OwnedRoom
  extends Room,
    Pick<Subscription, 'restore' | 'online' | 'offline' | 'head'>,
    Pick<Receipts, 'flush'> {
  /** Handles a frame of this room. Returns false if no part of the room handles the frame, or if the status is `left`. */
  handle(frame: Frame): boolean
  /** Handles a changed outgoing message. Called with undefined after an outgoing message was removed. */
  outgoing(message: Outgoing | undefined): void
  /** Returns true until the entry `seq` has been delivered. Returns false if the status is `left`. */
  isAhead(seq: number): boolean
  /** Ends all loops over `messages()`. */
  end(): void
}
