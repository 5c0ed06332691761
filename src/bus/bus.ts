/**
 * Sends notifications to other processes. The bus makes delivery fast, but correctness does not depend on the bus: a
 * notification may be lost, delivered twice or delivered out of order. So a process reads the log of a room when it receives a
 * notification about the room, checks all rooms after `reset`, and also polls.
 */
import type { BusEvent } from './events.ts'

/** Handles the notifications of other processes. */
export interface BusListener {
  /** Called when a room's log has grown to at least this `seq`. */
  grown(roomId: number, seq: number): void
  /** Called when another process published an event; `from` identifies that process. */
  event(event: BusEvent, from: string): void
  /**
   * Called when earlier notifications may have been missed: each time the bus has connected, including the first time, and after
   * Redis has failed for this process.
   */
  reset(): void
}

/** The measurements of a driver of the bus. The fields are read each time the metrics are collected. */
export interface BusStats {
  readonly driver: 'postgres' | 'redis'
  /**
   * Milliseconds that the latest heartbeat of this process took to return. Undefined until the first heartbeat has returned.
   */
  readonly lagMs: number | undefined
  /** Milliseconds since this process last received its own heartbeat. */
  readonly silentMs: number
  /** Whether this process considers the driver as failing. */
  readonly isFailing: boolean
  /** The number of times that this process has reconnected. */
  readonly reconnects: number
  /** The number of sends that failed, including those that were dropped because too many bytes waited for Redis. */
  readonly failures: number
  /** The number of notifications from Redis that were dropped, because they were not valid or were replayed. 0 for PostgreSQL. */
  readonly dropped: number
}

/** Connects one process to the bus. A process does not receive its own notifications. */
export interface Bus {
  /** Identifies this process to other processes. */
  readonly processId: string
  /**
   * Announces that a room's log has grown. Announcements within a few milliseconds are merged: only the highest `seq` of each
   * room is sent.
   */
  announce(roomId: number, seq: number): void
  /**
   * Returns the notification that announces an entry to all processes, including this one. A transaction of the host
   * application sends the notification, and PostgreSQL delivers it after the commit. Absent on a bus that does not use the
   * notifications of the database.
   */
  announcement?(roomId: number, seq: number): Promise<{ readonly channel: string; readonly payload: string }>
  /**
   * Queues an event. Drops the event and returns false if its JSON is longer than `MAX_EVENT_BYTES` or too many events are
   * queued.
   */
  publish(event: BusEvent): boolean
  /** Starts to listen. Resolves when the bus is ready to receive notifications. May be called again only if it rejects. */
  listen(listener: BusListener): Promise<void>
  /**
   * Returns the milliseconds since this process last received its own heartbeat. Absent on a bus in memory, which loses no
   * notifications.
   */
  msSinceHeartbeat?(): number
  /** Returns the measurements of each driver of the bus. Absent on a bus in memory. */
  stats?(): readonly BusStats[]
  /** Sends the queued notifications, and stops listening. */
  close(): Promise<void>
}

/** Maximum size in bytes of an event serialized as JSON. PostgreSQL requires less than 8,000 bytes per notification. */
export const MAX_EVENT_BYTES = 7500
