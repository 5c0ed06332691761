/**
 * The chat itself, composed: a message's way from a client through the writer and its commit to everyone who follows the
 * room, here and on other processes, and the log that is read back. Sees no SQL and no HTTP.
 */
import type { Bus } from '../bus/bus.ts'
import { type Clock, timestamp } from '../clock.ts'
import { CLOSE } from '../close-codes.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type { MessagesRepository, RoomsRepository } from '../db/database.ts'
import { ChatError } from '../errors.ts'
import type { Log } from '../logging.ts'
import type { Limits, SendFrame, SystemFrame } from '../schemas/frames.ts'
import { GENERAL, MAX_META_BYTES } from '../schemas/messages.ts'
import type { NewRoom, Presence, Room as RoomShown } from '../schemas/rooms.ts'
import { type Actor, type Authorize, everyoneMay } from './access.ts'
import {
  type ChatFrame,
  Connection,
  type ConnectionHost,
  type ConnectionOptions,
  PING_INTERVAL_MS,
  type Session
} from './connection.ts'
import { type Draft, type Entry, entryOf, isSameEntry, openEntry, sealEntry } from './entries.ts'
import { encode } from './fanout.ts'
import { BURST_SECONDS, createHub } from './hub.ts'
import { createLogPages } from './log-pages.ts'
import { createPresence } from './presence.ts'
import { type FrameMarks, marksOf, maxFrameBytes, messageText, metaText } from './protocol.ts'
import type { Room } from './room.ts'
import { createRooms } from './rooms.ts'
import { Subscription } from './subscription.ts'
import { createWriter, type WriterOptions } from './writer.ts'

/** How long a stop waits for the commits under way, in milliseconds. */
const FLUSH_MS = 2500
/** How often the database is asked how far rooms reach, in case a notification was lost. */
const LOOK_MS = 5000
/** How often clients are told how far their rooms reach. */
const HEADS_MS = 30_000
/** How long someone is shown as typing. */
const TYPING_SHOWN_MS = 5000
/** How many rooms a connection may follow. */
export const MAX_FOLLOWED = 128

/** What the chat is made of. Limits are PROTOCOL's settings; 0 means none. */
export interface ChatOptions {
  readonly rooms: RoomsRepository
  readonly messages: MessagesRepository
  readonly keyring: Keyring
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  readonly authenticate: (token: string) => Promise<Session>
  readonly isConnectionError: (error: unknown) => boolean
  readonly messageRate: number
  readonly connectionsPerUser: number
  readonly connectionsPerIp: number
  readonly maxMessageLength: number
  readonly authorize?: Authorize
  /** For tests: other bounds for the writer. */
  readonly writer?: Partial<WriterOptions>
}

/** A part of a room's log to read: the newest, or those before or after a `seq`. */
export interface Range {
  readonly before?: number | undefined
  readonly after?: number | undefined
  readonly limit: number
}

/** A part of a room's log, oldest first, and where the log stands. */
export interface LogPart {
  readonly room: RoomShown
  readonly entries: readonly Entry[]
  /** Whether there is more in the direction that was asked for. */
  readonly hasMore: boolean
}

/** A message to post over HTTP. */
export interface Post {
  readonly content: string
  readonly meta?: Record<string, unknown> | undefined
  readonly nonce?: string | undefined
}

/** The chat of one process. */
export interface Chat {
  /** How many sockets are open here. */
  readonly connections: number
  /** Whether the service is on its way down and takes no more work. */
  readonly isDraining: boolean
  readonly maxFrameBytes: number
  /** Begins to listen to other processes. */
  start(): Promise<void>
  /** Loads the rooms that a connection follows from the start; awaited before the upgrade, so that `connect` needn't wait. */
  prepare(rooms: readonly string[]): Promise<void>
  /** Takes over an open socket, synchronously, so that no early frame is lost. */
  connect(options: ConnectionOptions): void
  /** Rooms that the actor may read, by name. */
  listRooms(actor: Actor, after: string, limit: number): Promise<{ rooms: RoomShown[]; hasMore: boolean }>
  /** Throws `room_taken`, or `not_allowed`. */
  createRoom(actor: Actor, room: NewRoom): Promise<RoomShown>
  /** Throws `room_not_found`, like all that follow. */
  showRoom(actor: Actor, room: string): Promise<RoomShown>
  read(actor: Actor, room: string, range: Range): Promise<LogPart>
  /** Resolves after the commit. Throws what a frame would be refused with: `nonce_reused`, `rate_limited`, `busy`, … */
  post(actor: Actor, room: string, post: Post): Promise<{ entry: Entry; isReplay: boolean }>
  presence(actor: Actor, room: string): Promise<Presence>
  /** Resolves when every message that was taken is committed or refused. */
  idle(): Promise<void>
  /** Commits what was taken, then closes every socket with 1012 and leaves the bus. */
  drain(): Promise<void>
}

/** Makes the chat of one process. */
export const createChat = (options: ChatOptions): Chat => {
  const { keyring, bus, clock, log, messages, maxMessageLength, messageRate, authorize = everyoneMay } = options

  const readLog = async (roomId: number, from: number, to: number): Promise<Entry[]> => {
    const name = rooms.byId(roomId)?.name ?? ''
    const entries = (await messages.range(roomId, from, to)).map(stored => openEntry(stored, name, keyring))
    const unopened = entries.filter(({ isShown }) => !isShown).length
    if (unopened > 0) log.warn({ room: name, unopened, total: keyring.unopened }, 'stored messages could not be opened')
    return entries
  }
  const pages = createLogPages<Entry>({ read: readLog })
  const rooms = createRooms({ repository: options.rooms, pages, log })
  const hub = createHub(options)
  const presence = createPresence({
    bus,
    clock,
    onNotice: (roomId, event, person) => {
      const room = rooms.byId(roomId)
      if (room && !isDraining) hint(room, systemFrame(event, person, room.name), person.userId)
    },
    onChange: roomId => {
      const room = rooms.byId(roomId)
      if (room && !isDraining) hint(room, { type: 'presence', ...presence.of(roomId, room.name) })
    }
  })
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

  const hint = (room: Room, frame: object, exceptUserId?: number): void => {
    const encoded = encode(JSON.stringify(frame))
    for (const follower of room.followers) follower.hint(encoded, exceptUserId)
  }

  /** The loaded room, if the actor may do that there; denied looks like absent. */
  const roomFor = (actor: Actor, name: string, action: 'read' | 'post'): Room => {
    const room = rooms.get(name)
    if (!room || !authorize(actor, name, action)) throw noSuchRoom()
    return room
  }

  const loadFor = async (actor: Actor, name: string, action: 'read' | 'post'): Promise<Room> => {
    await rooms.load(name)
    return roomFor(actor, name, action)
  }

  /** Appends a draft; `settled` is called once, after the commit or with why there was none. */
  const append = (room: Room, draft: Draft, settled: (outcome: Settled) => void): void => {
    if (isDraining) throw new ChatError('unavailable', 'The service restarts. Send the message again in a moment.')
    const retryAfterMs = hub.takeMessage(draft.userId)
    if (retryAfterMs > 0) {
      const detail = `You send more than ${messageRate} messages a second. Wait before you send the next one.`
      throw new ChatError('rate_limited', detail, { retryAfterMs })
    }
    writer.append(sealEntry(draft, keyring), outcome => {
      if ('error' in outcome) return settled(outcome)
      const { appended } = outcome
      if (appended.stored && !isSameEntry(draft, appended.stored, keyring)) {
        const detail = 'This nonce was used for another message in this room. Use a new nonce.'
        return settled({ error: new ChatError('nonce_reused', detail) })
      }
      const entry = entryOf(draft, appended)
      // The sender's answer goes first, then everyone's message.
      settled({ entry, isReplay: appended.replayed })
      if (room.committed(entry)) bus.announce(room.id, entry.seq)
    })
  }

  const follow = (
    connection: Connection,
    room: Room,
    since: { after?: number; epoch?: string },
    ref?: string
  ): void => {
    const { subscriptions, session } = connection
    const before = subscriptions.get(room.name)
    if (!before && subscriptions.size >= MAX_FOLLOWED) {
      throw new ChatError(
        'too_many_rooms',
        `A connection may follow ${MAX_FOLLOWED} rooms. Unsubscribe from one first.`
      )
    }
    before?.end()
    subscriptions.set(room.name, new Subscription(connection, room, since, ref))
    if (before) return
    presence.join(room.id, session)
    connection.hint(encode(JSON.stringify({ type: 'presence', ...presence.of(room.id, room.name) })))
  }

  /** Follows a room that may have to be loaded first, and that may be behind what the client has seen. */
  const subscribe = async (connection: Connection, frame: ChatFrame & { type: 'subscribe' }): Promise<void> => {
    const { room: name, after, epoch, ref } = frame
    const room = await loadFor(connection.session, name, 'read')
    // Another process may know more: only the database says that there is no such entry.
    if (after !== undefined && after > room.head) {
      const [reach] = await options.rooms.reach([room.id])
      if (reach) await room.reaches(reach)
      await Promise.resolve()
    }
    if (connection.isEnded) return
    follow(
      connection,
      room,
      { ...(after === undefined ? {} : { after }), ...(epoch === undefined ? {} : { epoch }) },
      ref
    )
  }

  const unsubscribe = (connection: Connection, { room, ref }: ChatFrame & { type: 'unsubscribe' }): void => {
    connection.subscriptions.get(room)?.end()
    if (connection.subscriptions.delete(room)) leave(connection, room)
    connection.send({ type: 'unsubscribed', room, ...(ref === undefined ? {} : { ref }) })
  }

  const leave = (connection: Connection, name: string): void => {
    const room = rooms.get(name)
    if (room) presence.leave(room.id, connection.session)
  }

  const typing = (connection: Connection, { room: name = GENERAL }: ChatFrame & { type: 'typing' }): void => {
    const { session } = connection
    const room = roomFor(session, name, 'post')
    if (connection.subscriptions.get(name)?.mayType(clock.now()) === false) return
    hint(room, typingNotice(room.name, session), session.userId)
    bus.publish({ kind: 'typing', room: room.id, user_id: session.userId, username: session.username })
  }

  const send = (connection: Connection, frame: SendFrame): void => {
    const { session } = connection
    const room = roomFor(session, frame.room ?? GENERAL, 'post')
    const marks = { ...pick('nonce', frame.nonce), ...pick('ref', frame.ref) }
    append(room, draftOf(session, room, frame, maxMessageLength), outcome => {
      if ('error' in outcome) return connection.refuse(outcome.error, { room: room.name, ...marks })
      if (frame.nonce === undefined && frame.ref === undefined) return
      const { id, seq, createdAt } = outcome.entry
      connection.send({ type: 'ack', ...marks, id, room: room.name, seq, timestamp: timestamp(createdAt) })
    })
  }

  /** What a frame does may have to wait; whatever comes of it, the client is told. */
  const later = (connection: Connection, marks: FrameMarks, work: Promise<void>): void => {
    work.catch(error => {
      if (!(error instanceof ChatError)) log.error({ err: error }, 'a frame could not be acted on')
      const shown =
        error instanceof ChatError ? error : new ChatError('unavailable', 'Send the frame again in a moment.')
      connection.refuse(shown, marks)
    })
  }

  const host: ConnectionHost = {
    clock,
    maxFrameBytes: frameBytes,
    authenticate: options.authenticate,
    act(connection, frame) {
      switch (frame.type) {
        case 'message': {
          // A room that this process doesn't know yet is loaded first.
          const name = frame.room ?? GENERAL
          if (rooms.get(name)) return send(connection, frame)
          const loaded = loadFor(connection.session, name, 'post').then(() => send(connection, frame))
          return later(connection, marksOf(frame), loaded)
        }
        case 'subscribe':
          return later(connection, marksOf(frame), subscribe(connection, frame))
        case 'unsubscribe':
          return unsubscribe(connection, frame)
        case 'typing':
          return typing(connection, frame)
      }
    },
    ended(connection) {
      if (!hub.remove(connection)) return
      for (const name of connection.subscriptions.keys()) leave(connection, name)
    },
    closed: connection => hub.forget(connection)
  }

  const look = (): void => {
    rooms.look().catch(err => log.warn({ err }, 'the database could not be asked how far the rooms reach'))
  }

  const stops = [
    clock.every(LOOK_MS, look),
    clock.every(12 * LOOK_MS, () => rooms.sweep()),
    clock.every(HEADS_MS, () => {
      for (const connection of hub.all()) {
        const heads = [...connection.subscriptions.keys()].map(name => [name, rooms.get(name)?.head ?? 0])
        if (heads.length > 0) {
          connection.hint(encode(JSON.stringify({ type: 'heads', rooms: Object.fromEntries(heads) })))
        }
      }
    })
  ]

  return {
    get connections() {
      return hub.size
    },
    get isDraining() {
      return isDraining
    },
    maxFrameBytes: frameBytes,
    start: () =>
      bus.listen({
        grown: (roomId, seq) => rooms.grown(roomId, seq),
        event(event, from) {
          if (presence.hear(event, from) || event.kind !== 'typing') return
          const {
            room: roomId,
            user_id,
            username
          } = event as unknown as { room: number; user_id: number; username: string }
          const room = rooms.byId(roomId)
          if (room) hint(room, typingNotice(room.name, { userId: user_id, username }), user_id)
        },
        reset() {
          look()
          presence.refresh()
        }
      }),
    async prepare(names) {
      await Promise.all(names.slice(0, MAX_FOLLOWED).map(name => rooms.load(name)))
    },
    connect(opened) {
      const connection = new Connection(opened, host)
      const { session } = opened
      try {
        if (isDraining) return connection.close(CLOSE.restart)
        hub.admit(session.userId, opened.address)
      } catch (error) {
        if (!(error instanceof ChatError)) throw error
        connection.refuse(error)
        return connection.close(CLOSE.tooManyConnections)
      }
      hub.add(connection)
      connection.send({
        ...systemFrame('connected', session, GENERAL),
        server_time: timestamp(clock.now()),
        expires_at: timestamp(session.expiresAt),
        ping_interval_ms: PING_INTERVAL_MS,
        limits
      })
      for (const name of new Set(opened.rooms)) {
        try {
          follow(connection, roomFor(session, name, 'read'), {})
        } catch (error) {
          if (!(error instanceof ChatError)) throw error
          connection.refuse(error, { room: name })
        }
      }
    },
    async listRooms(actor, after, limit) {
      const rows = await options.rooms.list(after, limit + 1)
      const mine = rows.slice(0, limit).filter(({ name }) => authorize(actor, name, 'read'))
      return { rooms: mine.map(shownRow), hasMore: rows.length > limit }
    },
    async createRoom(actor, { room: name, title = null }) {
      if (!authorize(actor, name, 'create')) throw new ChatError('not_allowed', 'You may not create this room.')
      const row = await options.rooms.create({ name, title })
      rooms.adopt(row)
      return shownRow(row)
    },
    showRoom: async (actor, name) => shownRoom(await loadFor(actor, name, 'read')),
    async read(actor, name, range) {
      const room = await loadFor(actor, name, 'read')
      const { from, to } = boundsOf(room, range)
      const kept = to < from ? [] : pages.peek(room.id, from, to)
      const entries = kept ?? (await readLog(room.id, from, to))
      const hasMore = range.after === undefined ? from > room.oldest : to < room.head
      return { room: shownRoom(room), entries, hasMore }
    },
    async post(actor, name, { content, meta, nonce }) {
      const room = await loadFor(actor, name, 'post')
      const frame = { type: 'message', content, ...(meta ? { meta } : {}), ...pick('nonce', nonce) } as const
      return new Promise((resolve, reject) => {
        append(room, draftOf(actor, room, frame, maxMessageLength), outcome =>
          'error' in outcome ? reject(outcome.error) : resolve(outcome)
        )
      })
    },
    async presence(actor, name) {
      const room = await loadFor(actor, name, 'read')
      return presence.of(room.id, room.name)
    },
    idle: () => writer.idle(),
    async drain() {
      isDraining = true
      // A database that is away must not keep the process: what it didn't acknowledge, its sender sends again.
      await Promise.race([writer.idle(), new Promise(resolve => setTimeout(resolve, FLUSH_MS).unref())])
      for (const stop of stops) stop()
      await hub.drain()
      presence.close()
      await bus.close()
    }
  }
}

type Settled = { readonly error: ChatError } | { readonly entry: Entry; readonly isReplay: boolean }

const noSuchRoom = (): ChatError =>
  new ChatError('room_not_found', 'There is no such room, or you may not read it. The room of everyone is "general".')

const pick = <Name extends string>(name: Name, value: string | undefined): { [key in Name]?: string } =>
  (value === undefined ? {} : { [name]: value }) as { [key in Name]?: string }

/** The places of a range; empty when `to` is below `from`. */
const boundsOf = ({ head, oldest }: Room, { before, after, limit }: Range): { from: number; to: number } => {
  if (after !== undefined) {
    const from = Math.max(after + 1, oldest)
    return { from, to: Math.min(from + limit - 1, head) }
  }
  const to = Math.min(before === undefined ? head : before - 1, head)
  return { from: Math.max(to - limit + 1, oldest), to }
}

const shownRoom = ({ name, title, epoch, oldest, head }: Room): RoomShown => ({
  room: name,
  title,
  epoch,
  oldest,
  seq: head
})

const shownRow = ({
  name,
  title,
  epoch,
  oldestSeq,
  lastSeq
}: {
  name: string
  title: string | null
  epoch: string
  oldestSeq: number
  lastSeq: number
}): RoomShown => ({ room: name, title, epoch, oldest: oldestSeq, seq: lastSeq })

const WORDS = {
  connected: (name: string) => `Connected as ${name}`,
  joined: (name: string) => `${name} joined the chat`,
  left: (name: string) => `${name} left the chat`
}

const systemFrame = (event: SystemFrame['event'], { userId, username }: Actor, room: string): SystemFrame => ({
  type: 'system',
  event,
  message: WORDS[event](username),
  room,
  user_id: userId,
  username
})

const typingNotice = (room: string, { userId, username }: Actor) => ({
  type: 'typing',
  room,
  user_id: userId,
  username,
  expires_in_ms: TYPING_SHOWN_MS
})

const draftOf = ({ userId, username }: Actor, room: Room, frame: SendFrame, maxLength: number): Draft => ({
  room,
  userId,
  username,
  content: messageText(frame.content, maxLength),
  meta: metaText(frame.meta),
  nonce: frame.nonce
})
