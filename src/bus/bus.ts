/**
 * Notifies other processes. The bus makes delivery fast and is never needed for correctness: it delivers at most once, in any
 * order, and may lose anything. A listener reads the log of each room that it is notified of, reads all rooms again after `reset`,
 * and polls.
 */
import type { BusEvent } from './events.ts'

/** Handles the notifications of other processes. */
export interface BusListener {
  /** Called when a room's log has grown to at least this `seq`. */
  grown(roomId: number, seq: number): void
  /** Called when another process published an event; `from` identifies that process. */
  event(event: BusEvent, from: string): void
  /** Called after each connection, including the first one: anything sent before may have been missed. */
  reset(): void
}

/** Connects one process to the bus. A process does not receive its own notifications. */
export interface Bus {
  /** Identifies this process to the others. */
  readonly processId: string
  /** Announces that a room has grown. Coalesced for a few milliseconds: of each room only the newest `seq` is sent. */
  announce(roomId: number, seq: number): void
  /** Publishes an event. One over `MAX_EVENT_BYTES` as JSON is not sent; returns whether it will be. */
  publish(event: BusEvent): boolean
  /** Begins to listen; resolves when everything sent from now on will be received. Called once. */
  listen(listener: BusListener): Promise<void>
  /** Returns the milliseconds since this process last received its own heartbeat; absent if nothing can be lost. */
  msSinceHeartbeat?(): number
  /** Sends what is queued, and stops listening. */
  close(): Promise<void>
}

/** Limits the size of an event as JSON: a PostgreSQL notification carries less than 8,000 bytes. */
export const MAX_EVENT_BYTES = 7500
