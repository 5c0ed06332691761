/**
 * Tracks how far the users of a room have read, and sends how far this user has read. The service ignores a lower position than
 * the known one, so a position can safely be sent again.
 */
import { TEMPORARY_ERRORS } from './errors.ts'
import type { Timers } from './platform.ts'
import type { ClientFrame } from './protocol.ts'
import type { RoomState } from './room-types.ts'
import type { Frame } from './socket.ts'

/** Minimum time in milliseconds between two frames of a room. */
const INTERVAL_MS = 1000
/** The `ref` of the frames. The error of an earlier version of the service, which does not know these frames, repeats it. */
const REF = 'read'

/** How far a user has read. Absent if the service does not show it. */
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
  /** Adds the positions of members. */
  add(members: readonly ReadBy[]): void
  /** Handles `read` frames, and the errors of the frames that were sent. Returns false for any other frame. */
  handle(frame: Frame): boolean
  /** Sends what the service has not confirmed yet. */
  online(): void
  offline(): void
  /** Sends what waits for the interval. */
  flush(): void
  /** Forgets all positions, because they are of another log or another user. */
  clear(): void
}

export const createReceipts = ({ room, timers, send, epoch, myId, onChange }: ReceiptsOptions): Receipts => {
  let reads: RoomState['reads'] = {}
  // What this user has marked last. `upTo` is undefined if the room was marked as unread.
  let wanted: { readonly upTo: number | undefined } | undefined
  let isSent = false
  let isConfirmed = true
  // The service doesn't know the frames.
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
    if (!wanted || isSent || isConfirmed || isUnsupported) return
    const { upTo } = wanted
    const position = upTo === undefined ? { unread: true as const } : { up_to: upTo, epoch: epoch() }
    isSent = send({ type: 'read', room, ...position, ref: REF } as unknown as ClientFrame)
    // The room's frames don't report the flag. It is not sent again, because another device may have removed it since.
    if (isSent && upTo === undefined) isConfirmed = true
    if (isSent) wait(INTERVAL_MS)
  }

  /** Sends what is not sent yet, at once or after the interval. */
  const schedule = (): void => {
    if (!cancel) flush()
  }

  const add: Receipts['add'] = members => {
    const next: Record<number, number> = { ...reads }
    for (const { user_id, read_seq = 0 } of members) if (read_seq > (next[user_id] ?? 0)) next[user_id] = read_seq
    const upTo = wanted?.upTo ?? Number.POSITIVE_INFINITY
    if (members.some(({ user_id, read_seq = 0 }) => user_id === myId() && read_seq >= upTo)) isConfirmed = true
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
      isSent = isConfirmed = false
      schedule()
      onChange()
    },
    add,
    handle(frame) {
      const { type, ref, code, retry_after_ms } = frame
      if (type === 'read') {
        add(frame.reads as readonly ReadBy[])
        return true
      }
      if (type !== 'error' || ref !== REF) return false
      if (TEMPORARY_ERRORS.includes(String(code))) {
        isSent = isConfirmed = false
        wait(Number(retry_after_ms ?? INTERVAL_MS))
      } else isUnsupported = true
      return true
    },
    online() {
      isSent = isUnsupported = false
      schedule()
    },
    offline() {
      cancel?.()
      cancel = undefined
    },
    flush,
    clear() {
      reads = {}
      wanted = undefined
      isConfirmed = true
    }
  }
}
