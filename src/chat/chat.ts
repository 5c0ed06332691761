/**
 * The chat itself, composed: a message's way from a client's frame through the writer and its commit to everyone who is
 * connected, and the history that is read back. Sees no SQL and no HTTP.
 */
import { type Clock, timestamp } from '../clock.ts'
import { CLOSE } from '../close-codes.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type { MessagesRepository, RoomsRepository } from '../db/database.ts'
import { ChatError } from '../errors.ts'
import type { Log } from '../logging.ts'
import type { AckFrame, Limits, SendFrame, SystemFrame } from '../schemas/frames.ts'
import { GENERAL, MAX_META_BYTES, type Message } from '../schemas/messages.ts'
import {
  Connection,
  type ConnectionHost,
  type ConnectionOptions,
  PING_INTERVAL_MS,
  type Session
} from './connection.ts'
import { type Draft, isSameEntry, openEntry, sealEntry } from './entries.ts'
import { BURST_SECONDS, createHub } from './hub.ts'
import { encodeFrame, maxFrameBytes, messageText, metaText } from './protocol.ts'
import { createRooms, type Room } from './rooms.ts'
import { createWriter, type Outcome, type WriterOptions } from './writer.ts'

/** How long a stop waits for the commits under way, in milliseconds. */
const FLUSH_MS = 2500

/** What the chat is made of. Limits are PROTOCOL's settings; 0 means none. */
export interface ChatOptions {
  readonly rooms: RoomsRepository
  readonly messages: MessagesRepository
  readonly keyring: Keyring
  readonly clock: Clock
  readonly log: Log
  readonly authenticate: (token: string) => Promise<Session>
  readonly isConnectionError: (error: unknown) => boolean
  readonly messageRate: number
  readonly connectionsPerUser: number
  readonly connectionsPerIp: number
  readonly maxMessageLength: number
  /** For tests: other bounds for the writer. */
  readonly writer?: Partial<WriterOptions>
}

/** The chat of one process. */
export interface Chat {
  /** How many sockets are open here. */
  readonly connections: number
  /** Whether the service is on its way down and takes no more work. */
  readonly isDraining: boolean
  readonly maxFrameBytes: number
  /** Loads what a connection needs; to be awaited before the upgrade, so that `connect` need not wait. */
  prepare(): Promise<void>
  /** Takes over an open socket, synchronously, so that no early frame is lost. */
  connect(options: ConnectionOptions): void
  /** The newest messages of a room, oldest first; what no key opens is left out. Throws `room_not_found`. */
  history(room: string, limit: number): Promise<Message[]>
  /** Resolves when every message that was taken is committed or refused. */
  idle(): Promise<void>
  /** Commits what was taken, then closes every socket with 1012. */
  drain(): Promise<void>
}

/** Makes the chat of one process. */
export const createChat = (options: ChatOptions): Chat => {
  const { keyring, clock, log, messages, maxMessageLength, messageRate } = options
  const rooms = createRooms(options.rooms)
  const hub = createHub(options)
  const writer = createWriter({
    append: batch => messages.append(batch),
    isConnectionError: options.isConnectionError,
    onFailure: (err, entries) => log.error({ err, entries }, 'an append failed'),
    ...options.writer
  })
  const frameBytes = maxFrameBytes(maxMessageLength)
  const limits: Limits = {
    max_message_length: maxMessageLength,
    max_meta_bytes: MAX_META_BYTES,
    max_frame_bytes: frameBytes,
    messages_per_second: messageRate,
    message_burst: messageRate * BURST_SECONDS
  }
  let isDraining = false

  const loadRoom = async (name: string): Promise<Room> => {
    const room = await rooms.load(name)
    if (!room) throw noSuchRoom()
    return room
  }

  const notice = (event: 'joined' | 'left', { userId, username }: Session): void =>
    hub.broadcast(encodeFrame(systemFrame(event, userId, username)), userId)

  const host: ConnectionHost = {
    clock,
    maxFrameBytes: frameBytes,
    authenticate: options.authenticate,
    message(connection, frame) {
      if (isDraining) throw new ChatError('unavailable', 'The service restarts. Send the message again in a moment.')
      const room = rooms.get(frame.room ?? GENERAL)
      if (!room) throw noSuchRoom()
      const draft = draftOf(connection.session, room, frame, maxMessageLength)
      const retryAfterMs = hub.takeMessage(connection.session.userId)
      if (retryAfterMs > 0) {
        connection.log.warn(
          { user_id: connection.session.userId, limit: 'MESSAGE_RATE_LIMIT' },
          'a message was refused'
        )
        const detail = `You send more than ${messageRate} messages a second. Wait before you send the next one.`
        throw new ChatError('rate_limited', detail, { retryAfterMs })
      }
      writer.append(sealEntry(draft, keyring), outcome => settle(connection, frame, room, draft, outcome))
    },
    ended(connection) {
      if (hub.remove(connection) && !isDraining) notice('left', connection.session)
    },
    closed: connection => hub.forget(connection)
  }

  /** After the commit, or its failure: the sender's ack, then everyone's message. */
  const settle = (connection: Connection, frame: SendFrame, room: Room, draft: Draft, outcome: Outcome): void => {
    const marks = { ...mark('nonce', frame.nonce), ...mark('ref', frame.ref) }
    if ('error' in outcome) return connection.refuse(outcome.error, { room: room.name, ...marks })
    const { appended } = outcome
    if (appended.stored && !isSameEntry(draft, appended.stored, keyring)) {
      const detail = 'This nonce was used for another message in this room. Use a new nonce.'
      return connection.refuse(new ChatError('nonce_reused', detail), { room: room.name, ...marks })
    }
    const { id, seq } = appended
    const place = { id, room: room.name, seq }
    const time = timestamp(appended.createdAt)
    if (frame.nonce !== undefined || frame.ref !== undefined) {
      connection.send({ type: 'ack', ...marks, ...place, timestamp: time } satisfies AckFrame)
    }
    // A replay was delivered before, except one whose first commit's answer was lost on the way.
    if (seq <= room.head) return
    room.head = seq
    const { userId: user_id, username, content } = draft
    const meta = draft.meta === null ? {} : { meta: JSON.parse(draft.meta) }
    const nonce = mark('nonce', frame.nonce)
    hub.broadcast(
      encodeFrame({ type: 'message', ...place, user_id, username, content, ...meta, ...nonce, timestamp: time })
    )
  }

  return {
    get connections() {
      return hub.size
    },
    get isDraining() {
      return isDraining
    },
    maxFrameBytes: frameBytes,
    async prepare() {
      await loadRoom(GENERAL)
    },
    connect(opened) {
      const connection = new Connection(opened, host)
      const { session, log } = opened
      try {
        if (isDraining) return connection.close(CLOSE.restart)
        hub.admit(session.userId, opened.address)
      } catch (error) {
        if (!(error instanceof ChatError)) throw error
        log.warn({ user_id: session.userId, limit: 'CONNECTIONS' }, 'a connection was refused')
        connection.refuse(error)
        return connection.close(CLOSE.tooManyConnections)
      }
      const isFirst = hub.add(connection)
      connection.send({
        ...systemFrame('connected', session.userId, session.username),
        server_time: timestamp(clock.now()),
        expires_at: timestamp(session.expiresAt),
        ping_interval_ms: PING_INTERVAL_MS,
        limits
      })
      if (isFirst) notice('joined', session)
    },
    async history(name, limit) {
      const room = await loadRoom(name)
      const stored = await messages.newest(room.id, limit)
      const opened = stored.map(entry => openEntry(entry, room.name, keyring)).filter(message => message !== undefined)
      const unopened = stored.length - opened.length
      if (unopened > 0) {
        log.warn({ room: name, unopened, total: keyring.unopened }, 'stored messages that no key opens were left out')
      }
      return opened
    },
    idle: () => writer.idle(),
    async drain() {
      isDraining = true
      // A database that is away must not keep the process: what it didn't acknowledge, its sender sends again.
      await Promise.race([writer.idle(), new Promise(resolve => setTimeout(resolve, FLUSH_MS).unref())])
      await hub.drain()
    }
  }
}

const noSuchRoom = (): ChatError =>
  new ChatError('room_not_found', 'There is no such room, or you may not read it. The room of everyone is "general".')

const mark = <Name extends string>(name: Name, value: string | undefined): { [key in Name]?: string } =>
  (value === undefined ? {} : { [name]: value }) as { [key in Name]?: string }

const WORDS = {
  connected: (name: string) => `Connected as ${name}`,
  joined: (name: string) => `${name} joined the chat`,
  left: (name: string) => `${name} left the chat`
}

const systemFrame = (event: SystemFrame['event'], user_id: number, username: string): SystemFrame => ({
  type: 'system',
  event,
  message: WORDS[event](username),
  room: GENERAL,
  user_id,
  username
})

const draftOf = ({ userId, username }: Session, room: Room, frame: SendFrame, maxLength: number): Draft => ({
  room,
  userId,
  username,
  content: messageText(frame.content, maxLength),
  meta: metaText(frame.meta),
  nonce: frame.nonce
})
