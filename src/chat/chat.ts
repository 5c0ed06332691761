/**
 * Composes the chat of one process from its parts: the log, kinds of entries, rooms, subscriptions, presence, access and
 * connections. Each part is in the folder with its name. The chat contains no SQL and no HTTP.
 */
import { CLOSE, type CloseCode } from '../protocol/close-codes.ts'
import { ChatError } from '../protocol/errors.ts'
import type { Limits } from '../protocol/frames/connection.ts'
import { MAX_META_BYTES } from '../protocol/http/messages.ts'
import type { ReadChange, ReadState } from '../protocol/http/reads.ts'
import type { Presence } from '../protocol/http/rooms.ts'
import type { Principal } from './access/authorize.ts'
import type { Revocation } from './access/revocation.ts'
import { createRoomAccess, type FindRoom } from './access/room-access.ts'
import { type ChatStop, createStop, listen } from './background.ts'
import { createAdmission } from './connections/admission.ts'
import { type ChatConnections, createChatConnections } from './connections/chat-connections.ts'
import { maxFrameBytes } from './connections/decode.ts'
import { createFrameDispatch } from './connections/dispatch.ts'
import { BURST_SECONDS } from './connections/registry.ts'
import type { Inbox } from './inbox/inbox.ts'
import { type ChatLog, createChatLog } from './log/chat-log.ts'
import { type AppendErasure, createAppendErasure } from './log/erase.ts'
import { wholeChangeOf } from './marks/read-change.ts'
import { measureConnections } from './measure.ts'
import type { ChatLimits, ChatOptions } from './options.ts'
import { createParts, type Parts } from './parts.ts'
import { type ChatRooms, createChatRooms } from './rooms/chat-rooms.ts'
import { type ChatInvitations, createChatInvitations } from './rooms/invitations.ts'
import { createRoomListing } from './rooms/listing.ts'
import { type ChatMembers, createChatMembers } from './rooms/members.ts'
import { type ChatModeration, createChatModeration } from './rooms/moderation.ts'
import { type ChatReports, createChatReports } from './rooms/reports.ts'
import { createRoomJobs } from './rooms/room-jobs.ts'

/** The functions of the chat that plugins and routes use. */
export interface ChatCore {
  readonly log: ChatLog
  /** Appends an `erasure` of a user's messages to the log of a room. */
  readonly appendErasure: AppendErasure
  readonly rooms: ChatRooms
  readonly members: ChatMembers
  readonly moderation: ChatModeration
  readonly readMarks: {
    /**
     * Moves the read mark of the principal, or marks the room as unread. By default, moves the read mark to the newest entry.
     * Throws the errors of `FindRoom`, or `not_allowed` if the principal is not a member.
     */
    set(principal: Principal, room: string, change: ReadChange): Promise<ReadState>
  }
  readonly invitations: ChatInvitations
  readonly reports: ChatReports
  readonly inbox: Pick<Inbox, 'page'> & {
    /**
     * Hides a direct room from the inbox until its next message, or shows it again. Throws the errors of `FindRoom`, or
     * `not_allowed` if the room is not a direct room.
     */
    hide(principal: Principal, room: string, isHidden: boolean): Promise<void>
  }
  readonly presence: {
    /** Returns the users who are present in a room. Throws the errors of `FindRoom`. */
    of(principal: Principal, room: string): Promise<Presence>
  }
  readonly access: Pick<Revocation, 'recheck' | 'disconnect'>
  readonly connections: ChatConnections
  /** True after the first step of a shutdown. From then on, new messages and connections are rejected. */
  readonly isDraining: boolean
  /**
   * Returns the milliseconds since this process last received its own heartbeat over the bus. Returns 0 if the bus has no
   * heartbeat.
   */
  msSinceHeartbeat(): number
  /** Starts to handle the notifications of other processes. */
  start(): Promise<void>
  readonly stop: ChatStop
}

/** Creates the chat of one process and starts its timers. The shutdown steps in `stop` end the timers. */
export const createChatCore = (options: ChatOptions): ChatCore => {
  const { bus, storage } = options
  let isDraining = false
  const parts = createParts(options, () => isDraining)
  measureConnections(options, parts)
  const roomAccess = createRoomAccess({ ...parts, isBlocked: storage.isBlocked ?? (async () => false) })
  const { findRoom } = roomAccess

  const log = createChatLog({ ...parts, ...roomAccess, reactions: (...page) => storage.reactions.page(...page) })
  const jobs =
    storage.moderation && createRoomJobs({ ...storage.moderation, ...options, appendAsHost: log.appendAsHost })
  const wake = (): void => jobs?.wake()

  return {
    log,
    appendErasure: createAppendErasure({ ...parts, bus }),
    rooms: createChatRooms({
      ...parts,
      ...roomAccess,
      repository: storage.rooms,
      log,
      isUpgradeFinished: options.isUpgradeFinished ?? (() => true),
      onDeleted: wake,
      listRooms: createRoomListing({
        ...options,
        access: parts.access,
        search: page => parts.reader.limited(() => storage.rooms.search(page))
      })
    }),
    members: createChatMembers({
      ...parts,
      ...roomAccess,
      log,
      hasReadReceipts: options.hasReadReceipts ?? true,
      repository: {
        ...storage.members,
        search: (...page) => parts.reader.limited(() => storage.members.search(...page))
      }
    }),
    readMarks: {
      set: async (principal, name, change) =>
        roomAccess.readIn(principal, name, async room => {
          const { readSeq, isUnread } = await parts.readMarks.write(wholeChangeOf(principal.userId, room.name, change))
          return { room: room.name, read_seq: readSeq, marked_unread: isUnread }
        })
    },
    reports: createChatReports({ ...parts, ...roomAccess, log, keyring: options.keyring, repository: storage.reports }),
    invitations: createChatInvitations({ ...parts, ...roomAccess, log, repository: storage.roomInvitations }),
    inbox: {
      page: parts.inbox.page,
      hide: async (principal, name, isHidden) =>
        roomAccess.readIn(principal, name, async room => {
          if (!(await storage.inbox.hide(room.id, principal.userId, isHidden))) throw notDirect()
          parts.liveInbox.membersChanged([principal.userId])
        })
    },
    moderation: createChatModeration({
      ...options,
      ...roomAccess,
      log,
      restrictions: storage.moderation?.restrictions ?? { list: async () => [] },
      members: storage.members,
      onErase: wake
    }),
    presence: {
      of: async (principal, name) =>
        roomAccess.readIn(principal, name, room => parts.subscriptionManager.presence(room))
    },
    access: { recheck: parts.revocation.recheck, disconnect: parts.revocation.disconnect },
    connections: openConnections(options, parts, findRoom, () => isDraining),
    get isDraining() {
      return isDraining
    },
    msSinceHeartbeat: () => bus.msSinceHeartbeat?.() ?? 0,
    start: () => listen(options, parts),
    stop: createStop(options, { ...parts, jobs }, () => {
      isDraining = true
    })
  }
}

const notDirect = (): ChatError =>
  new ChatError('not_allowed', 'Only direct rooms can be hidden. Leave the room instead.')

const openConnections = (
  options: ChatOptions,
  parts: Parts,
  findRoom: FindRoom,
  isDraining: () => boolean
): ChatConnections => {
  const { users, revocation } = parts
  const closeCodeOf = (principal: Principal): CloseCode | undefined =>
    revocation.isRevoked(principal) ? CLOSE.tokenExpired : users.closeCodeOf(principal)
  const { maxConnections = 0, connectRate = 0 } = options.limits
  options.instruments?.read('max_connections', () => maxConnections)
  const frameBytes = maxFrameBytes(options.limits.maxMessageLength)
  const open = createFrameDispatch({
    ...parts,
    clock: options.clock,
    instruments: options.instruments,
    limits: limitsOf(options.limits, frameBytes),
    legacyLifetimeMs: options.limits.legacyLifetimeMs,
    findRoom,
    isDelegated: parts.access.isDelegated,
    isUpgradeFinished: options.isUpgradeFinished,
    isDraining,
    closeCodeOf,
    async authenticate(token) {
      const principal = await options.authenticate(token)
      if (closeCodeOf(principal)) throw new ChatError('invalid_token', 'The session has ended. Log in again.')
      return users.named(principal)
    }
  })
  return createChatConnections({
    ...parts,
    maxFrameBytes: frameBytes,
    admit: createAdmission({
      clock: options.clock,
      maxConnections,
      connectRate,
      open: () => parts.registry.size,
      onRejected: limit => options.instruments?.count('rejections_total', 1, { limit })
    }),
    open: opened => open({ ...opened, principal: users.named(opened.principal) })
  })
}

const limitsOf = ({ maxMessageLength, messageRate }: ChatLimits, max_frame_bytes: number): Limits => ({
  max_message_length: maxMessageLength,
  max_meta_bytes: MAX_META_BYTES,
  max_frame_bytes,
  messages_per_second: messageRate,
  message_burst: messageRate * BURST_SECONDS
})
