/** Defines the transports that carry the payloads of a bus. `createPacedBus` turns a transport into a bus. */
import type { Bus } from './bus.ts'

/** Handles what a transport receives. */
export interface Receiver {
  /** Called with each payload, also with those that this process sent. */
  receive(payload: string): void
  /** See `BusListener.reset`. */
  reset(): void
}

/** Carries payloads between the processes of one chat instance. */
export interface Transport extends Pick<Bus, 'announcement' | 'stats'> {
  readonly processId: string
  /** Whether payloads can be sent. While false, the bus queues them. */
  readonly isOpen: boolean
  /** Sends payloads, each of less than 8,000 bytes. Rejects if they were not sent. */
  send(payloads: readonly string[]): Promise<void>
  /** Starts to receive. May be called again only if it rejects. */
  listen(receiver: Receiver): Promise<void>
  msSinceHeartbeat(): number
  /** Called before the last payloads are sent. No heartbeat is sent afterwards. */
  drain(): void
  close(): Promise<void>
}
