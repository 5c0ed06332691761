/**
 * Tracks the read marks of a room: how far its users have read. Sends the mark of this user. A mark never moves back, so it can
 * safely be sent again.
 */
import type { Timers } from './platform.ts'
import type { ClientFrame } from './protocol.ts'
import type { RoomState } from './room-types.ts'
import type { Frame } from './socket.ts'

/** Minimum time in milliseconds between two frames of a room. */
const INTERVAL_MS = 1000
/** A mark counts as stored by the service if the connection lasts for this many milliseconds after the mark was sent. */
const STORED_MS = 60_000
/**
 * The `ref` of `read` frames. An earlier version of the service doesn't know `read` frames, and repeats the `ref` in its error.
 */
const REF = 'read'

/** The read mark of a user. `read_seq` is absent if the service does not show the mark. */
export interface ReadBy {
  readonly user_id: number
  readonly read_seq?: number
}

export interface ReceiptsOptions {
  readonly room: string
  readonly timers: Timers
  readonly send: (frame: ClientFrame) => boolean
  readonly epoch: () => string | undefined
  /** Returns the id of this user, or undefined if it is not known yet. */
  readonly myId: () => number | undefined
  readonly onChange: () => void
}

export interface Receipts {
  readonly reads: RoomState['reads']
  /** Marks the room as read up to the entry `upTo`. With undefined, marks the room as unread. */
  mark(upTo: number | undefined): void
  /** Requests the read marks of other users. */
  use(): void
  /** Adds the read marks of members. */
  add(members: readonly ReadBy[]): void
  /** Handles `read` frames, and errors about the `read` frames that were sent. Returns false for any other frame. */
  handle(frame: Frame): boolean
  /**
   * Sends the mark again if the service has not confirmed it, and requests the read marks of other users. Sends nothing if the
   * app doesn't use read marks.
   */
  online(): void
  offline(): void
  /** Sends a delayed mark at once. */
  flush(): void
  /** Removes all marks, because they belong to another log or another user. */
  clear(): void
}

export const createReceipts = ({ room, timers, send, epoch, myId, onChange }: ReceiptsOptions): Receipts => {
  let reads: RoomState['reads'] = {}
  // The last mark that this user set. `upTo` is undefined if the room was marked as unread.
  let wanted: { readonly upTo: number | undefined } | undefined
  let sentAt = 0
  // Whether `wanted` still has to be sent on this connection.
  let isPending = false
  // Whether the service is known to have stored `wanted`.
  let isConfirmed = true
  // Whether the app uses read marks.
  let isUsed = false
  // Whether a `read` frame was sent on this connection. After the first one, the service sends the marks of other users.
  let isAsked = false
  let isUnsupported = false
  let cancel: (() => void) | undefined

  const wait = (ms: number): void => {
    cancel?.()
    cancel = timers.after(ms, () => {
      cancel = undefined
      flush()
    })
  }

  const flush = (): void => {
    if (isUnsupported || !isUsed || (isAsked && !isPending)) return
    const upTo = wanted?.upTo
    const mark = upTo === undefined ? { unread: true } : { up_to: upTo, epoch: epoch() }
    if (!send({ type: 'read', room, ...(isPending ? mark : {}), ref: REF } as ClientFrame)) return
    wait(INTERVAL_MS)
    isAsked = true
    if (!isPending) return
    isPending = false
    sentAt = timers.monotonic()
    // The service doesn't confirm that a room is marked as unread. So this mark counts as confirmed once it is sent. A repeated
    // mark could undo a read mark that another device has set in the meantime.
    if (upTo === undefined) isConfirmed = true
  }

  /** Sends a `read` frame, at once or after the interval. A frame without a mark only requests the marks of other users. */
  const schedule = (): void => {
    isUsed = true
    if (!cancel) flush()
  }

  const add: Receipts['add'] = members => {
    const next: Record<number, number> = { ...reads }
    for (const { user_id, read_seq = 0 } of members) {
      if (read_seq > (next[user_id] ?? 0)) next[user_id] = read_seq
      if (user_id === myId() && read_seq >= (wanted?.upTo ?? 0)) isConfirmed = true
    }
    reads = Object.freeze(next)
    onChange()
  }

  return {
    get reads() {
      const me = myId()
      const upTo = wanted?.upTo ?? 0
      return me === undefined || upTo <= (reads[me] ?? 0) ? reads : Object.freeze({ ...reads, [me]: upTo })
    },
    mark(upTo) {
      if (upTo !== undefined && upTo <= (wanted?.upTo ?? 0)) return
      wanted = { upTo }
      isPending = true
      isConfirmed = false
      schedule()
      onChange()
    },
    use: schedule,
    add,
    handle(frame) {
      const { type, ref, code } = frame
      if (type === 'read') add(frame.reads as readonly ReadBy[])
      // An earlier version of the service doesn't know `read` frames.
      else if (type === 'error' && ref === REF) isUnsupported = code === 'unknown_frame'
      else return false
      return true
    },
    online() {
      isAsked = isUnsupported = false
      isPending = !isConfirmed
      if (isUsed) schedule()
    },
    offline() {
      cancel?.()
      cancel = undefined
      // The service doesn't confirm a mark that is equal to or below the stored mark. So a sent mark counts as confirmed if the
      // connection lasted for `STORED_MS` after the mark was sent.
      if (timers.monotonic() - sentAt > STORED_MS) isConfirmed = !isPending
    },
    flush,
    clear() {
      reads = {}
      wanted = undefined
      isPending = false
      isConfirmed = true
    }
  }
}
