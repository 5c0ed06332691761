/**
 * Performs the background work of moderation: removes the rows of deleted rooms, deletes messages after bans, and removes
 * restrictions that have ended. The pending work is stored in the database, so that any process can continue it after a crash.
 */

import type { RestrictionsRepository } from '../../db/repositories/restrictions.ts'
import type { BanErasure, RoomCleaningRepository } from '../../db/repositories/room-cleaning.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import { ChatError, type ErrorCode } from '../../protocol/errors.ts'
import { deletion } from '../kinds/deletion.ts'
import type { ChatLog } from '../log/chat-log.ts'
import { principalOf } from './members.ts'

export interface RoomJobsOptions {
  readonly cleaning: RoomCleaningRepository
  readonly restrictions: Pick<RestrictionsRepository, 'sweep'>
  readonly appendAsHost: ChatLog['appendAsHost']
  readonly clock: Clock
  readonly log: Log
}

export interface RoomJobs {
  /** Looks for work now. */
  wake(): void
  /** Stops the jobs. Resolves when the batch in progress has ended. */
  stop(): Promise<void>
}

/** Interval in milliseconds at which every process looks for work. */
const POLL_MS = 5000
/** Interval in milliseconds at which restrictions that have ended are removed. */
const SWEEP_MS = 60_000
const LEASE_MS = 60_000
/** The number of deletions that are appended together. */
const AT_ONCE = 50
/** The error codes of deletions that are no longer needed, because the message or the room was deleted or has expired. */
const DONE: ReadonlySet<ErrorCode> = new Set(['already_deleted', 'message_not_found', 'room_not_found'])

export const createRoomJobs = ({ cleaning, restrictions, appendAsHost, clock, log }: RoomJobsOptions): RoomJobs => {
  let running: Promise<void> | undefined
  let isWanted = false
  let isStopped = false

  const deleteMessage = async ({ room, by, userId, username }: BanErasure, target: number): Promise<void> => {
    const command = { type: deletion.commandType, target }
    try {
      await appendAsHost(principalOf({ id: by ?? userId, username }), room, { kind: deletion, command })
    } catch (error) {
      if (!(error instanceof ChatError && DONE.has(error.code))) throw error
    }
  }

  /** Deletes messages until the erasure is complete, the user is banned again, or the process stops. */
  const erase = async (leased: BanErasure): Promise<void> => {
    let erasure: BanErasure | undefined = leased
    while (erasure && !isStopped) {
      const { seqs, next } = await cleaning.messagesOf(erasure)
      for (let at = 0; erasure && at < seqs.length; at += AT_ONCE) {
        if (isStopped) return
        const some = seqs.slice(at, at + AT_ONCE)
        const current: BanErasure = erasure
        await Promise.all(some.map(seq => deleteMessage(current, seq)))
        erasure = await cleaning.advance(current, (some.at(-1) ?? 1) - 1, LEASE_MS)
      }
      if (erasure && next === null) return cleaning.finish(erasure)
      if (erasure && next !== null) erasure = await cleaning.advance(erasure, next, LEASE_MS)
    }
  }

  const run = async (): Promise<void> => {
    while (!isStopped && (await cleaning.deleteSome())) {
      // The loop needs no body, because each call of `deleteSome` deletes one batch in its own transaction.
    }
    for (let leased: BanErasure | undefined; !isStopped; ) {
      leased = await cleaning.lease(LEASE_MS)
      if (!leased) return
      await erase(leased)
    }
  }

  const failed = (err: unknown): void => {
    if (!isStopped) log.warn({ err }, 'failed to clean up after moderation; retrying')
  }

  const wake = (): void => {
    if (isStopped) return
    isWanted = true
    running ??= (async () => {
      while (isWanted && !isStopped) {
        isWanted = false
        await run().catch(failed)
      }
    })().finally(() => {
      running = undefined
    })
  }

  const stops = [clock.every(POLL_MS, wake), clock.every(SWEEP_MS, () => void restrictions.sweep().catch(failed))]

  return {
    wake,
    async stop() {
      isStopped = true
      for (const stop of stops) stop()
      await running
    }
  }
}
