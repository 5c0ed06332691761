/**
 * How processes notify each other. The bus is for speed and never for correctness: it delivers at most once, in any order, and may
 * lose anything. A listener reads the log for what it was notified of, reads it again after `reset`, and polls.
 */
import type { BusEvent } from './events.ts'

/** What a process does with the notifications of others. */
export interface BusListener {
  /** A room's log has grown to at least this `seq`. */
  grown(roomId: number, seq: number): void
  /** Another process published an event; `from` identifies that process. */
  event(event: BusEvent, from: string): void
  /** Anything may have been missed up to now: called after each connection, the first one too. */
  reset(): void
}

/** One process's end of the bus. It never receives what it sent itself. */
export interface Bus {
  /** Identifies this process to the others. */
  readonly processId: string
  /** Announces that a room has grown. Coalesced for a few milliseconds: of each room only the newest `seq` is sent. */
  announce(roomId: number, seq: number): void
  /** Publishes an event. One over `MAX_EVENT_BYTES` as JSON is not sent; returns whether it will be. */
  publish(event: BusEvent): boolean
  /** Begins to listen; resolves when everything sent from now on will be received. Called once. */
  listen(listener: BusListener): Promise<void>
  /** Returns for how many milliseconds this process has not received its own heartbeat; absent where nothing can be lost. */
  msSinceHeartbeat?(): number
  /** Sends what is queued, and stops listening. */
  close(): Promise<void>
}

/** Maximum of an event as JSON: a PostgreSQL notification carries under 8,000 bytes in all. */
export const MAX_EVENT_BYTES = 7500
