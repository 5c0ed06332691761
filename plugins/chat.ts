/**
 * Creates the chat from the database, the keyring and the authentication. Decorates the Fastify instance with `chatCore` and
 * `chatListen`.
 */

import type { DoneFuncWithErrOrRes, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Bus, BusStats } from '../src/bus/bus.ts'
import type { FinerAction } from '../src/chat/access/authorize.ts'
import { type ChatCore, createChatCore } from '../src/chat/chat.ts'
import { type HostKinds, hostKinds } from '../src/chat/kinds/host-kind.ts'
import { BUILT_IN, createKinds } from '../src/chat/kinds/index.ts'
import type { Kind } from '../src/chat/kinds/kind.ts'
import { isUnread } from '../src/chat/log/read-limit.ts'
import type { ChatOptions, ChatStorage, HostFunctions } from '../src/chat/options.ts'
import { createOptionsReader, type SettingOptions } from '../src/config/plugin-options.ts'
import { chatSettings } from '../src/config/settings/chat.ts'
import { redisSettings } from '../src/config/settings/redis.ts'
import { faultOf } from '../src/db/client/errors.ts'
import type { BusState } from '../src/db/repositories/processes.ts'
import { waitOnce } from '../src/http/first-request.ts'
import { type Clock, systemClock } from '../src/lib/clock.ts'
import type { Instruments } from '../src/lib/instruments.ts'
import { isDebugOn } from '../src/lib/logging.ts'
import { version } from '../src/lib/package.ts'
import { withoutRepeats } from '../src/lib/repeated-log.ts'
import { defaultMaxConnections } from '../src/ops/max-connections.ts'
import { createMessageRetention } from '../src/ops/message-retention.ts'
import { createProcessRecord } from '../src/ops/process-record.ts'
import { shutdownOf } from '../src/shutdown.ts'
import { callerOf } from './auth.ts'
import { createDefaultBus } from './chat/bus.ts'
import { metricsOf } from './metrics.ts'

declare module 'fastify' {
  interface FastifyInstance {
    chatCore: ChatCore
    /**
     * Connects to the bus, and records this process in the table `processes`. The plugin also does this when the server listens
     * or receives its first request. Resolves after the first attempt to record the process. The attempt also reads which steps
     * of a rolling upgrade are finished.
     */
    chatListen(): Promise<void>
  }
}

/** Options of the chat plugin. docs/settings.md describes the options that are settings. */
export interface ChatPluginOptions
  extends SettingOptions<typeof chatSettings>,
    SettingOptions<typeof redisSettings>,
    HostFunctions,
    Pick<ChatOptions, 'appendQueue' | 'joinsPosters'> {
  /**
   * Replaces the default bus. The default bus uses the notifications of the database, and Redis if `redisUrl` is set. If the
   * database sends no notifications, the default bus reaches only this process. The chat closes the bus when the chat stops.
   */
  readonly bus?: Bus | undefined
  readonly clock?: Clock
  /** See `AccessOptions.authorizeActions`. */
  readonly authorizeActions?: readonly FinerAction[] | undefined
  /** The kinds of entries that belong to the host application. */
  readonly kinds?: HostKinds | undefined
  /** Replaces the kinds of entries of the service. Used only in tests. */
  readonly builtInKinds?: readonly Kind[] | undefined
}

const MINUTE_MS = 60 * 1000
const HOUR_MS = 60 * MINUTE_MS

const readOptions = createOptionsReader('chat-core', {
  settings: chatSettings,
  functions: ['authorize', 'beforeMessage', 'onMessage', 'onEntry']
})

const readRedisOptions = createOptionsReader('chat-core', { settings: redisSettings })

export default fp(
  async function chatCore(fastify: FastifyInstance, options: ChatPluginOptions) {
    const { messageRateLimit, readRateLimit, legacySocketHours, editWindowMinutes, readReceipts, ...others } =
      readOptions(options)
    const { messageRetentionDays, maxConnections, ...limits } = others
    const { authorize, authorizeActions, beforeMessage, onMessage, onEntry, appendQueue, joinsPosters } = options
    const metrics = metricsOf(fastify)
    const record = createProcessRecord({
      repository: fastify.chatDb.processes,
      clock: options.clock ?? systemClock,
      log: withoutRepeats(fastify.server, fastify.log, options.clock),
      version,
      keyId: fastify.chatCrypto.currentKeyId,
      keyIds: fastify.chatCrypto.keyIds,
      state: () => ({ connections: chat.connections.count, bus: bus.stats?.().map(busState) ?? [] })
    })
    await fastify.chatDbAtStart(database => record.load(database.processes))
    const isUpgradeFinished = (step?: string): boolean => record.isUpgradeFinished(step)
    const { bus, begin } = options.bus
      ? { bus: options.bus, begin: ignore }
      : await createDefaultBus(fastify, {
          settings: readRedisOptions(options),
          isUpgradeFinished: () => isUpgradeFinished('rooms'),
          clock: options.clock
        })
    const chat = createChatCore({
      bus,
      isUpgradeFinished,
      kinds: createKinds([...(options.builtInKinds ?? BUILT_IN), ...hostKinds(options.kinds)]),
      storage: storageOf(fastify, options),
      limits: {
        messageRate: messageRateLimit,
        readRate: readRateLimit,
        ...limits,
        maxConnections: maxConnections ?? defaultMaxConnections(),
        editWindowMs: editWindowMinutes === 0 ? undefined : editWindowMinutes * MINUTE_MS,
        legacyLifetimeMs: legacySocketHours * HOUR_MS
      },
      hasReadReceipts: readReceipts,
      host: { authorize, authorizeActions, beforeMessage, onMessage, onEntry },
      keyring: fastify.chatCrypto,
      clock: options.clock ?? systemClock,
      log: withoutRepeats(fastify.server, fastify.log, options.clock),
      trace: { log: fastify.log, isOn: () => isDebugOn(fastify.log) },
      instruments: metrics.isOn ? metrics : undefined,
      authenticate: token => fastify.chatAuth.renew(token),
      appendQueue,
      joinsPosters
    })
    fastify.decorate('chatCore', chat)
    // The bus and the process record are not started in `onReady`. If the application failed to start after `onReady`, their
    // open connections would keep the process running.
    let started: Promise<void> | undefined
    const startOnce = (): Promise<void> => {
      begin()
      started ??= record.start()
      return started
    }
    fastify.decorate('chatListen', startOnce)
    fastify.addHook('onListen', startOnce)
    fastify.addHook('onRequest', waitOnce(startOnce))
    fastify.addHook('onReady', () => chat.start())
    measureBus(metrics, bus)
    addShutdown(fastify, chat)
    startRetention(fastify, messageRetentionDays, options.clock)
    shutdownOf(fastify).add('leave the bus', record.stop)
  },
  { name: 'chat-core', fastify: '5.x', dependencies: ['chat-db', 'chat-crypto', 'chat-auth'] }
)

const busState = ({ driver, lagMs, isFailing }: BusStats): BusState => ({
  driver,
  lagMs: lagMs === undefined ? undefined : Math.round(lagMs),
  isFailing
})

/** Registers the metrics of the bus, which are read when the metrics are collected. */
const measureBus = (metrics: Instruments, bus: Bus): void => {
  const read = (measure: (stats: BusStats) => number | undefined) => () =>
    Object.fromEntries((bus.stats?.() ?? []).map(stats => [stats.driver, measure(stats)]))
  const inSeconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1000)
  metrics.read(
    'bus_lag_seconds',
    read(({ lagMs }) => inSeconds(lagMs))
  )
  metrics.read(
    'bus_silent_seconds',
    read(({ silentMs }) => inSeconds(silentMs))
  )
  metrics.read(
    'bus_failing',
    read(({ isFailing }) => Number(isFailing))
  )
  metrics.read(
    'bus_reconnects_total',
    read(({ reconnects }) => reconnects)
  )
  metrics.read(
    'bus_failures_total',
    read(({ failures }) => failures)
  )
  metrics.read(
    'bus_dropped_total',
    read(({ dropped }) => dropped)
  )
}

/** Starts the periodic deletion of entries whose retention time has ended. Stops it during the shutdown. */
const startRetention = (fastify: FastifyInstance, days: number, clock: Clock = systemClock): void => {
  const log = withoutRepeats(fastify.server, fastify.log, clock)
  const retention = createMessageRetention({ repository: fastify.chatDb.messageRetention, days, clock, log })
  metricsOf(fastify).read('expired_entries_total', () => retention.deletedEntries)
  fastify.addHook('onListen', async () => retention.start())
  shutdownOf(fastify).add('stop background work', () => retention.stop())
}

const addShutdown = (fastify: FastifyInstance, { stop }: ChatCore): void => {
  const shutdown = shutdownOf(fastify)
  shutdown.add('refuse new work', stop.refuseWork)
  shutdown.add('commit accepted messages', stop.commitAccepted)
  shutdown.add('stop background work', stop.endBackgroundWork)
  shutdown.add('close WebSockets', ({ signal }) => stop.closeConnections(signal))
  shutdown.add('leave the bus', stop.leaveBus)
}

/**
 * Returns a `preHandler` hook for routes that read from the database. The hook counts the request as a read of
 * `entriesOf(request)` entries. The hook waits while too many responses are in progress. It rejects the request with
 * `rate_limited` if the user reads too much or does not receive earlier responses, and with `busy` if all users together read
 * too much. A response is in progress until the client has received all of it or the connection is closed.
 */
export const limitReads =
  (entriesOf: (request: FastifyRequest) => number = () => 1) =>
  (request: FastifyRequest, reply: FastifyReply, done: DoneFuncWithErrOrRes): void => {
    const { chatCore, chatResponses } = request.server
    const { userId } = callerOf(request)
    const waiting = chatCore.log.readLimit.enter({
      userId,
      entries: entriesOf(request),
      onEnd: ended => chatResponses.onEnd(reply, ended)
    })
    if (!waiting) return done()
    waiting.then(
      () => done(),
      error => {
        // The user's clients do not receive the earlier responses. Closing this connection also drops the requests that are
        // queued on it.
        if (isUnread(error)) reply.header('connection', 'close')
        done(error)
      }
    )
  }

export type { HttpTwin, Kind } from '../src/chat/kinds/kind.ts'
export { restItems } from '../src/chat/log/items.ts'
// Routes must not import src/chat directly, so this plugin exports what they need.
export type { LogPart, PinPart } from '../src/chat/log/reader.ts'

/**
 * Interval in milliseconds at which the service polls the database for changes. Used if the bus does not receive notifications
 * from PostgreSQL.
 */
const UNNOTIFIED_POLL_MS = 500

const storageOf = ({ chatDb, chatAuth }: FastifyInstance, options: ChatPluginOptions): ChatStorage => ({
  rooms: chatDb.rooms,
  members: chatDb.members,
  reports: chatDb.reports,
  roomInvitations: chatDb.roomInvitations,
  messages: chatDb.messages,
  reactions: chatDb.reactions,
  readMarks: chatDb.readMarks,
  inbox: chatDb.inbox,
  changes: chatDb.changes,
  changesPollMs: chatDb.client.notifications && !options.bus ? undefined : UNNOTIFIED_POLL_MS,
  sessionUsers: keys => chatDb.sessions.find(keys),
  touchSessions: ids => chatAuth.accounts?.sessions.touch(ids) ?? Promise.resolve(),
  standings: keys => chatDb.standings(keys),
  isBlocked: roomId => chatDb.blocks.isBlocked(roomId),
  moderation: { restrictions: chatDb.restrictions, cleaning: chatDb.roomCleaning },
  faultOf,
  concurrentReads: readsFor(chatDb.client.maxConnections)
})

/**
 * Returns how many reads of the log may run at the same time: half of the pool, but at least 1 and at most 16. The other
 * connections are free for appends.
 */
const readsFor = (maxConnections = 1): number => Math.max(1, Math.min(16, Math.floor(maxConnections / 2)))

const ignore = (): void => {}
