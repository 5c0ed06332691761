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
  type Authorize,
  type BeforeMessage,
  createAccess,
  type Principal,
  publicUserOf,
  whenKnown
} from './access/authorize.ts'
import { createCurrentUsers } from './access/current-users.ts'
import { createRevocation, type Revocation } from './access/revocation.ts'
import type { AuthenticatedPrincipal, ConnectionOptions } from './connections/context.ts'
import { maxFrameBytes } from './connections/decode.ts'
import { createFrameDispatch } from './connections/dispatch.ts'
import { BURST_SECONDS, createConnectionRegistry } from './connections/registry.ts'
import { type AppendQueueOptions, createAppendQueue } from './log/append-queue.ts'
import { createChangeFeed } from './log/change-feed.ts'
import type { Entry } from './log/codec.ts'
import { createOutsideChanges } from './log/outside-changes.ts'
import {
  type CommittedMessage,
  committedMessage,
  createPublisher,
  type Post,
  type PublishedBy,
  type PublisherOptions,
  type PublishResult
} from './log/publish.ts'
import { createReadLimit, type ReadLimit } from './log/read-limit.ts'
import { createLogReader, type LogPart, type Range } from './log/reader.ts'
import { createRoomListing } from './rooms/listing.ts'
import { publicRoom, publicRoomOfRow } from './rooms/public-room.ts'
import { createRoomRegistry, type RoomRegistry } from './rooms/registry.ts'
import type { Room } from './rooms/room.ts'
import { createSubscriptionManager, MAX_SUBSCRIPTIONS } from './subscriptions/manager.ts'

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
  readonly authenticate: (token: string) => Promise<AuthenticatedPrincipal>
  /** Which of these users there still are; who is gone is disconnected before long. */
  readonly existing: (userIds: readonly number[]) => Promise<ReadonlySet<number>>
  /** Classifies a failure of the database; see src/db/client/errors.ts. */
  readonly faultOf: AppendQueueOptions['faultOf']
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
  readonly onMessage?: PublisherOptions['onMessage']
  /** For tests: other bounds for the writer. */
  readonly appendQueue?: Partial<AppendQueueOptions> | undefined
}

/** The chat of one process. */
export interface ChatCore extends Pick<Revocation, 'recheck' | 'disconnect'> {
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
  listRooms(actor: Principal, after: string, limit: number): Promise<RoomList>
  /** Throws `room_taken`, or `not_allowed`. */
  createRoom(actor: Principal, room: NewRoom): Promise<RoomShown>
  /** The room, made now unless it is there; for the host itself, so nobody is asked. */
  ensureRoom(room: NewRoom): Promise<RoomShown>
  /** Throws `room_not_found`, like all that follow. */
  showRoom(actor: Principal, room: string): Promise<RoomShown>
  read(actor: Principal, room: string, range: Range): Promise<LogPart>
  /** Resolves after the commit. Throws what a frame would be refused with: `nonce_reused`, `rate_limited`, `busy`, … */
  post(actor: Principal, room: string, post: Post): Promise<{ entry: Entry; isReplay: boolean }>
  /** Posts for the host itself, so that nobody is asked and no rate counts. Resolves and throws like `post`. */
  postAsHost(actor: Principal, post: Post & { readonly room?: string | undefined }): Promise<CommittedMessage>
  presence(actor: Principal, room: string): Promise<Presence>
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

  const reader = createLogReader({
    messages,
    keyring,
    clock,
    log,
    concurrentReads: options.concurrentReads ?? 1,
    isCurrent: () => feed?.isCurrent() ?? true,
    nameOf: roomId => rooms.byId(roomId)?.name
  })
  const rooms: RoomRegistry = createRoomRegistry({ repository: options.rooms, pages: reader.pages, log })
  const access = createAccess(options)
  const registry = createConnectionRegistry(options)
  const readLimit = createReadLimit({ clock, readRate: options.readRate ?? 0 })
  const subscriptionManager = createSubscriptionManager({
    rooms,
    bus,
    clock,
    reach: roomId => options.rooms.reach(roomId),
    isDraining
  })
  const appendQueue = createAppendQueue({
    append: batch => messages.append(batch),
    faultOf: options.faultOf,
    lockedRooms: roomIds => options.rooms.locked(roomIds),
    onFailure: (err, entries) => log.error({ err, entries }, 'an append failed'),
    ...options.appendQueue
  })
  const revocation = createRevocation({
    registry,
    bus,
    clock,
    log,
    access,
    subscriptionManager,
    existing: options.existing
  })
  const users = createCurrentUsers({
    registry,
    subscriptionManager,
    clock,
    usernames: async ids => (await options.changes?.usernames(ids)) ?? new Map()
  })

  const publisher = createPublisher({
    appendQueue,
    keyring,
    registry,
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
  const list: RoomsRepository['list'] = (...page) => reader.limited(() => options.rooms.list(...page))
  const listRooms = createRoomListing({ rooms: { list }, access, keyring })
  const frameBytes = maxFrameBytes(maxMessageLength)

  /**
   * Returns the room, if the actor may do that there; at once where nothing has to be asked. Denied looks like absent, in time
   * too: the host application is asked about both, and both are looked for in the database, here or (`isAbsent`) before.
   */
  const roomFor = (actor: Principal, name: string, action: Action, isAbsent?: boolean): Room | Promise<Room> => {
    const loaded = rooms.get(name)
    return whenKnown(loaded ?? (isAbsent ? undefined : rooms.load(name)), room => {
      if (!room && !(access.isDelegated && isRoomName(name))) throw noSuchRoom()
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
  const createRoom = async (actor: Principal, { room: name, title }: NewRoom): Promise<RoomShown> => {
    const [mayCreate, mayRead] = await Promise.all([access.may(actor, name, 'create'), access.may(actor, name, 'read')])
    if (!mayCreate) {
      await rooms.probe([name])
      throw notCreated()
    }
    try {
      return publicRoom(rooms.adopt(await options.rooms.create({ name, title: title ?? null })))
    } catch (error) {
      if (!mayRead && error instanceof ChatError && error.code === 'room_taken') throw notCreated()
      throw error
    }
  }

  const postAndWait = (actor: Principal, room: Room, message: Post, by: PublishedBy) =>
    new Promise<{ entry: Entry; isReplay: boolean }>((resolve, reject) => {
      const posted = (outcome: PublishResult) => ('error' in outcome ? reject(outcome.error) : resolve(outcome))
      // Refused at once or later, it is a rejection.
      Promise.resolve()
        .then(() => publisher.post(actor, room, message, posted, by))
        .catch(reject)
    })

  const serve = createFrameDispatch({
    registry,
    subscriptionManager,
    publisher,
    clock,
    roomFor,
    isDraining,
    isRevoked: session => revocation.isRevoked(session) || users.isDeleted(session.userId),
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
        pages: reader.pages,
        subscriptionManager,
        registry,
        log,
        repository: options.changes
      })
    })

  const stops = [
    clock.every(LOOK_MS, look),
    clock.every(SWEEP_MS, () => rooms.sweep()),
    clock.every(HEADS_MS, () => void subscriptionManager.tellHeads(registry.all()))
  ]

  return {
    get connections() {
      return registry.size
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
          if (!revocation.hear(event)) subscriptionManager.hear(event, from)
        },
        reset() {
          look()
          feed?.reset()
          subscriptionManager.refresh()
          revocation.recheckAll()
        }
      }),
    async prepare(names, caller) {
      if (caller && registry.refusal(caller.session.userId, caller.address)) return new Set()
      const wanted = names.slice(0, MAX_SUBSCRIPTIONS)
      const load = async (name: string) => ((await rooms.load(name)) ? [] : [name])
      // With a host to ask, one query whether or not some are loaded: the time must not say that a room exists.
      const probed = access.isDelegated ? wanted.filter(name => name !== GENERAL) : []
      const [absent] = await Promise.all([Promise.all(wanted.map(load)), rooms.probe(probed)])
      return new Set(absent.flat())
    },
    connect: opened => serve({ ...opened, session: users.named(opened.session) }),
    async listRooms(actor, after, limit) {
      const { rooms: rows, next } = await listRooms(actor, after, limit)
      return { rooms: rows.map(publicRoomOfRow), has_more: next !== undefined, ...(next === undefined ? {} : { next }) }
    },
    createRoom,
    async ensureRoom({ room: name, title = null }) {
      const known = await rooms.load(name)
      if (known) return publicRoom(known)
      try {
        return publicRoom(rooms.adopt(await options.rooms.create({ name, title })))
      } catch (error) {
        // Somebody else made it meanwhile.
        const made = error instanceof ChatError && error.code === 'room_taken' ? await rooms.load(name) : undefined
        if (made) return publicRoom(made)
        throw error
      }
    },
    showRoom: async (actor, name) => publicRoom(await roomFor(actor, name, 'read')),
    read: async (actor, name, range) => reader.part(await roomFor(actor, name, 'read'), range),
    async post(actor, name, message) {
      publisher.admit(actor.userId)
      return postAndWait(actor, await roomFor(actor, name, 'post'), message, 'person')
    },
    async postAsHost(actor, { room: name = GENERAL, ...message }) {
      const room = await rooms.load(name)
      if (!room) throw noSuchRoom()
      const { entry } = await postAndWait(actor, room, message, 'host')
      return committedMessage({ ...message, room }, publicUserOf(users.named(actor)), entry)
    },
    recheck: revocation.recheck,
    disconnect: revocation.disconnect,
    presence: async (actor, name) => subscriptionManager.presence(await roomFor(actor, name, 'read')),
    idle: () => appendQueue.idle(),
    async drain() {
      draining = true
      // A database that is away must not keep the process: what it didn't acknowledge, its sender sends again.
      await Promise.race([appendQueue.idle(), new Promise(resolve => setTimeout(resolve, FLUSH_MS).unref())])
      for (const stop of stops) stop()
      feed?.close()
      users.close()
      await registry.drain()
      subscriptionManager.close()
      readLimit.close()
      revocation.close()
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
