/**
 * Reads one room over all connections of a client: subscribes after the last received entry, and records entries, acks and
 * errors for check.ts. Keeps the state of each received message by the rules of docs/protocol.md.
 */
import { type LogEntry, type Message, shown } from './fold.ts'
import type { SeenFrame } from './rights.ts'

/** What a client sent to a room and received from it. */
export interface ClientRecord {
  readonly name: string
  readonly userId?: number
  /** The `seq` of each acknowledged entry, keyed by nonce. */
  readonly acknowledged: Map<string, number>
  /** The `seq` of the message to which each reaction refers, keyed by the nonce of the reaction. */
  readonly reactions: Map<string, number>
  /** The contents of all sent messages and edits. Each content is unique. */
  readonly sent: Set<string>
  /** The delivered entries, in the order of their delivery. */
  readonly delivered: { readonly seq: number; readonly type: string }[]
  /** The messages that were delivered, by `seq`, with all later changes. */
  readonly messages: ReadonlyMap<number, Message>
  /** The frames of each connection about the room. */
  readonly connections?: SeenFrame[][]
  /** Errors that the client itself detected. */
  readonly faults: string[]
  resyncs: number
  /** The number of times that the client lost the right to read the room. */
  removals?: number
}

type Frame = { readonly [field: string]: unknown }

export interface RoomReader {
  readonly record: ClientRecord
  readonly lastSeq: number
  readonly isSubscribed: boolean
  /** The `seq` of each of the last 20 messages. Reactions, replies and some deletions of the client refer to one of them. */
  readonly recent: number[]
  readonly own: readonly number[]
  /** Handles the beginning of a connection. */
  open(): void
  /** Subscribes after the last received entry, unless the client is subscribed or waits for a response. */
  subscribe(): void
  handle(frame: Frame): void
}

export interface RoomReaderOptions {
  readonly name: string
  readonly userId: number
  readonly room: string
  readonly write: (frame: object) => void
}

/** Maximum number of entries that the service sends after a reconnection. */
const MAX_MISSED = 1000
const ENTRIES = new Set(['message', 'edit', 'deletion', 'reaction', 'pin', 'membership', 'room', 'erasure'])

export const createRoomReader = ({ name, userId, room, write }: RoomReaderOptions): RoomReader => {
  const view = createView()
  const record: ClientRecord = {
    name,
    userId,
    acknowledged: new Map(),
    reactions: new Map(),
    get messages() {
      return view.messages()
    },
    sent: new Set(),
    delivered: [],
    connections: [],
    faults: [],
    resyncs: 0,
    removals: 0
  }
  const own: number[] = []
  let lastSeq: number | undefined
  let epoch: string | undefined
  let isSubscribed = false
  let isAsked = false

  const reached = (frame: Frame): void => {
    isSubscribed = true
    if (epoch !== undefined && frame.epoch !== epoch) record.faults.push('the epoch changed')
    epoch = String(frame.epoch)
    if (frame.type === 'subscribed') lastSeq ??= Number(frame.seq)
    else {
      record.resyncs++
      // A client that missed more than 1,000 entries receives none of them. A real client would load the history over HTTP.
      const isFar = frame.reason === 'too_far' && Number(frame.seq) - (lastSeq ?? 0) > MAX_MISSED
      if (!isFar) record.faults.push(`resync ${frame.reason} after ${lastSeq} at ${frame.seq}`)
      view.clear()
      lastSeq = Number(frame.seq)
    }
  }

  const entered = (frame: Frame): void => {
    const seq = Number(frame.seq)
    if (lastSeq !== undefined && seq !== lastSeq + 1) record.faults.push(`${seq} came after ${lastSeq}`)
    lastSeq = seq
    record.delivered.push({ seq, type: String(frame.type) })
    view.apply(frame as unknown as LogEntry)
    if (frame.type === 'message' && frame.username === name) own.push(seq)
  }

  const acknowledged = (frame: Frame): void => {
    const nonce = String(frame.nonce)
    const before = record.acknowledged.get(nonce)
    // A repeated frame must be acknowledged with the same `seq`. Reactions are exempt: the service does not store the nonce of
    // a reaction that changes nothing, so the repeated frame may append an entry.
    if (before !== undefined && before !== frame.seq && !record.reactions.has(nonce))
      record.faults.push(`${nonce} was acknowledged twice, differently`)
    record.acknowledged.set(nonce, Number(frame.seq))
  }

  return {
    record,
    get lastSeq() {
      return lastSeq ?? 0
    },
    get isSubscribed() {
      return isSubscribed
    },
    get recent() {
      return view.recent()
    },
    own,
    open() {
      isSubscribed = isAsked = false
      record.connections?.push([])
    },
    subscribe() {
      if (isSubscribed || isAsked) return
      isAsked = true
      write({ type: 'subscribe', room, ref: room, ...(lastSeq === undefined ? {} : { after: lastSeq, epoch }) })
    },
    handle(frame) {
      const { type, seq } = frame
      if (type !== 'ack')
        record.connections
          ?.at(-1)
          ?.push({ type: String(type), room, ...(seq === undefined ? {} : { seq: Number(seq) }) })
      if (type === 'subscribed' || type === 'resync') reached(frame)
      if (ENTRIES.has(String(type))) entered(frame)
      if (type === 'ack') acknowledged(frame)
      if (type === 'unsubscribed' || type === 'error') isAsked = isSubscribed = false
      if (type === 'unsubscribed') record.removals = (record.removals ?? 0) + 1
    }
  }
}

interface Viewed {
  content: string | null | undefined
  mentions: readonly number[]
  changed: number
  isPinned: boolean
  readonly counts: Map<string, number>
}

/** Applies entries to messages. The `count` of a reaction is the new number of users, not a difference. */
const createView = () => {
  const messages = new Map<number, Viewed>()
  const apply = (
    message: Viewed,
    { type, seq, content, mentions = [], key = '', count = 0, action }: LogEntry
  ): void => {
    if (type === 'reaction') message.counts.set(key, count)
    if (type === 'pin') message.isPinned = action === 'added'
    if (type === 'deletion') {
      message.counts.clear()
      message.isPinned = false
    }
    // The message may already have the text of a later edit. The earlier edit is then skipped, because its frame has no text.
    if (seq <= message.changed) return
    message.changed = seq
    if (type === 'edit') Object.assign(message, { content, mentions })
    if (type === 'deletion') Object.assign(message, { content: null, mentions: [] })
  }
  const stateOf = ({ content, mentions, isPinned, counts }: Viewed): Message => ({
    content,
    reactions: shown(counts),
    ...(isPinned ? { pinned: true } : {}),
    ...(mentions.length > 0 ? { mentions: [...mentions].sort((one, other) => one - other) } : {})
  })
  return {
    apply(entry: LogEntry & { readonly changed_seq?: number }) {
      const { type, seq, target = 0, content, mentions = [], changed_seq: changed = 0 } = entry
      if (type === 'message') messages.set(seq, { content, mentions, changed, isPinned: false, counts: new Map() })
      const message = messages.get(target)
      if (message) apply(message, entry)
    },
    clear: () => messages.clear(),
    /** Returns the `seq` of each of the last 20 messages. */
    recent: (): number[] => [...messages.keys()].slice(-20),
    messages: (): Map<number, Message> => new Map([...messages].map(([seq, message]) => [seq, stateOf(message)]))
  }
}
