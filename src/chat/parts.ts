/**
 * Creates the parts of the chat in the order of their dependencies. Only files of this folder use the parts. Other folders use
 * `ChatCore`.
 */
import { type Access, createAccess } from './access/authorize.ts'
import { type CurrentUsers, createCurrentUsers } from './access/current-users.ts'
import { createRevocation, type Revocation } from './access/revocation.ts'
import { createStandingIn, type StandingIn } from './access/standing.ts'
import { type ConnectionRegistry, createConnectionRegistry } from './connections/registry.ts'
import { createInbox, type Inbox } from './inbox/inbox.ts'
import { createLiveInbox, type LiveInbox } from './inbox/live.ts'
import { createKinds, type Kinds } from './kinds/index.ts'
import { type AppendQueue, createAppendQueue } from './log/append-queue.ts'
import { type ChangeFeed, createChangeFeed } from './log/change-feed.ts'
import { type CommittedEntries, createCommittedEntries } from './log/committed-entries.ts'
import { createOutsideChanges } from './log/outside-changes.ts'
import { createPublisher, type Publisher } from './log/publish.ts'
import { createReadLimit, type ReadLimit } from './log/read-limit.ts'
import { createLogReader, type LogReader } from './log/reader.ts'
import { createTracing, type Tracing } from './log/tracing.ts'
import { createReadMarks, type ReadMarks } from './marks/read-marks.ts'
import { measuredAppend, measuredDelivery } from './measure.ts'
import type { ChatOptions } from './options.ts'
import type { LoadedRoomsOptions } from './rooms/loaded-rooms.ts'
import { createPostJoins, type PostJoins } from './rooms/post-joins.ts'
import { createRoomRegistry, type RoomRegistry } from './rooms/registry.ts'
import { createSubscriptionManager, type SubscriptionManager } from './subscriptions/manager.ts'

export interface Parts {
  readonly kinds: Kinds
  readonly reader: LogReader
  readonly rooms: RoomRegistry
  readonly access: Access
  readonly registry: ConnectionRegistry
  readonly standingIn: StandingIn
  readonly subscriptionManager: SubscriptionManager
  readonly users: CurrentUsers
  readonly revocation: Revocation
  readonly appendQueue: AppendQueue
  readonly readMarks: ReadMarks
  readonly postJoins: PostJoins | undefined
  readonly inbox: Inbox
  readonly liveInbox: LiveInbox
  readonly readLimit: ReadLimit
  readonly publisher: Publisher
  readonly committedEntries: CommittedEntries
  readonly tracing: Tracing | undefined
  readonly feed: ChangeFeed | undefined
}

export const createParts = (options: ChatOptions, isDraining: () => boolean): Parts => {
  const { storage, bus, clock, log } = options
  // The feed is created last, because it applies changes to most other parts.
  let feed: ChangeFeed | undefined
  const { kinds = createKinds() } = options
  const standingIn = createStandingIn(storage.standings)
  const { reader, rooms } = createReaderAndRooms(options, kinds, {
    isCurrent: () => feed?.isCurrent() ?? true,
    onMissed: room => rooms.remove(room.id),
    onGap: room => {
      const failed = (err: unknown): void => {
        log.warn(
          { err, room_id: room.id },
          'failed to look up who is banned from a room; its subscribers are disconnected'
        )
        for (const subscriber of [...room.subscribers]) subscriber.interrupt()
      }
      subscriptionManager.recheckBans(registry.all(), room).catch(failed)
    }
  })
  const access = createAccess({ ...options.host, log })
  const registry = createConnectionRegistry({ clock, ...options.limits })
  const subscriptionManager: SubscriptionManager = createSubscriptionManager({
    onResumed: outcome => options.instruments?.count('resumes_total', 1, { outcome }),
    rooms,
    bus,
    clock,
    reach: roomId => storage.rooms.reach(roomId),
    standingIn,
    isDraining
  })
  const people = { registry, subscriptionManager, clock }
  const users = createCurrentUsers({
    ...people,
    sessionUsers: storage.sessionUsers,
    onRenamed: userIds => liveInbox.renamed(userIds)
  })
  const inbox = createInbox({
    repository: storage.inbox,
    reader,
    access,
    settleMarks: userId => readMarks.settle(userId),
    keyring: options.keyring
  })
  const liveInbox = createLiveInbox({ repository: storage.inbox, inbox, reader, bus, clock, log })
  const revocation = createRevocation({ ...people, bus, access, liveInbox })
  const readMarks = createReadMarks({
    repository: storage.readMarks,
    rooms,
    bus,
    clock,
    log,
    hasReadReceipts: options.hasReadReceipts ?? true,
    onChanged: (roomId, userIds) => liveInbox.marked(roomId, userIds)
  })
  const publishing = createPublishing(
    options,
    { access, registry, users, readMarks, reader, rooms, liveInbox },
    isDraining
  )
  const readLimit = createReadLimit({ clock, readRate: options.limits.readRate ?? 0 })
  const parts = {
    kinds,
    reader,
    rooms,
    access,
    registry,
    standingIn,
    subscriptionManager,
    users,
    revocation,
    readMarks,
    inbox,
    liveInbox,
    readLimit,
    ...publishing
  }
  feed = createFeed(options, parts)
  return { ...parts, feed }
}

/**
 * Creates the log reader and the room registry together, because rooms read the log and the log reader needs the names of
 * rooms.
 */
const createReaderAndRooms = (
  options: ChatOptions,
  kinds: Kinds,
  {
    isCurrent,
    ...missed
  }: { readonly isCurrent: () => boolean } & Required<Pick<LoadedRoomsOptions, 'onMissed' | 'onGap'>>
): Pick<Parts, 'reader' | 'rooms'> => {
  const { storage, keyring, clock, log } = options
  const reader: LogReader = createLogReader({
    messages: storage.messages,
    reactions: storage.reactions,
    kinds,
    keyring,
    clock,
    log,
    concurrentReads: storage.concurrentReads ?? 1,
    isCurrent,
    nameOf: roomId => rooms.byId(roomId)?.name
  })
  const rooms: RoomRegistry = createRoomRegistry({
    repository: storage.rooms,
    pages: reader.pages,
    log,
    clock,
    onDelivered: measuredDelivery(options),
    ...missed
  })
  return { reader, rooms }
}

const createPublishing = (
  options: ChatOptions,
  {
    access,
    registry,
    users,
    readMarks,
    reader,
    rooms,
    liveInbox
  }: Pick<Parts, 'access' | 'registry' | 'users' | 'readMarks' | 'reader' | 'rooms' | 'liveInbox'>,
  isDraining: () => boolean
): Pick<Parts, 'appendQueue' | 'publisher' | 'committedEntries' | 'postJoins' | 'tracing'> => {
  const { storage, keyring, bus, log, limits, host, clock, trace } = options
  const tracing = trace && createTracing({ ...trace, bus })
  const committedEntries = createCommittedEntries(clock)
  const appendQueue = createAppendQueue({
    lockedRooms: roomIds => storage.rooms.locked(roomIds),
    ...measuredAppend(options),
    ...options.appendQueue
  })
  const postJoins =
    options.joinsPosters === false
      ? undefined
      : createPostJoins({
          repository: { strangers: users => storage.members.strangers(users) },
          appendQueue,
          rooms,
          liveInbox,
          bus,
          keyring,
          clock,
          log,
          isUpgradeFinished: options.isUpgradeFinished ?? (() => true)
        })
  const publisher = createPublisher({
    appendQueue,
    appendInTransaction: (...given) => storage.messages.appendInTransaction(...given),
    committedEntries,
    keyring,
    registry,
    bus,
    access,
    log,
    messageRate: limits.messageRate,
    maxMessageLength: limits.maxMessageLength,
    editWindowMs: limits.editWindowMs,
    authorOf: async (room, seq) => (await reader.entry(room, seq))?.userId,
    isDraining,
    isUpgradeFinished: options.isUpgradeFinished,
    author: users.author,
    named: users.named,
    readMarks,
    liveInbox,
    postJoins,
    tracing,
    onMessage: host?.onMessage,
    onEntry: host?.onEntry
  })
  return { appendQueue, publisher, committedEntries, postJoins, tracing }
}

const createFeed = (
  { storage: { changes, changesPollMs }, clock, log }: ChatOptions,
  { users, rooms, reader, subscriptionManager, registry }: Omit<Parts, 'feed'>
): ChangeFeed | undefined => {
  if (!changes) return undefined
  const outside = createOutsideChanges({
    users,
    rooms,
    pages: reader.pages,
    subscriptionManager,
    registry,
    log,
    repository: changes
  })
  return createChangeFeed({ repository: changes, clock, log, pollMs: changesPollMs, ...outside })
}
