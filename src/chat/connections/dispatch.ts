/** Opens connections: registers them, sends their first frames, and dispatches the frames of their clients. */
import { type Clock, timestamp } from '../../lib/clock.ts'
import { inGroups } from '../../lib/in-groups.ts'
import { type Instruments, noInstruments } from '../../lib/instruments.ts'
import { whenKnown } from '../../lib/when-known.ts'
import { CLOSE, type CloseCode } from '../../protocol/close-codes.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { Limits } from '../../protocol/frames/connection.ts'
import { GENERAL, MESSAGE } from '../../protocol/http/messages.ts'
import type { Principal } from '../access/authorize.ts'
import type { FindRoom } from '../access/room-access.ts'
import type { LiveInbox } from '../inbox/live.ts'
import type { Kinds } from '../kinds/index.ts'
import type { Command, Kind } from '../kinds/kind.ts'
import type { PublishResult } from '../log/append-draft.ts'
import type { Publisher } from '../log/publish.ts'
import { readChangeOf } from '../marks/read-change.ts'
import type { ReadMarks } from '../marks/read-marks.ts'
import { closeLabel } from '../measure.ts'
import { systemFrame } from '../presence/frames.ts'
import type { Room } from '../rooms/room.ts'
import { MAX_SUBSCRIPTIONS, type SubscriptionManager, tooManyRooms } from '../subscriptions/manager.ts'
import { Connection } from './connection.ts'
import type { ConnectionContext, ConnectionOptions } from './context.ts'
import { createFrameDecoder, marksOf } from './decode.ts'
import { bytesPerSecond } from './frame-quota.ts'
import { PING_INTERVAL_MS } from './liveness.ts'
import type { ConnectionRegistry } from './registry.ts'

export interface FrameDispatchOptions {
  readonly kinds: Kinds
  readonly registry: ConnectionRegistry
  readonly subscriptionManager: SubscriptionManager
  readonly publisher: Publisher
  readonly readMarks: Pick<ReadMarks, 'add'>
  readonly liveInbox: Pick<LiveInbox, 'open' | 'left'>
  readonly clock: Clock
  readonly instruments?: Instruments | undefined
  readonly limits: Limits
  /** See `ChatOptions.isUpgradeFinished`. */
  readonly isUpgradeFinished?: ((step?: string) => boolean) | undefined
  /** Maximum duration in milliseconds of a connection without `chat.v1`. If 0, the connection ends when its token expires. */
  readonly legacyLifetimeMs: number
  readonly findRoom: FindRoom
  /** Whether the host application decides who may read a room. */
  readonly isDelegated: boolean
  readonly authenticate: (token: string) => Promise<Principal>
  readonly isDraining: () => boolean
  /**
   * Called when a connection opens. Returns a close code if, after the token was verified, the user was disconnected, suspended
   * or deleted, or the session ended. Otherwise, returns undefined.
   */
  readonly closeCodeOf: (principal: Principal) => CloseCode | undefined
}

/** Maximum number of rooms of a connection that are looked up at the same time. They share queries. */
const LOOK_UPS_AT_ONCE = 16

/**
 * Creates the function that takes over an open socket. The function adds its listeners synchronously. Otherwise, frames that
 * arrive immediately would be lost.
 */
export const createFrameDispatch = (options: FrameDispatchOptions): ((opened: ConnectionOptions) => void) => {
  const { registry, subscriptionManager, publisher, readMarks, liveInbox, clock, limits, findRoom, isDraining } =
    options
  const { instruments = noInstruments } = options

  const send = (connection: Connection, room: Room, kind: Kind, command: Command): void | Promise<void> => {
    const { ref, nonce } = command
    const posted = (outcome: PublishResult): void => {
      if ('error' in outcome) return connection.refuse(outcome.error, { ...marksOf(command), room: room.name })
      if (nonce === undefined && ref === undefined) return
      const { id, seq, createdAt } = outcome.position
      connection.send({
        type: 'ack',
        ...(ref === undefined ? {} : { ref }),
        ...(nonce === undefined ? {} : { nonce }),
        id,
        room: room.name,
        seq,
        timestamp: timestamp(createdAt)
      })
    }
    return publisher.post(
      connection.principal,
      room,
      { kind, command, requestId: connection.requestId },
      posted,
      'person'
    )
  }

  const context: ConnectionContext = {
    clock,
    maxFrameBytes: limits.max_frame_bytes,
    bytesPerSecond: bytesPerSecond(limits.messages_per_second, limits.max_frame_bytes),
    legacyLifetimeMs: options.legacyLifetimeMs,
    authenticate: options.authenticate,
    decode: createFrameDecoder(options.kinds),
    append(connection, kind, command) {
      const { principal } = connection
      publisher.admit(principal.userId)
      return whenKnown(findRoom(principal, command.room ?? GENERAL, kind.action), room =>
        send(connection, room, kind, command)
      )
    },
    act(connection, frame) {
      const { principal } = connection
      if (frame.type === 'inbox') return liveInbox.open(connection, frame.ref)
      const name = frame.room ?? GENERAL
      switch (frame.type) {
        case 'subscribe':
          limit(connection.quota.takeSubscription(), 'You subscribe to rooms too often.')
          return whenKnown(findRoom(principal, name, 'read'), room =>
            subscriptionManager.subscribe(connection, room, frame)
          )
        case 'unsubscribe':
          return subscriptionManager.unsubscribe(connection, frame)
        case 'read': {
          connection.showsReads = true
          const change = readChangeOf(principal.userId, name, frame)
          if (change) readMarks.add(change)
          return
        }
        case 'typing':
          if (subscriptionManager.isTypingTooOften(connection, name)) return
          return whenKnown(findRoom(principal, name, 'post', { isTyping: true }), room =>
            subscriptionManager.typing(connection, room, frame)
          )
      }
    },
    ended(connection) {
      if (registry.remove(connection)) subscriptionManager.left(connection)
      liveInbox.left(connection)
    },
    limited: code => instruments.count('rejections_total', 1, { limit: code }),
    closed(connection, code) {
      instruments.count('closes_total', 1, { code: closeLabel(code) })
      registry.forget(connection)
    }
  }

  /** Returns the kinds that are accepted now, without those of the host application. A client must not send other kinds. */
  const features = (): string[] => {
    const isFinished = options.isUpgradeFinished ?? (() => true)
    const accepted = options.kinds.all.filter(
      ({ kind, step, isOfHost }) => kind === MESSAGE || (!isOfHost && isFinished(step))
    )
    return accepted.map(({ kind }) => kind)
  }

  /** Sends `connected`, and subscribes the connection to the rooms in its options. */
  const greet = (connection: Connection, { rooms: names, absent, hasInbox }: ConnectionOptions): void => {
    const { principal } = connection
    connection.send({
      ...systemFrame('connected', principal, GENERAL),
      server_time: timestamp(clock.now()),
      expires_at: timestamp(principal.expiresAt),
      ping_interval_ms: PING_INTERVAL_MS,
      limits,
      features: features()
    })
    const distinct = [...new Set(names.slice(0, MAX_SUBSCRIPTIONS))]
    // Each connection calls `authorize` of the host for one room at a time. Otherwise, the calls of many clients that reconnect at
    // once could exceed their timeout, and the rooms would look absent.
    const found = inGroups(distinct, options.isDelegated ? 1 : LOOK_UPS_AT_ONCE, name =>
      findRoom(principal, name, 'read', { isAbsent: absent?.has(name) })
    )
    for (const [at, name] of distinct.entries()) {
      const work = () => {
        if (!connection.isEnded) return whenKnown(found(at), room => subscriptionManager.add(connection, room, {}))
      }
      connection.perform({ work, marks: { room: name } })
    }
    if (hasInbox) connection.perform({ work: () => liveInbox.open(connection), marks: {} })
    if (names.length <= MAX_SUBSCRIPTIONS) return
    const work = () => {
      throw tooManyRooms()
    }
    connection.perform({ work, marks: {} })
  }

  return opened => {
    const connection = new Connection(opened, context)
    if (isDraining()) return connection.close(CLOSE.restart)
    const revoked = options.closeCodeOf(opened.principal)
    if (revoked) return connection.close(revoked)
    const refusal = registry.refusal(connection.principal.userId, connection.address)
    if (refusal) {
      connection.refuse(refusal)
      return connection.close(CLOSE.tooManyConnections)
    }
    registry.add(connection)
    greet(connection, opened)
  }
}

const limit = (retryAfterMs: number, what: string): void => {
  if (retryAfterMs > 0) throw new ChatError('rate_limited', `${what} Wait a moment.`, { retryAfterMs })
}
