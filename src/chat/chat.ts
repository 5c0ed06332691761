/**
 * The chat of one process, composed of its parts: the log, the rooms, presence, access and connections, each in the folder of its
 * name. Contains no SQL and no HTTP.
 */
import type { Limits } from '../protocol/frames.ts'
import { MAX_META_BYTES } from '../protocol/http/messages.ts'
import type { Presence } from '../protocol/http/rooms.ts'
import type { Principal } from './access/authorize.ts'
import type { Revocation } from './access/revocation.ts'
import { createRoomAccess, type FindRoom } from './access/room-access.ts'
import { createEventHandler } from './bus-events.ts'
import { type ChatConnections, createChatConnections } from './connections/chat-connections.ts'
import { maxFrameBytes } from './connections/decode.ts'
import { createFrameDispatch } from './connections/dispatch.ts'
import { BURST_SECONDS } from './connections/registry.ts'
import { type ChatLog, createChatLog } from './log/chat-log.ts'
import { createReadLimit, type ReadLimit } from './log/read-limit.ts'
import type { ChatLimits, ChatOptions } from './options.ts'
import { createParts, type Parts } from './parts.ts'
import { type ChatRooms, createChatRooms } from './rooms/chat-rooms.ts'
import { createRoomListing } from './rooms/listing.ts'

/** Sets how often the heads of rooms are read from the database, in case a notification was lost, in milliseconds. */
const POLL_MS = 5000
/** Sets how often unused rooms are removed from memory, in milliseconds. */
const SWEEP_MS = 60_000
/** Sets how often clients are notified of the heads of their rooms, in milliseconds. */
const HEADS_MS = 30_000

/** Lists the steps of a shutdown, in order; see src/shutdown.ts. */
export interface ChatStop {
  refuseWork(): void
  /** Resolves when every accepted message is committed or rejected. */
  commitAccepted(): Promise<void>
  endBackgroundWork(): void
  /** Sends `reconnect`, and closes every socket with 1012; destroys sockets that are open when `signal` is aborted. */
  closeConnections(signal: AbortSignal): Promise<void>
  /** Notifies other processes that no user is present here, sends what is queued, and stops listening. */
  leaveBus(): Promise<void>
}

/** Controls the chat of one process. */
export interface ChatCore {
  readonly log: ChatLog
  readonly rooms: ChatRooms
  readonly presence: {
    /** Returns who is in a room. Throws `room_not_found`. */
    of(principal: Principal, room: string): Promise<Presence>
  }
  readonly access: Pick<Revocation, 'recheck' | 'disconnect'>
  readonly connections: ChatConnections
  /** Is true while the process stops and accepts no more work. */
  readonly isDraining: boolean
  /** Returns the milliseconds since this process last received its own heartbeat. */
  msSinceHeartbeat(): number
  /** Starts to listen to other processes. */
  start(): Promise<void>
  readonly stop: ChatStop
}

/** Creates the chat of one process. */
export const createChatCore = (options: ChatOptions): ChatCore => {
  const { bus, clock, storage } = options
  let isDraining = false
  const parts = createParts(options, () => isDraining)
  const findRoom = createRoomAccess(parts)
  const readLimit = createReadLimit({ clock, readRate: options.limits.readRate ?? 0 })
  const endBackgroundWork = startBackgroundWork(options, parts)

  return {
    log: createChatLog({ ...parts, readLimit, findRoom }),
    rooms: createChatRooms({
      ...parts,
      repository: storage.rooms,
      bus,
      findRoom,
      listRooms: createRoomListing({
        ...options,
        access: parts.access,
        rooms: { list: (...page) => parts.reader.limited(() => storage.rooms.list(...page)) }
      })
    }),
    presence: {
      of: async (principal, name) => parts.subscriptionManager.presence(await findRoom(principal, name, 'read'))
    },
    access: { recheck: parts.revocation.recheck, disconnect: parts.revocation.disconnect },
    connections: openConnections(options, parts, findRoom, () => isDraining),
    get isDraining() {
      return isDraining
    },
    msSinceHeartbeat: () => bus.msSinceHeartbeat?.() ?? 0,
    start: () => listen(options, parts),
    stop: {
      refuseWork() {
        isDraining = true
      },
      commitAccepted: () => parts.appendQueue.idle(),
      endBackgroundWork,
      closeConnections: signal => parts.registry.closeAll(signal),
      async leaveBus() {
        close(parts, readLimit)
        await bus.close()
      }
    }
  }
}

const openConnections = (
  options: ChatOptions,
  parts: Parts,
  findRoom: FindRoom,
  isDraining: () => boolean
): ChatConnections => {
  const { users, revocation } = parts
  const frameBytes = maxFrameBytes(options.limits.maxMessageLength)
  const open = createFrameDispatch({
    ...parts,
    clock: options.clock,
    limits: limitsOf(options.limits, frameBytes),
    legacyLifetimeMs: options.limits.legacyLifetimeMs,
    findRoom,
    isUpgradeFinished: options.isUpgradeFinished,
    isDraining,
    isRevoked: principal => revocation.isRevoked(principal) || users.isDeleted(principal.userId),
    authenticate: async token => users.named(await options.authenticate(token))
  })
  return createChatConnections({
    ...parts,
    maxFrameBytes: frameBytes,
    open: opened => open({ ...opened, principal: users.named(opened.principal) })
  })
}

/** Reads the heads of the rooms, and then what other processes have appended. */
const look = ({ log }: ChatOptions, { rooms }: Parts): void => {
  rooms.look().catch(err => log.warn({ err }, 'can not read the heads of the rooms; retrying'))
}

const listen = (options: ChatOptions, parts: Parts): Promise<void> => {
  const { rooms, feed, revocation, subscriptionManager } = parts
  return options.bus.listen({
    grown: (roomId, seq) => rooms.grown(roomId, seq),
    event: createEventHandler({
      changed: () => feed?.wake(),
      room_changed: ({ room }) => void rooms.refresh(room),
      ...revocation.events,
      ...subscriptionManager.events
    }),
    reset() {
      look(options, parts)
      feed?.reset()
      subscriptionManager.refresh()
      revocation.recheckAll()
    }
  })
}

/** Starts the timers; returns a function that stops them. */
const startBackgroundWork = (options: ChatOptions, parts: Parts): (() => void) => {
  const { rooms, feed, users, registry, subscriptionManager } = parts
  const stops = [
    options.clock.every(POLL_MS, () => look(options, parts)),
    options.clock.every(SWEEP_MS, () => rooms.sweep()),
    options.clock.every(HEADS_MS, () => void subscriptionManager.sendHeads(registry.all()))
  ]
  return () => {
    for (const stop of stops) stop()
    feed?.close()
    users.close()
  }
}

const close = ({ subscriptionManager, revocation }: Parts, readLimit: ReadLimit): void => {
  subscriptionManager.close()
  readLimit.close()
  revocation.close()
}

const limitsOf = ({ maxMessageLength, messageRate }: ChatLimits, max_frame_bytes: number): Limits => ({
  max_message_length: maxMessageLength,
  max_meta_bytes: MAX_META_BYTES,
  max_frame_bytes,
  messages_per_second: messageRate,
  message_burst: messageRate * BURST_SECONDS
})
