/**
 * The chat itself, composed: connections and their frames on one side, the log and the bus on the other. What each part
 * does stands in its own file: posting, following, reading, the hub. Sees no SQL and no HTTP.
 */
import type { Bus } from '../bus/bus.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type { ChangesRepository, MessagesRepository, RoomsRepository } from '../db/database.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/logging.ts'
import { ChatError } from '../protocol/errors.ts'
import type { Limits } from '../protocol/frames.ts'
import { GENERAL, isRoomName, MAX_META_BYTES } from '../protocol/http/messages.ts'
import type { NewRoom, Presence, RoomList, Room as RoomShown } from '../protocol/http/rooms.ts'
import {
  type Action,
  type Actor,
  type Authorize,
  type BeforeMessage,
  createAccess,
  personOf,
  whenKnown
} from './access/authorize.ts'
import { createCurrentUsers } from './access/current-users.ts'
import { createRevoking, type Revoking } from './access/revocation.ts'
import type { ConnectionOptions, Session } from './connections/connection.ts'
import { maxFrameBytes } from './connections/decode.ts'
import { createServing } from './connections/dispatch.ts'
import { BURST_SECONDS, createHub } from './connections/registry.ts'
import { createWriter, type WriterOptions } from './log/append-queue.ts'
import { createChangeFeed } from './log/change-feed.ts'
import type { Entry } from './log/codec.ts'
import { createOutsideChanges } from './log/outside-changes.ts'
import {
  type CommittedMessage,
  committedMessage,
  createPosting,
  type Post,
  type Posted,
  type PostedBy,
  type PostingOptions
} from './log/publish.ts'
import { createReadLimit, type ReadLimit } from './log/read-limit.ts'
import { createReading, type LogPart, type Range } from './log/reader.ts'
import { createRoomList } from './rooms/listing.ts'
import { shownRoom, shownRow } from './rooms/public-room.ts'
import { createRooms, type Rooms } from './rooms/registry.ts'
import type { Room } from './rooms/room.ts'
import { createFollowing, MAX_FOLLOWED } from './subscriptions/manager.ts'

/** How long a stop waits for the commits under way, in milliseconds. */
const FLUSH_MS = 2500
const DAY_MS = 24 * 60 * 60 * 1000
/** How often the database is asked how far rooms reach, in case a notification was lost. */
const LOOK_MS = 5000
/** How often rooms that nobody needs are let go. */
const SWEEP_MS = 60_000
/** The event by which the database wakes every process: see drizzle/0005_changes.sql. */
const CHANGED = 'changed'
/** How often clients are told how far their rooms reach. */
const HEADS_MS = 30_000

/** What the chat is made of. Limits are PROTOCOL's settings; 0 means none. */
export interface ChatOptions {
  readonly rooms: RoomsRepository
  readonly messages: MessagesRepository
  /** What is changed from outside; without it, nothing is taken to be. */
  readonly changes?: ChangesRepository | undefined
  /** How often changes are polled, in milliseconds; see ChangeFeedOptions. */
  readonly changesPollMs?: number | undefined
  readonly keyring: Keyring
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  readonly authenticate: (token: string) => Promise<Session>
  /** Which of these users there still are; who is gone is disconnected before long. */
  readonly existing: (userIds: readonly number[]) => Promise<ReadonlySet<number>>
  /** Classifies a failure of the database; see src/db/client/errors.ts. */
  readonly faultOf: WriterOptions['faultOf']
  readonly messageRate: number
  /** By default none. */
  readonly readRate?: number | undefined
  /** How many queries may read the log at a time; see ReadingOptions. */
  readonly concurrentReads?: number | undefined
  readonly connectionsPerUser: number
  readonly connectionsPerIp: number
  readonly maxMessageLength: number
  /** How long a client may live on that doesn't speak `chat.v1`, in milliseconds; 0 until its token expires. By default a day. */
  readonly legacyLifetimeMs?: number | undefined
  /** Without these, everyone who is logged in may do everything, and messages are stored as they come. */
  readonly authorize?: Authorize | undefined
  readonly beforeMessage?: BeforeMessage | undefined
  readonly onMessage?: PostingOptions['onMessage']
  /** For tests: other bounds for the writer. */
  readonly writer?: Partial<WriterOptions> | undefined
}

/** The chat of one process. */
export interface ChatCore extends Pick<Revoking, 'recheck' | 'disconnect'> {
  /** Asked before each read over HTTP. */
  readonly readLimit: Pick<ReadLimit, 'enter'>
  /** How many sockets are open here. */
  readonly connections: number
  /** Whether the service is on its way down and takes no more work. */
  readonly isDraining: boolean
  readonly maxFrameBytes: number
  /** Returns for how many milliseconds this process has not received its own heartbeat. */
  deafForMs(): number
  /** Begins to listen to other processes. */
  start(): Promise<void>
  /**
   * Loads the rooms that a connection follows from the start, and returns the names of those that don't exist; awaited before
   * the upgrade, so that `connect` needn't wait. Loads none for a connection that a limit refuses.
   */
  prepare(
    rooms: readonly string[],
    caller?: Pick<ConnectionOptions, 'session' | 'address'>
  ): Promise<ReadonlySet<string>>
  /** Takes over an open socket, synchronously, so that no early frame is lost. */
  connect(options: ConnectionOptions): void
  /** Rooms that the actor may read, by name. */
  listRooms(actor: Actor, after: string, limit: number): Promise<RoomList>
  /** Throws `room_taken`, or `not_allowed`. */
  createRoom(actor: Actor, room: NewRoom): Promise<RoomShown>
  /** The room, made now unless it is there; for the host itself, so nobody is asked. */
  ensureRoom(room: NewRoom): Promise<RoomShown>
  /** Throws `room_not_found`, like all that follow. */
  showRoom(actor: Actor, room: string): Promise<RoomShown>
  read(actor: Actor, room: string, range: Range): Promise<LogPart>
  /** Resolves after the commit. Throws what a frame would be refused with: `nonce_reused`, `rate_limited`, `busy`, … */
  post(actor: Actor, room: string, post: Post): Promise<{ entry: Entry; isReplay: boolean }>
  /** Posts for the host itself, so that nobody is asked and no rate counts. Resolves and throws like `post`. */
  postAsHost(actor: Actor, post: Post & { readonly room?: string | undefined }): Promise<CommittedMessage>
  presence(actor: Actor, room: string): Promise<Presence>
  /** Resolves when every message that was taken is committed or refused. */
  idle(): Promise<void>
  /** Commits what was taken, then closes every socket with 1012 and leaves the bus. */
  drain(): Promise<void>
}

/** Makes the chat of one process. */
export const createChatCore = (options: ChatOptions): ChatCore => {
  const { keyring, bus, clock, log, messages, maxMessageLength, messageRate, onMessage } = options
  let draining = false
  const isDraining = () => draining

  const reading = createReading({
    messages,
    keyring,
    clock,
    log,
    concurrentReads: options.concurrentReads ?? 1,
    isCurrent: () => feed?.isCurrent() ?? true,
    nameOf: roomId => rooms.byId(roomId)?.name
  })
  const rooms: Rooms = createRooms({ repository: options.rooms, pages: reading.pages, log })
  const access = createAccess(options)
  const hub = createHub(options)
  const readLimit = createReadLimit({ clock, readRate: options.readRate ?? 0 })
  const following = createFollowing({ rooms, bus, clock, reach: roomId => options.rooms.reach(roomId), isDraining })
  const writer = createWriter({
    append: batch => messages.append(batch),
    faultOf: options.faultOf,
    lockedRooms: roomIds => options.rooms.locked(roomIds),
    onFailure: (err, entries) => log.error({ err, entries }, 'an append failed'),
    ...options.writer
  })
  const revoking = createRevoking({ hub, bus, clock, log, access, following, existing: options.existing })
  const users = createCurrentUsers({
    hub,
    following,
    clock,
    usernames: async ids => (await options.changes?.usernames(ids)) ?? new Map()
  })

  const posting = createPosting({
    writer,
    keyring,
    hub,
    bus,
    access,
    log,
    messageRate,
    maxMessageLength,
    isDraining,
    author: users.author,
    named: users.named,
    onMessage
  })
  const list: RoomsRepository['list'] = (...page) => reading.limited(() => options.rooms.list(...page))
  const listRooms = createRoomList({ rooms: { list }, access, keyring })
  const frameBytes = maxFrameBytes(maxMessageLength)

  /**
   * Returns the room, if the actor may do that there; at once where nothing has to be asked. Denied looks like absent, in time
   * too: the host application is asked about both, and both are looked for in the database, here or (`isAbsent`) before.
   */
  const roomFor = (actor: Actor, name: string, action: Action, isAbsent?: boolean): Room | Promise<Room> => {
    const loaded = rooms.get(name)
    return whenKnown(loaded ?? (isAbsent ? undefined : rooms.load(name)), room => {
      if (!room && !(access.asksSomebody && isRoomName(name))) throw noSuchRoom()
      return whenKnown(access.may(actor, name, action), may => {
        if (room && may) return room
        if (!loaded || isAbsent !== undefined) throw noSuchRoom()
        return rooms.probe([name]).then(() => {
          throw noSuchRoom()
        })
      })
    })
  }

  /** A room that is there but may not be read is one that may not be created, in time too. */
  const createRoom = async (actor: Actor, { room: name, title }: NewRoom): Promise<RoomShown> => {
    const [mayCreate, mayRead] = await Promise.all([access.may(actor, name, 'create'), access.may(actor, name, 'read')])
    if (!mayCreate) {
      await rooms.probe([name])
      throw notCreated()
    }
    try {
      return shownRoom(rooms.adopt(await options.rooms.create({ name, title: title ?? null })))
    } catch (error) {
      if (!mayRead && error instanceof ChatError && error.code === 'room_taken') throw notCreated()
      throw error
    }
  }

  const postAndWait = (actor: Actor, room: Room, message: Post, by: PostedBy) =>
    new Promise<{ entry: Entry; isReplay: boolean }>((resolve, reject) => {
      const posted = (outcome: Posted) => ('error' in outcome ? reject(outcome.error) : resolve(outcome))
      // Refused at once or later, it is a rejection.
      Promise.resolve()
        .then(() => posting.post(actor, room, message, posted, by))
        .catch(reject)
    })

  const serve = createServing({
    hub,
    following,
    posting,
    clock,
    roomFor,
    isDraining,
    isRevoked: session => revoking.isRevoked(session) || users.isDeleted(session.userId),
    limits: limitsOf(options, frameBytes),
    legacyLifetimeMs: options.legacyLifetimeMs ?? DAY_MS,
    authenticate: async token => users.named(await options.authenticate(token))
  })

  const look = (): void => {
    rooms.look().catch(err => log.warn({ err }, 'the database could not be asked how far the rooms reach'))
  }

  const feed =
    options.changes &&
    createChangeFeed({
      repository: options.changes,
      clock,
      log,
      pollMs: options.changesPollMs,
      ...createOutsideChanges({
        users,
        rooms,
        pages: reading.pages,
        following,
        hub,
        log,
        repository: options.changes
      })
    })

  const stops = [
    clock.every(LOOK_MS, look),
    clock.every(SWEEP_MS, () => rooms.sweep()),
    clock.every(HEADS_MS, () => void following.tellHeads(hub.all()))
  ]

  return {
    get connections() {
      return hub.size
    },
    get isDraining() {
      return draining
    },
    maxFrameBytes: frameBytes,
    readLimit,
    deafForMs: () => bus.deafForMs?.() ?? 0,
    start: () =>
      bus.listen({
        grown: (roomId, seq) => rooms.grown(roomId, seq),
        event(event, from) {
          if (event.kind === CHANGED) return feed?.wake()
          if (!revoking.hear(event)) following.hear(event, from)
        },
        reset() {
          look()
          feed?.reset()
          following.refresh()
          revoking.recheckAll()
        }
      }),
    async prepare(names, caller) {
      if (caller && hub.refusal(caller.session.userId, caller.address)) return new Set()
      const wanted = names.slice(0, MAX_FOLLOWED)
      const load = async (name: string) => ((await rooms.load(name)) ? [] : [name])
      // With a host to ask, one query whether or not some are loaded: the time must not say that a room exists.
      const probed = access.asksSomebody ? wanted.filter(name => name !== GENERAL) : []
      const [absent] = await Promise.all([Promise.all(wanted.map(load)), rooms.probe(probed)])
      return new Set(absent.flat())
    },
    connect: opened => serve({ ...opened, session: users.named(opened.session) }),
    async listRooms(actor, after, limit) {
      const { rooms: rows, next } = await listRooms(actor, after, limit)
      return { rooms: rows.map(shownRow), has_more: next !== undefined, ...(next === undefined ? {} : { next }) }
    },
    createRoom,
    async ensureRoom({ room: name, title = null }) {
      const known = await rooms.load(name)
      if (known) return shownRoom(known)
      try {
        return shownRoom(rooms.adopt(await options.rooms.create({ name, title })))
      } catch (error) {
        // Somebody else made it meanwhile.
        const made = error instanceof ChatError && error.code === 'room_taken' ? await rooms.load(name) : undefined
        if (made) return shownRoom(made)
        throw error
      }
    },
    showRoom: async (actor, name) => shownRoom(await roomFor(actor, name, 'read')),
    read: async (actor, name, range) => reading.part(await roomFor(actor, name, 'read'), range),
    async post(actor, name, message) {
      posting.admit(actor.userId)
      return postAndWait(actor, await roomFor(actor, name, 'post'), message, 'person')
    },
    async postAsHost(actor, { room: name = GENERAL, ...message }) {
      const room = await rooms.load(name)
      if (!room) throw noSuchRoom()
      const { entry } = await postAndWait(actor, room, message, 'host')
      return committedMessage({ ...message, room }, personOf(users.named(actor)), entry)
    },
    recheck: revoking.recheck,
    disconnect: revoking.disconnect,
    presence: async (actor, name) => following.presence(await roomFor(actor, name, 'read')),
    idle: () => writer.idle(),
    async drain() {
      draining = true
      // A database that is away must not keep the process: what it didn't acknowledge, its sender sends again.
      await Promise.race([writer.idle(), new Promise(resolve => setTimeout(resolve, FLUSH_MS).unref())])
      for (const stop of stops) stop()
      feed?.close()
      users.close()
      await hub.drain()
      following.close()
      readLimit.close()
      revoking.close()
      await bus.close()
    }
  }
}

const limitsOf = ({ maxMessageLength, messageRate }: ChatOptions, max_frame_bytes: number): Limits => ({
  max_message_length: maxMessageLength,
  max_meta_bytes: MAX_META_BYTES,
  max_frame_bytes,
  messages_per_second: messageRate,
  message_burst: messageRate * BURST_SECONDS
})

const notCreated = (): ChatError => new ChatError('not_allowed', 'You may not create this room.')

const noSuchRoom = (): ChatError =>
  new ChatError('room_not_found', 'There is no such room, or you may not read it. The room of everyone is "general".')
