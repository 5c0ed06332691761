/** Appends the entries that report the erasure of a user, and announces them to the other processes. */
import type { Bus } from '../../bus/bus.ts'
import { ERASURE } from '../../protocol/http/messages.ts'
import type { LiveInbox } from '../inbox/live.ts'
import type { RoomRegistry } from '../rooms/registry.ts'
import type { AppendQueue } from './append-queue.ts'

/** The erasure of the entries of a user in a room. */
export interface Erasure {
  readonly roomId: number
  readonly userId: number
  /** The `seq` of the last erased entry. A repeated erasure up to the same entry appends nothing. */
  readonly upTo: number
}

export interface ErasureOptions {
  readonly appendQueue: AppendQueue
  readonly rooms: RoomRegistry
  readonly bus: Bus
  readonly liveInbox: Pick<LiveInbox, 'grown'>
}

/**
 * Appends an `erasure`. Resolves after the commit. Rejects with a ChatError, for example `upgrade_pending` or `room_not_found`.
 */
export type AppendErasure = (erased: Erasure) => Promise<void>

export const createAppendErasure =
  ({ appendQueue, rooms, bus, liveInbox }: ErasureOptions): AppendErasure =>
  ({ roomId, userId, upTo }) =>
    new Promise((resolve, reject) => {
      const entry = {
        roomId,
        userId,
        // The write id is not ASCII, so that it cannot equal the nonce of a client.
        writeId: `·erasure-${upTo}`,
        kind: ERASURE,
        content: null,
        meta: null,
        keyId: null,
        detail: JSON.stringify({ subject: userId })
      }
      appendQueue.append(entry, outcome => {
        if ('error' in outcome) return reject(outcome.error)
        const { seq } = outcome.appended
        // Also announces an erasure that was already stored, because an earlier attempt may have committed it without
        // announcing it.
        rooms.grown(roomId, seq)
        bus.announce(roomId, seq)
        liveInbox.grown(roomId, seq)
        resolve()
      })
    })
