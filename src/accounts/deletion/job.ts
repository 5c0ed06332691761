/**
 * Performs deletions of accounts in the background. Anonymizes the user, ends the memberships in rooms, erases the messages if
 * requested, and marks the account as deleted. A process leases a deletion in the database, so that only one process works on
 * the deletion. After a crash, another process can continue.
 */
import type { ChatDatabase } from '../../db/database.ts'
import type { DeletionStep, LeasedDeletion } from '../../db/repositories/deletions.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import type { AccountsContext } from '../context.ts'
import { hashOfName } from '../held-names.ts'
import { createEraseRooms, LEASE_MS } from './erase-rooms.ts'
import { createLeaveRooms, type LeaveRoomsOptions } from './leave-rooms.ts'

export interface DeletionJobOptions extends Pick<LeaveRoomsOptions, 'promote' | 'remove' | 'archive'> {
  readonly database: ChatDatabase
  readonly lookupKeys: AccountsContext['lookupKeys']
  readonly clock: Clock
  readonly log: Log
  /** Number of days for which nobody can register the name of a deleted account. */
  readonly nameHoldDays: number
  /** Appends an `erasure` to the log of a room. Repeated calls with the same `upTo` append only one `erasure`. */
  readonly appendErasure: (erased: { roomId: number; userId: number; upTo: number }) => Promise<void>
}

export interface DeletionJob {
  /** Starts to look for deletions periodically. Does nothing after `stop`. */
  start(): void
  /** Looks for deletions now. */
  wake(): void
  /** Stops the job. Resolves when no deletion is in progress in this process. Another process continues an unfinished one. */
  stop(): Promise<void>
}

/** Interval in milliseconds at which every process looks for deletions that no process is working on. */
const POLL_MS = 5000
/** Delay in milliseconds before a failed deletion is continued. */
const RETRY_MS = 10_000
/**
 * Time in milliseconds between the end of an account and the second erasure of its messages. A process may notice up to 30 s
 * late that the account has ended, and may retry an append for a while. The second erasure covers entries that were appended
 * late.
 */
const SETTLE_MS = 120_000
/** Interval in milliseconds at which names that are no longer held are deleted. */
const SWEEP_MS = 60 * 60_000

export const createDeletionJob = (options: DeletionJobOptions): DeletionJob => {
  const { database, clock, log, nameHoldDays } = options
  const { deletions } = database
  let stops: (() => void)[] | undefined
  let running: Promise<void> | undefined
  let sweeping: Promise<unknown> | undefined
  let isWanted = false
  let isStopped = false
  const isClosed = (): boolean => stops === undefined
  const shared = { ...options, isClosed, between: () => run('anonymize') }
  const eraseRooms = createEraseRooms(shared)
  const leaveRooms = createLeaveRooms(shared)

  /** Removes the name and all other data that identify the user, and holds the name. */
  const anonymize = async (userId: number): Promise<void> => {
    const user = (await database.users.findByIds([userId])).get(userId)
    if (user?.status !== 'deleting') return
    const hash = user.externalId === null ? await hashOfName(options, user.username) : undefined
    await database.transaction(async repositories => {
      // `deletions.anonymize` returns false if another process has anonymized the user in the meantime. That process also holds
      // the name, so nothing remains to be done.
      if (!(await repositories.deletions.anonymize(userId, user.username))) return
      if (hash !== undefined && nameHoldDays > 0) await repositories.heldNames.hold(hash, nameHoldDays)
      await repositories.audit.blankUser(userId)
    })
  }

  const finish = async (userId: number): Promise<void> => {
    await database.transaction(async repositories => {
      if (await repositories.deletions.finish(userId)) {
        await repositories.audit.record({ event: 'account_deleted', userId })
      }
    })
  }

  const perform = async (deletion: LeasedDeletion): Promise<void> => {
    const { userId, isErased, step } = deletion
    if (step === 'anonymize') {
      await anonymize(userId)
      return deletions.next(userId, 'leave')
    }
    if (step === 'leave') {
      if (!(await leaveRooms(userId))) return deletions.postpone(userId, 0)
      return isErased ? deletions.next(userId, 'erase') : finish(userId)
    }
    if (!(await eraseRooms(deletion))) return deletions.postpone(userId, 0)
    return step === 'erase' ? deletions.next(userId, 'sweep') : finish(userId)
  }

  /**
   * Performs the deletions that are due. With `step`, performs only deletions in that step, so that a long erasure does not
   * delay other deletions.
   */
  const run = async (step?: DeletionStep): Promise<void> => {
    while (!isClosed()) {
      const leased = await deletions.lease({ leaseMs: LEASE_MS, settleMs: SETTLE_MS, step })
      if (!leased) return
      try {
        await perform(leased)
      } catch (err) {
        log.warn({ err, user_id: leased.userId }, 'failed to continue the deletion of an account; retrying')
        await deletions.postpone(leased.userId, RETRY_MS)
      }
    }
  }

  const failed = (err: unknown): void => log.warn({ err }, 'failed to look for deleted accounts; retrying')

  const wake = (): void => {
    if (isClosed()) return
    isWanted = true
    running ??= (async () => {
      while (isWanted && !isClosed()) {
        isWanted = false
        await run().catch(failed)
      }
    })().finally(() => {
      running = undefined
      if (isWanted) wake()
    })
  }

  const sweep = (): void => {
    sweeping = database.heldNames.sweep().catch(failed)
  }

  return {
    start() {
      if (stops || isStopped) return
      stops = [clock.every(POLL_MS, wake), clock.every(SWEEP_MS, sweep)]
      wake()
    },
    wake,
    async stop() {
      isStopped = true
      for (const stop of stops ?? []) stop()
      stops = undefined
      await Promise.all([running, sweeping])
    }
  }
}
