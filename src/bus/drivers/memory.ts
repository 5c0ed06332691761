/** Implements the bus in memory, for the embedded database and for tests that run several services in one process. */
import { randomUUID } from 'node:crypto'
import type { Bus, BusListener } from '../bus.ts'
import { createOutbox, deliver } from '../envelope.ts'

/** Connects the memory buses of one process. */
export interface MemoryNetwork {
  readonly ends: Map<string, BusListener>
}

export const createMemoryNetwork = (): MemoryNetwork => ({ ends: new Map() })

/** Creates a memory bus. Buses with the same `MemoryNetwork` are connected. By default, a bus has its own network. */
export const createMemoryBus = ({ ends }: MemoryNetwork = createMemoryNetwork()): Bus => {
  const processId = randomUUID()
  const outbox = createOutbox(processId)
  let isScheduled = false

  const send = (): void => {
    isScheduled = false
    for (const payload of outbox.take()) for (const [id, listener] of ends) deliver(payload, listener, id)
    if (!outbox.isEmpty) schedule()
  }
  const schedule = (): void => {
    // If no other bus listens, nobody receives the queued items, so they are dropped.
    if (ends.size <= 1) {
      outbox.clear()
      return
    }
    if (isScheduled) return
    isScheduled = true
    setImmediate(send)
  }

  return {
    processId,
    announce(roomId, seq) {
      outbox.announce(roomId, seq)
      schedule()
    },
    publish(event) {
      const fits = outbox.publish(event)
      if (fits) schedule()
      return fits
    },
    async listen(listener) {
      ends.set(processId, listener)
      listener.reset()
    },
    async close() {
      while (!outbox.isEmpty) send()
      ends.delete(processId)
    }
  }
}
