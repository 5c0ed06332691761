/**
 * Keeps the inboxes of connected clients up to date. When a room has grown, its number of messages and its newest message are read
 * at most once per second, and one frame is encoded for all users who have the room in an inbox. Rooms that are in no inbox of this
 * process are not read. The reads for one user run one after another, so that a client never receives an older state after a newer
 * one.
 *
 * Before each frame is sent, the texts are read first, and then the memberships. A text that was written after a user was
 * removed is therefore not sent to the user, even if all notifications about the removal were lost.
 */
import type { Bus } from '../../bus/bus.ts'
import type { BusEventHandlers } from '../../bus/events.ts'
import type { InboxRepository } from '../../db/database.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { Connection } from '../connections/connection.ts'
import { createUserBuckets } from '../connections/user-buckets.ts'
import type { LogReader } from '../log/reader.ts'
import { createComparison } from './comparison.ts'
import type { Inbox } from './inbox.ts'
import { createOpenings, type Opening, runForUsers } from './openings.ts'
import { createRenames } from './renames.ts'
import { createRoomChanges } from './room-changes.ts'
import { createInboxState, type User } from './state.ts'

/** Minimum time in milliseconds between two frames about the same room. */
const SHARED_MS = 1000
/**
 * Interval in milliseconds at which the newest `seq` of each room in `InboxState.watched` is queried, because a notification may
 * have been lost.
 */
const POLL_MS = 5000
/**
 * Interval in milliseconds at which memberships and marks are compared with the database, because a notification may have been
 * lost.
 */
const MEMBERS_MS = 30_000
/** Maximum number of times that a user may open an inbox, per second and in a burst. */
const [OPENS_PER_SECOND, OPEN_BURST] = [0.5, 30]
/** Maximum number of rooms in `InboxState.grownMeanwhile`. */
const MAX_GROWN = 10_000

export interface LiveInboxOptions {
  readonly repository: InboxRepository
  readonly inbox: Inbox
  readonly reader: Pick<LogReader, 'limited' | 'newest'>
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
}

export interface LiveInbox {
  /**
   * Sends the inbox of the connection’s user, and then its changes. Throws `rate_limited` if the user opens inboxes too often.
   */
  open(connection: Connection, ref?: string): void
  /** Called when a connection has ended. */
  left(connection: Connection): void
  /** Called when the log of a room has grown. */
  grown(roomId: number, seq: number): void
  /** Called when read marks in a room were changed, by any process. */
  marked(roomId: number, userIds: readonly number[]): void
  /**
   * Reads the rooms of users again, and notifies the other processes. Called when this process has changed memberships of the
   * users or has changed which rooms their inboxes show.
   */
  membersChanged(userIds: readonly number[]): void
  /** Called when users were renamed. */
  renamed(userIds: readonly number[]): void
  /** Reads the rooms of a user again. */
  refresh(userId: number): void
  /** Handles events of other processes. */
  readonly events: Pick<BusEventHandlers, 'members'>
  close(): void
}

export const createLiveInbox = (options: LiveInboxOptions): LiveInbox => {
  const { repository, inbox, reader, bus, clock, log } = options
  const state = createInboxState()
  const { users, watched, dirty, stale, behind, grownMeanwhile } = state
  const wholes = createOpenings(inbox, state)
  const changes = createRoomChanges(repository, reader, state)
  const comparison = createComparison(repository, reader, state)
  const renames = createRenames(repository, reader, state)
  const opens = createUserBuckets({ clock, perSecond: OPENS_PER_SECOND, burst: OPEN_BURST })
  let openings: Opening[] = []
  /** The inboxes that could not be read. They are read again at the next interval of `SHARED_MS`. */
  let failedOpenings: Opening[] = []
  let isReading = false
  let running: Promise<void> | undefined
  let isClosed = false

  /**
   * Sends the inbox to the connections that opened it. If `areRoomsDue` is true, also sends the changes of rooms and reads
   * outdated inboxes again.
   */
  const work = async (areRoomsDue: boolean): Promise<void> => {
    isReading = true
    try {
      const opened = openings
      openings = []
      await runForUsers(
        opened,
        ({ connection }) => connection.principal.userId,
        opening => wholes.open(opening).catch(error => failed(error, () => failedOpenings.push(opening)))
      )
      if (!areRoomsDue) return
      await renames.find()
      await changes.send()
      const refreshed = [...stale]
      stale.clear()
      await runForUsers(
        refreshed,
        ({ userId }) => userId,
        user => wholes.refresh(user).catch(error => failed(error, () => stale.add(user)))
      )
      for (const connection of behind) if (connection.outgoing.mayCatchUp) openings.push({ connection, ref: undefined })
    } finally {
      isReading = false
      grownMeanwhile.clear()
    }
  }

  const failed = (err: unknown, retry: () => void): void => {
    log.warn({ err }, 'failed to read an inbox; retrying')
    if (!isClosed) retry()
  }

  const run = (areRoomsDue: boolean): void => {
    if (running || isClosed) return
    running = work(areRoomsDue)
      .catch(err => log.warn({ err }, 'failed to read rooms of inboxes; retrying'))
      .finally(() => {
        running = undefined
        if (openings.length > 0) run(false)
      })
  }

  const grown = (roomId: number, seq: number): void => {
    if (watched.has(roomId)) dirty.add(roomId)
    if (!isReading) return
    if (grownMeanwhile.size < MAX_GROWN) grownMeanwhile.set(roomId, Math.max(seq, grownMeanwhile.get(roomId) ?? 0))
  }

  const refresh = (userId: number): void => {
    const user = users.get(userId)
    if (user) stale.add(user)
  }

  const warn = (err: unknown): void => log.warn({ err }, 'failed to compare inboxes with the database; retrying')
  const stops = [
    clock.every(SHARED_MS, () => {
      openings.push(...failedOpenings)
      failedOpenings = []
      run(true)
    }),
    clock.every(POLL_MS, () => void comparison.heads().catch(warn)),
    clock.every(MEMBERS_MS, () => void comparison.members().catch(warn))
  ]

  return {
    open(connection, ref) {
      const retryAfterMs = opens.take(connection.principal.userId)
      if (retryAfterMs > 0)
        throw new ChatError('rate_limited', 'You open the inbox too often. Wait a moment.', { retryAfterMs })
      if (openings.some(opening => opening.connection === connection)) return
      openings.push({ connection, ref })
      run(false)
    },
    left(connection) {
      behind.delete(connection)
      const user = users.get(connection.principal.userId)
      if (!user?.connections.delete(connection)) return
      if (user.connections.size === 0) state.forget(user)
    },
    grown,
    marked(roomId, userIds) {
      const room = watched.get(roomId)
      if (!room) return
      const here = userIds.map(userId => users.get(userId)).filter(user => user !== undefined && room.users.has(user))
      if (here.length > 0) changes.mark(roomId, here as User[])
    },
    membersChanged(userIds) {
      for (const userId of userIds) refresh(userId)
      bus.publish({ kind: 'members', users: [...userIds] })
    },
    renamed: renames.add,
    refresh,
    events: {
      members({ users: userIds }) {
        for (const userId of userIds) refresh(userId)
      }
    },
    close() {
      isClosed = true
      for (const stop of stops) stop()
      opens.close()
    }
  }
}
