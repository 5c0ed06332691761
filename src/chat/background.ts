/** Connects the parts of the chat to the bus and to timers, and ends both when the process stops. */
import { createEventHandler } from './bus-events.ts'
import type { ChatOptions } from './options.ts'
import type { Parts } from './parts.ts'

/** Sets how often the heads of rooms are read from the database, in case a notification was lost, in milliseconds. */
const POLL_MS = 5000
/** Sets how often unused rooms are removed from memory, in milliseconds. */
const SWEEP_MS = 60_000
/** Sets how often clients are notified of the heads of their rooms, in milliseconds. */
const HEADS_MS = 30_000

/** Lists the steps of a shutdown, in order; see src/shutdown.ts. */
export interface ChatStop {
  refuseWork(): void
  /** Resolves when every accepted message is committed or rejected. */
  commitAccepted(): Promise<void>
  endBackgroundWork(): void
  /** Sends `reconnect`, and closes every socket with 1012; destroys sockets that are open when `signal` is aborted. */
  closeConnections(signal: AbortSignal): Promise<void>
  /** Notifies other processes that no user is present here, sends what is queued, and stops listening. */
  leaveBus(): Promise<void>
}

/** Reads the heads of the rooms, and then what other processes have appended. */
const look = ({ log }: ChatOptions, { rooms }: Parts): void => {
  rooms.look().catch(err => log.warn({ err }, 'can not read the heads of the rooms; retrying'))
}

/** Starts to listen to other processes. */
export const listen = (options: ChatOptions, parts: Parts): Promise<void> => {
  const { rooms, feed, revocation, subscriptionManager } = parts
  return options.bus.listen({
    grown: (roomId, seq) => rooms.grown(roomId, seq),
    event: createEventHandler({
      changed: () => feed?.wake(),
      room_changed: ({ room }) => void rooms.refresh(room),
      ...revocation.events,
      ...subscriptionManager.events
    }),
    reset() {
      look(options, parts)
      feed?.reset()
      subscriptionManager.refresh()
      revocation.recheckAll()
    }
  })
}

/** Starts the timers; returns a function that stops them. */
const startBackgroundWork = (options: ChatOptions, parts: Parts): (() => void) => {
  const { rooms, feed, users, registry, subscriptionManager } = parts
  const stops = [
    options.clock.every(POLL_MS, () => look(options, parts)),
    options.clock.every(SWEEP_MS, () => rooms.sweep()),
    options.clock.every(HEADS_MS, () => void subscriptionManager.sendHeads(registry.all()))
  ]
  return () => {
    for (const stop of stops) stop()
    feed?.close()
    users.close()
  }
}

/** Creates the steps of a shutdown; starts the timers that they end. */
export const createStop = (options: ChatOptions, parts: Parts, refuseWork: () => void): ChatStop => ({
  refuseWork,
  commitAccepted: () => parts.appendQueue.idle(),
  endBackgroundWork: startBackgroundWork(options, parts),
  closeConnections: signal => parts.registry.closeAll(signal),
  async leaveBus() {
    parts.subscriptionManager.close()
    parts.readLimit.close()
    parts.revocation.close()
    await options.bus.close()
  }
})
