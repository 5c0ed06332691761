/** Defers the connection of a bus until the process needs it. */
import { setTimeout as delay } from 'node:timers/promises'
import { withTimeout } from '../lib/timeout.ts'
import type { Bus, BusListener } from './bus.ts'

/** A bus whose connection is opened later. */
export interface DeferredBus extends Bus {
  /** Opens the connection, unless it is already open or opening. `announce` also opens the connection. */
  begin(): void
}

/** Delay in milliseconds between a failed attempt to listen and the next attempt. */
const RETRY_MS = 1000
/** Maximum time in milliseconds that `close` waits for a running attempt to listen. */
const CLOSE_TIMEOUT_MS = 1000

/**
 * Returns a bus whose `listen` only stores the listener. `begin` or `announce` opens the connection. So if the application
 * fails to start, for example because its port is in use, no open connection keeps the process running. No change is missed:
 * when the bus starts to listen, it calls `reset`, and the process checks all rooms.
 */
export const deferBus = (bus: Bus, onFailure: (error: unknown) => void): DeferredBus => {
  let listener: BusListener | undefined
  let opening: Promise<void> | undefined
  let isClosed = false

  const open = async (target: BusListener): Promise<void> => {
    while (!isClosed) {
      try {
        await bus.listen(target)
        // If the bus was closed during the attempt, `close` may have missed the new connection.
        if (isClosed) await bus.close()
        return
      } catch (error) {
        onFailure(error)
        await delay(RETRY_MS, undefined, { ref: false })
      }
    }
  }
  const begin = (): void => {
    if (listener && !isClosed) opening ??= open(listener)
  }

  return {
    processId: bus.processId,
    begin,
    announce(roomId, seq) {
      begin()
      bus.announce(roomId, seq)
    },
    ...(bus.announcement ? { announcement: bus.announcement.bind(bus) } : {}),
    // Does not open the connection. The bus queues the event until the connection is open.
    publish: event => bus.publish(event),
    ...(bus.stats ? { stats: bus.stats.bind(bus) } : {}),
    msSinceHeartbeat: () => (opening ? (bus.msSinceHeartbeat?.() ?? 0) : 0),
    async listen(target) {
      listener = target
    },
    async close() {
      isClosed = true
      if (opening) await withTimeout(CLOSE_TIMEOUT_MS, 'the bus', opening).catch(() => {})
      await bus.close()
    }
  }
}
