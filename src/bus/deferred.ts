/** A bus that listens to other processes from the first use on, and not from the start of the application. */
import { setTimeout as delay } from 'node:timers/promises'
import { withTimeout } from '../lib/timeout.ts'
import type { Bus, BusListener } from './bus.ts'

/** A bus whose connection is opened later. */
export interface DeferredBus extends Bus {
  /** Opens the connection, unless it is open; the announcement of a message opens it too. */
  begin(): void
}

/** Until the next attempt, in milliseconds. */
const AGAIN_MS = 1000
/** How long a stop waits for an attempt under way, in milliseconds. */
const STOP_MS = 1000

/**
 * Defers what `listen` opens, since a start that fails elsewhere, or a port in use, must not leave a connection that keeps the process
 * alive. Nothing is lost meanwhile: a bus notifies its listener to catch up when it begins to listen.
 */
export const deferBus = (bus: Bus, onFailure: (error: unknown) => void): DeferredBus => {
  let listener: BusListener | undefined
  let opening: Promise<void> | undefined
  let isClosed = false

  const open = async (heard: BusListener): Promise<void> => {
    while (!isClosed) {
      try {
        await bus.listen(heard)
        // Closed meanwhile: nobody else would end the connection.
        if (isClosed) await bus.close()
        return
      } catch (error) {
        onFailure(error)
        await delay(AGAIN_MS, undefined, { ref: false })
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
    // Of those who are connected here, of whom there are none before.
    publish: event => bus.publish(event),
    deafForMs: () => (opening ? (bus.deafForMs?.() ?? 0) : 0),
    async listen(heard) {
      listener = heard
    },
    async close() {
      isClosed = true
      if (opening) await withTimeout(STOP_MS, 'the bus', opening).catch(() => {})
      await bus.close()
    }
  }
}
