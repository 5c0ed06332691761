/** What waits to be told, packed into payloads of a bounded size. */
import { type BusEvent, type BusListener, MAX_EVENT_BYTES } from './bus.ts'

/** One payload on the wire. */
interface Envelope {
  readonly from: string
  readonly grown?: readonly (readonly [roomId: number, seq: number])[]
  readonly events?: readonly BusEvent[]
}

const PAIR_BYTES = 32

/** Gathers announcements and events until they are taken as payloads. */
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
      if (bytes > MAX_EVENT_BYTES) return false
      events.push({ event, bytes })
      return true
    },
    /** Everything that waits, as few payloads as hold it; nothing waits afterwards. */
    take(): string[] {
      const payloads: string[] = []
      const pairs = [...grown]
      const perPayload = Math.floor(MAX_EVENT_BYTES / PAIR_BYTES)
      for (let at = 0; at < pairs.length; at += perPayload) {
        payloads.push(JSON.stringify({ from, grown: pairs.slice(at, at + perPayload) } satisfies Envelope))
      }
      for (const group of groupsOf(events)) payloads.push(JSON.stringify({ from, events: group } satisfies Envelope))
      grown = new Map()
      events = []
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

/** Tells a listener what a payload says, unless it is our own. What can't be read is passed over: the log has the truth. */
export const tell = (payload: string, listener: BusListener, ourselves: string): void => {
  const envelope = read(payload)
  if (!envelope || envelope.from === ourselves) return
  for (const [roomId, seq] of envelope.grown ?? []) listener.grown(roomId, seq)
  for (const event of envelope.events ?? []) listener.event(event, envelope.from)
}

const read = (payload: string): Envelope | undefined => {
  try {
    return JSON.parse(payload)
  } catch {
    return undefined
  }
}
