/** Dispatches the events of other processes to their handlers. */
import type { BusEvent, BusEventHandlers } from '../bus/events.ts'

export const createEventHandler =
  (handlers: Partial<BusEventHandlers>) =>
  (event: BusEvent, from: string): void => {
    // The kind selects the handler, which takes events of this kind only.
    const handle = handlers[event.kind] as ((event: BusEvent, from: string) => void) | undefined
    handle?.(event, from)
  }
