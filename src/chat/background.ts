/** Connects the parts of the chat to the bus and to timers, and disconnects them when the process stops. */
import { createEventHandler } from './bus-events.ts'
import type { ChatOptions } from './options.ts'
import type { Parts } from './parts.ts'
import type { RoomJobs } from './rooms/room-jobs.ts'

/** Interval in milliseconds at which the database is queried for changed rooms, because a notification may have been lost. */
const POLL_MS = 5000
/** Interval in milliseconds at which unused rooms are removed from memory. */
const SWEEP_MS = 60_000
/** Interval in milliseconds at which clients receive a `heads` frame, with the newest `seq` of each of their rooms. */
const HEADS_MS = 30_000
/**
 * Interval in milliseconds at which the users and sessions of all connections are looked up, because the change feed may fail.
 */
const USERS_MS = 20_000
/** Interval in milliseconds at which the time of last use is stored for the sessions of open connections. */
const TOUCH_MS = 5 * 60_000
/** Maximum number of sessions whose time of last use is stored in one statement. */
const TOUCHED_AT_ONCE = 1000

/** The steps of a shutdown, in order. See src/shutdown.ts. */
export interface ChatStop {
  /** Rejects new messages and connections from now on. */
  refuseWork(): void
  /** Resolves when every accepted message is committed or rejected. */
  commitAccepted(): Promise<void>
  /** Stops the timers and the change feed. */
  endBackgroundWork(): void
  /**
   * Sends `reconnect` to every client and closes every socket with code 1012. Destroys the sockets that are still open after a
   * short time, or when `signal` is aborted.
   */
  closeConnections(signal: AbortSignal): Promise<void>
  /**
   * Stores read marks, notifies other processes that this process no longer has users, publishes queued events, and closes the
   * bus.
   */
  leaveBus(): Promise<void>
}

/**
 * Queries which loaded rooms have changed in the database, and reads the entries that other processes have appended to these
 * rooms.
 */
const look = ({ log }: ChatOptions, { rooms }: Parts): void => {
  rooms.look().catch(err => log.warn({ err }, 'failed to query which rooms have changed in the database; retrying'))
}

/** Starts to handle the notifications of other processes. */
export const listen = (options: ChatOptions, parts: Parts): Promise<void> => {
  const { rooms, feed, revocation, subscriptionManager, readMarks, liveInbox, tracing } = parts
  return options.bus.listen({
    grown(roomId, seq) {
      rooms.grown(roomId, seq)
      liveInbox.grown(roomId, seq)
    },
    event: createEventHandler({
      changed: () => feed?.wake(),
      ...revocation.events,
      ...subscriptionManager.events,
      ...readMarks.events,
      ...liveInbox.events,
      ...tracing?.events
    }),
    reset() {
      look(options, parts)
      feed?.reset()
      subscriptionManager.refresh()
      revocation.recheckAll()
    }
  })
}

const refreshUsers = ({ log }: ChatOptions, { users }: Parts): void => {
  users.refresh().catch(err => log.warn({ err }, 'failed to look up the connected users; retrying'))
}

const touchSessions = async ({ storage }: ChatOptions, { registry }: Parts): Promise<void> => {
  const ids = [...new Set([...registry.all()].flatMap(({ principal }) => principal.sessionId ?? []))]
  for (let at = 0; at < ids.length; at += TOUCHED_AT_ONCE) {
    await storage.touchSessions?.(ids.slice(at, at + TOUCHED_AT_ONCE))
  }
}

/** Starts the timers. Returns a function that stops them. */
const startBackgroundWork = (
  options: ChatOptions,
  parts: Parts & { readonly jobs?: RoomJobs | undefined }
): (() => void) => {
  const { rooms, feed, users, registry, subscriptionManager, committedEntries } = parts
  const stops = [
    options.clock.every(POLL_MS, () => look(options, parts)),
    options.clock.every(USERS_MS, () => refreshUsers(options, parts)),
    options.clock.every(TOUCH_MS, () => {
      const failed = (err: unknown): void => options.log.warn({ err }, 'failed to store the use of sessions; retrying')
      touchSessions(options, parts).catch(failed)
    }),
    options.clock.every(SWEEP_MS, () => rooms.sweep()),
    options.clock.every(HEADS_MS, () => void subscriptionManager.sendHeads(registry.all()))
  ]
  return () => {
    for (const stop of stops) stop()
    void parts.jobs?.stop()
    feed?.close()
    users.close()
    committedEntries.close()
    parts.liveInbox.close()
  }
}

/** Starts the timers, and returns the steps of a shutdown. */
export const createStop = (
  options: ChatOptions,
  parts: Parts & { readonly jobs?: RoomJobs | undefined },
  refuseWork: () => void
): ChatStop => ({
  refuseWork,
  commitAccepted: () => parts.appendQueue.idle(),
  endBackgroundWork: startBackgroundWork(options, parts),
  closeConnections(signal) {
    parts.rooms.flush()
    return parts.registry.closeAll(signal)
  },
  async leaveBus() {
    await parts.jobs?.stop()
    parts.postJoins?.close()
    await parts.readMarks.close()
    parts.subscriptionManager.close()
    parts.readLimit.close()
    parts.revocation.close()
    await options.bus.close()
  }
})
