/** Defers connecting a bus from the start of the application to its first use. */
import { setTimeout as delay } from 'node:timers/promises'
import { withTimeout } from '../lib/timeout.ts'
import type { Bus, BusListener } from './bus.ts'

/** Adds to a bus that its connection is opened later. */
export interface DeferredBus extends Bus {
  /** Opens the connection if it isn't open. The announcement of a message opens it too. */
  begin(): void
}

/** Delays the next attempt to listen, in milliseconds. */
const RETRY_MS = 1000
/** Limits how long closing waits for an attempt in progress, in milliseconds. */
const CLOSE_TIMEOUT_MS = 1000

/**
 * Defers what `listen` opens: if the application fails to start, or its port is in use, no connection may keep the process
 * alive. Nothing is lost: a bus calls `reset` on its listener when it starts to listen.
 */
export const deferBus = (bus: Bus, onFailure: (error: unknown) => void): DeferredBus => {
  let listener: BusListener | undefined
  let opening: Promise<void> | undefined
  let isClosed = false

  const open = async (target: BusListener): Promise<void> => {
    while (!isClosed) {
      try {
        await bus.listen(target)
        // The bus was closed during the attempt, and nothing else would close this connection.
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
    // Doesn't connect: events are about connections to this process, and there are none before `begin`.
    publish: event => bus.publish(event),
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
