/** Dispatches the events of other processes to their handlers. */
import type { BusEvent, BusEventHandlers } from '../bus/events.ts'

export const createEventHandler =
  (handlers: Partial<BusEventHandlers>) =>
  (event: BusEvent, from: string): void => {
    // The cast is safe, because `BusEventHandlers` maps each kind to a handler for events of this kind.
    const handle = handlers[event.kind] as ((event: BusEvent, from: string) => void) | undefined
    handle?.(event, from)
  }
