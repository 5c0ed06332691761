/**
 * Implements a chat client that uses the protocol correctly. The client sends messages with and without nonces, edits and
 * deletes messages, reacts to them and marks them as read, in several rooms. It resends each frame that has a nonce, until the
 * frame is acknowledged or refused for good. It resumes its subscriptions after a reconnection, and keeps an inbox.
 */
import { WebSocket } from 'ws'
import { createInboxView, type InboxItem } from './inbox-view.ts'
import { createRoomReader, type RoomReader } from './room-reader.ts'

export interface ChaosClient {
  readonly name: string
  readonly userId: number
  readonly readers: ReadonlyMap<string, RoomReader>
  readonly reconnects: number
  /** The number of frames that were refused for good, by code. */
  readonly refusals: Readonly<Record<string, number>>
  /** Whether every frame that was sent with a nonce is acknowledged or refused. */
  readonly isSettled: boolean
  inbox(): InboxItem[]
  /** Subscribes to another room. */
  subscribe(room: string): void
  send(): void
  /** Stops reading from the connection for `ms` milliseconds. */
  pause(ms: number): void
  close(): void
}

export interface ClientOptions {
  readonly name: string
  readonly userId: number
  /** The URLs of the services. Each connection uses one of them at random. */
  readonly urls: readonly string[]
  /** Whether the client requests `chat.v1`. */
  readonly isV1: boolean
  readonly logIn: () => Promise<string>
  readonly random: () => number
}

type Frame = { readonly [field: string]: unknown }

/**
 * Codes of errors after which a frame is not sent again. `slow_mode` is one of them. If all messages refused by slow mode were
 * sent again, the room would accept only one of them each time, and the check at the end of the run could time out.
 */
const FINAL = new Set([
  'slow_mode',
  'already_deleted',
  'message_not_found',
  'too_many_reactions',
  'muted',
  'banned',
  'room_archived',
  'not_allowed',
  'not_author',
  'room_not_found'
])
/** Codes of errors after which a frame is sent again. A code that is in neither set is a fault of the service. */
const TEMPORARY = new Set(['busy', 'unavailable', 'rate_limited', 'not_subscribed'])

/**
 * Maximum number of frames that wait for an acknowledgement. Without this limit, on a slow machine, more frames would wait at
 * the end of the run than the services can acknowledge before the check.
 */
const MAX_UNACKNOWLEDGED = 100

export const createClient = ({ name, userId, urls, isV1, logIn, random }: ClientOptions): ChaosClient => {
  const readers = new Map<string, RoomReader>()
  const unacknowledged = new Map<string, Frame>()
  const refusals: Record<string, number> = {}
  const inbox = createInboxView()
  let socket: WebSocket | undefined
  let token: string | undefined
  let isClosed = false
  let hasInbox = false
  let count = 0
  let reconnects = 0

  const oneOf = <T>(values: readonly T[]): T | undefined => values[Math.floor(random() * values.length)]

  const write = (frame: object): void => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame))
  }

  const refused = (frame: Frame): void => {
    const [code, nonce] = [String(frame.code), String(frame.nonce)]
    const reader = readers.get(String(frame.ref))
    const sent = unacknowledged.get(nonce)
    if (frame.ref === 'inbox') hasInbox = false
    else if (reader) reader.handle(frame)
    // Without `chat.v1`, no frame except this error reports that a subscription has ended.
    else if (code === 'banned' && frame.nonce === undefined) readers.get(String(frame.room))?.handle(frame)
    else if (!FINAL.has(code) && !TEMPORARY.has(code))
      oneOf([...readers.values()])?.record.faults.push(`the error ${code} for ${JSON.stringify(sent?.type)} ${nonce}`)
    if (!FINAL.has(code) || !unacknowledged.delete(nonce)) return
    refusals[code] = (refusals[code] ?? 0) + 1
  }

  const handleFrame = (frame: Frame): void => {
    if (frame.type === 'inbox') return inbox.handle(frame)
    if (frame.type === 'error') return refused(frame)
    readers.get(String(frame.room))?.handle(frame)
    if (frame.type === 'ack') unacknowledged.delete(String(frame.nonce))
  }

  /**
   * Returns the next frame to send, in most cases a message. An edit, a deletion or a reaction refers to one of the last
   * messages, so that clients change the same message at the same time.
   */
  const next = (room: string, reader: RoomReader): Frame => {
    const content = `${name} says ${count} ${'.'.repeat(Math.floor(random() * 500))}`
    const kind = random()
    const target = kind < 0.28 ? oneOf(reader.recent) : oneOf(reader.own.slice(-10))
    const mentions = random() < 0.2 ? { mentions: [1 + Math.floor(random() * 8), userId] } : {}
    const reply = random() < 0.2 ? oneOf(reader.recent) : undefined
    if (kind > 0.4 || target === undefined)
      return { type: 'message', room, content, ...mentions, ...(reply === undefined ? {} : { reply_to: reply }) }
    if (kind < 0.25) return { type: 'react', room, target, key: oneOf(['👍', '❤', '+1']), remove: random() < 0.3 }
    // If `kind` is below 0.28, `target` may be a message of another user. Moderators may delete it, but only its author may
    // edit it.
    return kind < 0.28 || kind > 0.36
      ? { type: 'delete', room, target }
      : { type: 'edit', room, target, content, ...mentions }
  }

  const resend = (): void => {
    for (const [nonce, frame] of unacknowledged) write({ ...frame, nonce })
    for (const reader of readers.values()) reader.subscribe()
    if (!hasInbox) write({ type: 'inbox', ref: 'inbox' })
    hasInbox = true
  }

  const connect = async (): Promise<void> => {
    while (!isClosed) {
      try {
        token ??= await logIn()
        await session(oneOf(urls) ?? '')
      } catch {
        // The service is unreachable. The loop tries again after a delay.
      }
      reconnects++
      await new Promise(done => setTimeout(done, 100 + random() * 400))
    }
  }

  /** Opens a connection. Resolves when the connection is closed. */
  const session = (url: string): Promise<void> =>
    new Promise(resolve => {
      const address = `${url.replace('http', 'ws')}/ws/chat?rooms=&token=${token}`
      const opened = new WebSocket(address, isV1 ? ['chat.v1'] : [], { handshakeTimeout: 3000 })
      socket = opened
      let receivedAt = Date.now()
      const again = setInterval(() => {
        // A service that sends nothing is down or paused. So the client reconnects, perhaps to another service.
        if (Date.now() - receivedAt > 6000) opened.terminate()
        else write({ type: 'ping' })
        resend()
      }, 2000)
      opened.on('open', () => {
        hasInbox = false
        for (const reader of readers.values()) reader.open()
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
    name,
    userId,
    readers,
    refusals,
    inbox: inbox.items,
    get reconnects() {
      return reconnects
    },
    get isSettled() {
      return unacknowledged.size === 0
    },
    subscribe(room) {
      if (readers.has(room)) return
      const reader = createRoomReader({ name, userId, room, write })
      readers.set(room, reader)
      reader.open()
      reader.subscribe()
    },
    send() {
      if (unacknowledged.size >= MAX_UNACKNOWLEDGED) return
      const [room, reader] = oneOf([...readers]) ?? []
      if (room === undefined || !reader) return
      if (random() < 0.1)
        return write({ type: 'read', room, up_to: reader.lastSeq, ...(random() < 0.1 ? { unread: true } : {}) })
      const nonce = `${name}-${++count}`
      const frame = next(room, reader)
      if ('content' in frame) reader.record.sent.add(String(frame.content))
      if (frame.type === 'message' && random() < 0.2) return write(frame)
      if (frame.type === 'react') reader.record.reactions.set(nonce, Number(frame.target))
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
