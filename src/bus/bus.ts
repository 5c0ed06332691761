/**
 * How processes tell each other what happened. The bus is for speed and never for correctness: it delivers at most once,
 * in any order, and may lose anything. Whoever listens reads the log for what it was told of, reads it again after `reset`,
 * and looks by itself now and then.
 */

/** Something that is not in the log: who is there, who types. Small, and worthless a moment later. */
export interface BusEvent {
  readonly kind: string
  readonly [field: string]: unknown
}

/** What a process does with what it hears from others. */
export interface BusListener {
  /** A room's log has grown to at least this `seq`. */
  grown(roomId: number, seq: number): void
  /** Another process published an event; `from` names that process. */
  event(event: BusEvent, from: string): void
  /** Anything may have been missed up to now: said after each connection, the first one too. */
  reset(): void
}

/** One process's end of the bus. It never hears itself. */
export interface Bus {
  /** Names this process to the others. */
  readonly processId: string
  /** Tells that a room has grown. Coalesced for a few milliseconds: of each room only the newest `seq` is told. */
  announce(roomId: number, seq: number): void
  /** Tells an event. One over `MAX_EVENT_BYTES` as JSON is not sent; answers whether it will be. */
  publish(event: BusEvent): boolean
  /** Begins to listen; resolves when what is told from now on will be heard. Called once. */
  listen(listener: BusListener): Promise<void>
  /** Returns for how many milliseconds this process has not received its own heartbeat; absent where nothing can be lost. */
  deafForMs?(): number
  /** Sends what is waiting, and stops listening. */
  close(): Promise<void>
}

/** The most that an event may have as JSON: a PostgreSQL notification carries under 8,000 bytes in all. */
export const MAX_EVENT_BYTES = 7500
