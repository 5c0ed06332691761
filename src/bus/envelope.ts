/** Packs queued announcements and events into payloads of limited size, and unpacks received payloads. */
import { type BusListener, MAX_EVENT_BYTES } from './bus.ts'
import { type BusEvent, isBusEvent } from './events.ts'

/**
 * The content of a payload. `from` is the id of the sending process, `database` for a trigger, or `<process id>/transaction` for
 * a transaction of the host application. `grown` contains the announcements.
 */
interface Envelope {
  readonly from: string
  /** The number of the payload, counted per process. Only processes with Redis number their payloads. */
  readonly n?: number
  /** The number of the newest payload that Redis has confirmed. Only in heartbeats over PostgreSQL of a process with Redis. */
  readonly sent?: number
  /** True if the process asks all processes to send over PostgreSQL too. Otherwise absent. Only in heartbeats over PostgreSQL. */
  readonly want_postgres?: boolean
  readonly grown?: readonly (readonly [roomId: number, seq: number])[]
  /** The events. Processes of other versions may send kinds that this version does not support. */
  readonly events?: readonly unknown[]
}

/** Returns the payload that announces one entry. */
export const announcementOf = (from: string, roomId: number, seq: number): string =>
  JSON.stringify({ from, grown: [[roomId, seq]] } satisfies Envelope)

const PAIR_BYTES = 32
/** Maximum number of payloads that are sent at a time. Their total size is at most about half a megabyte. */
const MAX_PAYLOADS = 64
/** Maximum number of queued events. Usually reached only if the database does not respond. Further events are dropped. */
const MAX_EVENTS = 20_000

/** Creates a queue of announcements and events, from which payloads are taken. */
export const createOutbox = (from: string) => {
  let grown = new Map<number, number>()
  let events: { event: BusEvent; bytes: number }[] = []

  return {
    get isEmpty() {
      return grown.size === 0 && events.length === 0
    },
    announce(roomId: number, seq: number): void {
      grown.set(roomId, Math.max(seq, grown.get(roomId) ?? 0))
    },
    publish(event: BusEvent): boolean {
      const bytes = Buffer.byteLength(JSON.stringify(event))
      if (bytes > MAX_EVENT_BYTES || events.length >= MAX_EVENTS) return false
      events.push({ event, bytes })
      return true
    },
    clear(): void {
      grown = new Map()
      events = []
    },
    /** Removes queued items, and returns them packed into at most `MAX_PAYLOADS` payloads. The other items stay queued. */
    take(): string[] {
      const pairs = [...grown]
      const perPayload = Math.floor(MAX_EVENT_BYTES / PAIR_BYTES)
      const payloads: string[] = []
      let at = 0
      for (; at < pairs.length && payloads.length < MAX_PAYLOADS; at += perPayload) {
        payloads.push(JSON.stringify({ from, grown: pairs.slice(at, at + perPayload) } satisfies Envelope))
      }
      grown = new Map(pairs.slice(at))
      let sent = 0
      for (const group of groupsOf(events)) {
        if (payloads.length >= MAX_PAYLOADS) break
        payloads.push(JSON.stringify({ from, events: group } satisfies Envelope))
        sent += group.length
      }
      events = events.slice(sent)
      return payloads
    }
  }
}

const groupsOf = (events: readonly { event: BusEvent; bytes: number }[]): BusEvent[][] => {
  const groups: BusEvent[][] = []
  let room = 0
  for (const { event, bytes } of events) {
    if (bytes + 1 > room) {
      groups.push([])
      room = MAX_EVENT_BYTES + 1
    }
    groups.at(-1)?.push(event)
    room -= bytes + 1
  }
  return groups
}

/**
 * Passes the contents of a payload to a listener, unless this process (`ourselves`) sent the payload. Ignores a payload that is
 * not valid, because the listener finds the changes when it polls.
 */
export const deliver = (payload: string, listener: BusListener, ourselves: string): void => {
  const envelope = readEnvelope(payload)
  if (!envelope || envelope.from === ourselves) return
  for (const [roomId, seq] of envelope.grown ?? []) listener.grown(roomId, seq)
  for (const event of envelope.events ?? []) if (isBusEvent(event)) listener.event(event, envelope.from)
}

/**
 * Returns the content of a payload, or undefined if the payload is not valid. The payload is validated, because every role of
 * the database can send notifications, and an uncaught error would end the process.
 */
export const readEnvelope = (payload: string): Envelope | undefined => {
  try {
    const parsed: unknown = JSON.parse(payload)
    return isEnvelope(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

const isEnvelope = (value: unknown): value is Envelope => {
  if (typeof value !== 'object' || value === null) return false
  const { from, n, sent, grown = [], events = [] } = value as Record<string, unknown>
  const isList = Array.isArray(events) && Array.isArray(grown) && grown.every(isPair)
  return typeof from === 'string' && isList && [n, sent].every(number => number === undefined || isCount(number))
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value)
const isPair = (value: unknown): boolean => Array.isArray(value) && value.length === 2 && value.every(isCount)
