/** Defines the interface of the load generators. */
import type { Subject } from './subjects.ts'

/** The content of each message. */
export const TEXT = 'x'.repeat(100)

export interface Saturation {
  /** Deliveries per CPU second of the subject. */
  readonly perCpuSecond: number
  /** Deliveries per second. */
  readonly perSecond: number
  /** Deliveries per write system call of the subject. This is the mean number of entries per socket write. */
  readonly perWrite: number
  /** The share of its core that the generator uses, from 0 to 1. */
  readonly load: number
}

/** Percentiles of the time from send to arrival, in milliseconds. */
export interface Latency {
  readonly p50: number
  readonly p99: number
}

/** The clients of one subject in one room. The first client sends the messages. */
export interface Crowd {
  /** Keeps `inFlight` messages in flight. Each message that returns to the sender triggers the next one. */
  saturate(inFlight: number, seconds: number): Promise<Saturation>
  /** Sends `perSecond` messages per second, even if earlier messages have not arrived yet. */
  latency(perSecond: number, seconds: number): Promise<Latency>
  close(): void
}

export interface Generator {
  readonly name: string
  /** Maximum number of users that the clients are divided among. */
  readonly people: number
  connect(subject: Subject, sockets: number): Promise<Crowd>
  /** Connects sockets that only receive. Returns a function that closes them. */
  hold(subject: Subject, sockets: number): Promise<() => void>
}
