/**
 * A chat client that uses the protocol correctly. It sends messages with and without nonces, edits and deletes its own messages,
 * and reacts to messages. It resends each frame with a nonce until the frame is acknowledged, and resumes after a reconnection.
 * For check.ts, it records entries, acks, errors, and the state of each received message.
 */
import { WebSocket } from 'ws'
import { type LogEntry, type Message, shown } from './fold.ts'

export interface ClientRecord {
  readonly name: string
  /** The `seq` of each acknowledged message, keyed by nonce. */
  readonly acknowledged: Map<string, number>
  /** The `seq` of the message to which each reaction refers, keyed by the nonce of the reaction. */
  readonly reactions: Map<string, number>
  /** The contents of all sent messages and edits. Each content is unique. */
  readonly sent: Set<string>
  /** The delivered entries, in the order of their delivery. */
  readonly delivered: { readonly seq: number; readonly type: string }[]
  /** The messages that were delivered, by `seq`, with all later changes. */
  readonly messages: ReadonlyMap<number, Message>
  /** Errors that the client itself detected. */
  readonly faults: string[]
  resyncs: number
  reconnects: number
}

export interface ChaosClient {
  readonly record: ClientRecord
  /** Whether every message that was sent with a nonce is acknowledged. */
  readonly isSettled: boolean
  readonly lastSeq: number
  send(): void
  /** Stops reading from the connection for `ms` milliseconds. */
  pause(ms: number): void
  close(): void
}

export interface ClientOptions {
  readonly name: string
  /** The URLs of the services. Each connection uses one of them at random. */
  readonly urls: readonly string[]
  readonly password: string
  readonly random: () => number
}

const post = async (url: string, body: object): Promise<{ access_token?: string; status: number }> => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(5000)
  })
  return { ...((await response.json()) as object), status: response.status }
}

export const createClient = ({ name, urls, password, random }: ClientOptions): ChaosClient => {
  const view = createView()
  const record: ClientRecord = {
    name,
    acknowledged: new Map(),
    reactions: new Map(),
    get messages() {
      return view.messages()
    },
    sent: new Set(),
    delivered: [],
    faults: [],
    resyncs: 0,
    reconnects: 0
  }
  const unacknowledged = new Map<string, object>()
  const own: number[] = []
  let socket: WebSocket | undefined
  let token: string | undefined
  let lastSeq: number | undefined
  let epoch: string | undefined
  let isClosed = false
  let count = 0

  const anyUrl = () => urls[Math.floor(random() * urls.length)] ?? ''

  const login = async (): Promise<string> => {
    await post(`${anyUrl()}/api/auth/register`, { username: name, password })
    const { access_token } = await post(`${anyUrl()}/api/auth/login`, { username: name, password })
    if (!access_token) throw new Error('no token')
    return access_token
  }

  const handleFrame = (frame: { [field: string]: unknown }): void => {
    if (frame.type === 'subscribed' || frame.type === 'resync') {
      if (frame.type === 'resync') record.resyncs++
      if (epoch !== undefined && frame.epoch !== epoch) record.faults.push('the epoch changed')
      epoch = String(frame.epoch)
      if (frame.type === 'resync') {
        // A client that missed more than 1,000 entries receives none of them. A real client would load the history over HTTP.
        const isFar = frame.reason === 'too_far' && Number(frame.seq) - (lastSeq ?? 0) > MAX_MISSED
        if (!isFar) record.faults.push(`resync ${frame.reason} after ${lastSeq} at ${frame.seq}`)
        view.clear()
        lastSeq = Number(frame.seq)
      } else lastSeq ??= Number(frame.seq)
    }
    if (ENTRIES.has(String(frame.type))) {
      const seq = Number(frame.seq)
      if (lastSeq !== undefined && seq !== lastSeq + 1) record.faults.push(`${seq} came after ${lastSeq}`)
      lastSeq = seq
      record.delivered.push({ seq, type: String(frame.type) })
      view.apply(frame as unknown as LogEntry & { changed_seq?: number })
      if (frame.type === 'message' && frame.username === name) own.push(seq)
    }
    if (frame.type === 'ack') {
      const nonce = String(frame.nonce)
      const before = record.acknowledged.get(nonce)
      // The service does not store the nonce of a reaction that changes nothing, so the same frame may change something later.
      if (before !== undefined && before !== frame.seq && !record.reactions.has(nonce))
        record.faults.push(`${nonce} was acknowledged twice, differently`)
      record.acknowledged.set(nonce, Number(frame.seq))
      unacknowledged.delete(nonce)
    }
    if (frame.type === 'error' && frame.code === 'nonce_reused') record.faults.push(`nonce_reused for ${frame.nonce}`)
    if (frame.type === 'error' && FINAL.has(String(frame.code))) unacknowledged.delete(String(frame.nonce))
  }

  const write = (frame: object): void => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame))
  }

  const oneOf = <T>(values: readonly T[]): T | undefined => values[Math.floor(random() * values.length)]

  /**
   * Returns the next frame to send, in most cases a message. A change refers to one of the last messages, so that clients change
   * the same message at the same time.
   */
  const next = (): Record<string, unknown> => {
    const content = `${name} says ${count} ${'.'.repeat(Math.floor(random() * 500))}`
    const kind = random()
    const target = kind < 0.25 ? oneOf(view.recent()) : oneOf(own.slice(-10))
    if (kind > 0.4 || target === undefined) return { type: 'message', content }
    if (kind < 0.25) return { type: 'react', target, key: oneOf(['👍', '❤', '+1']), remove: random() < 0.3 }
    return kind < 0.35 ? { type: 'edit', target, content } : { type: 'delete', target }
  }

  const resend = (): void => {
    for (const [nonce, frame] of unacknowledged) write({ ...frame, nonce })
  }

  const connect = async (): Promise<void> => {
    while (!isClosed) {
      try {
        token ??= await login()
        await session(anyUrl())
      } catch {
        // The service is unreachable. The loop tries again after a delay.
      }
      record.reconnects++
      await new Promise(done => setTimeout(done, 100 + random() * 400))
    }
  }

  /** Opens a connection. Resolves when the connection is closed. */
  const session = (url: string): Promise<void> =>
    new Promise(resolve => {
      const opened = new WebSocket(`${url.replace('http', 'ws')}/ws/chat?rooms=&token=${token}`, {
        handshakeTimeout: 3000
      })
      socket = opened
      let receivedAt = Date.now()
      const again = setInterval(() => {
        // A service that sends nothing is down or paused. So the client reconnects, perhaps to another service.
        if (Date.now() - receivedAt > 6000) opened.terminate()
        else write({ type: 'ping' })
        resend()
      }, 2000)
      opened.on('open', () => {
        write({ type: 'subscribe', room: 'general', ...(lastSeq === undefined ? {} : { after: lastSeq, epoch }) })
        resend()
      })
      opened.on('message', data => {
        receivedAt = Date.now()
        handleFrame(JSON.parse(data.toString()))
      })
      opened.on('unexpected-response', (_, response) => {
        if (response.statusCode === 401) token = undefined
        opened.terminate()
      })
      opened.on('error', () => {})
      opened.on('close', () => {
        clearInterval(again)
        resolve()
      })
    })

  void connect()

  return {
    record,
    get isSettled() {
      return unacknowledged.size === 0
    },
    get lastSeq() {
      return lastSeq ?? 0
    },
    send() {
      const nonce = `${name}-${++count}`
      const frame = next()
      if ('content' in frame) record.sent.add(String(frame.content))
      if (frame.type === 'message' && random() < 0.2) return write(frame)
      if (frame.type === 'react') record.reactions.set(nonce, Number(frame.target))
      unacknowledged.set(nonce, frame)
      write({ ...frame, nonce })
    },
    pause(ms) {
      const paused = socket
      paused?.pause()
      setTimeout(() => paused?.resume(), ms)
    },
    close() {
      isClosed = true
      socket?.terminate()
    }
  }
}

/** Maximum number of entries that the service sends after a reconnection. */
const MAX_MISSED = 1000
const ENTRIES = new Set(['message', 'edit', 'deletion', 'reaction', 'membership'])
/** Codes of errors after which a change is not sent again. */
const FINAL = new Set(['already_deleted', 'message_not_found', 'too_many_reactions'])

/**
 * Applies entries to messages by the rules of docs/protocol.md. The `count` of a reaction is the new number of users, not a
 * difference.
 */
const createView = () => {
  const messages = new Map<
    number,
    { content: string | null | undefined; changed: number; counts: Map<string, number> }
  >()
  return {
    apply({
      type,
      seq,
      target = 0,
      content,
      key = '',
      count = 0,
      changed_seq = 0
    }: LogEntry & { changed_seq?: number }) {
      if (type === 'message') messages.set(seq, { content, changed: changed_seq, counts: new Map() })
      const message = messages.get(target)
      if (!message) return
      if (type === 'reaction') message.counts.set(key, count)
      if (type === 'deletion') message.counts.clear()
      if (seq <= message.changed) return
      message.changed = seq
      if (type === 'edit') message.content = content
      if (type === 'deletion') message.content = null
    },
    clear: () => messages.clear(),
    /** Returns the `seq` of each of the last 20 messages. */
    recent: (): number[] => [...messages.keys()].slice(-20),
    messages: (): Map<number, Message> =>
      new Map([...messages].map(([seq, { content, counts }]) => [seq, { content, reactions: shown(counts) }]))
  }
}
