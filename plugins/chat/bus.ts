/** Creates the bus over which the processes notify each other: in memory, over PostgreSQL, or over Redis and PostgreSQL. */
import type { FastifyInstance } from 'fastify'
import type { Bus } from '../../src/bus/bus.ts'
import { deferBus } from '../../src/bus/deferred.ts'
import { createMemoryBus } from '../../src/bus/drivers/memory.ts'
import { createPostgresBus, type PostgresBusOptions } from '../../src/bus/drivers/postgres.ts'
import { createRedisBus } from '../../src/bus/drivers/redis.ts'
import { loadRedisLink } from '../../src/bus/redis/link.ts'
import type { SettingValues } from '../../src/config/plugin-options.ts'
import type { redisSettings } from '../../src/config/settings/redis.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { withoutRepeats } from '../../src/lib/repeated-log.ts'
import { GENERAL } from '../../src/protocol/http/messages.ts'

export interface BusOptions {
  readonly settings: SettingValues<typeof redisSettings>
  readonly isUpgradeFinished: () => boolean
  readonly clock?: Clock | undefined
}

/** A bus, and the function that connects the bus to the other processes. */
export interface ConnectableBus {
  readonly bus: Bus
  begin(): void
}

/**
 * Creates the default bus. If the database sends no notifications, the bus uses only memory. Otherwise it uses PostgreSQL, and
 * with `redisUrl` also Redis. Rejects if Redis is needed and ioredis is not installed.
 */
export const createDefaultBus = async (fastify: FastifyInstance, options: BusOptions): Promise<ConnectableBus> => {
  const { chatDb, server, log } = fastify
  const quiet = withoutRepeats(server, log)
  const { notifications } = chatDb.client
  const { redisUrl } = options.settings
  if (!notifications) {
    if (redisUrl) log.warn('REDIS_URL is not used, because only one process can use the embedded database')
    return { bus: createMemoryBus(), begin: ignore }
  }
  const common: PostgresBusOptions = {
    database: notifications,
    // The name of the channel depends on the epoch of `general`. An operator renews the epochs with `fastify-chat epochs renew`
    // after restoring the database. So processes that start later do not receive notifications of processes that still run with
    // the old epoch.
    instance: async () => [chatDb.schema, (await chatDb.rooms.findByName(GENERAL))?.epoch ?? ''],
    clock: options.clock ?? systemClock,
    onListenFailure: err => quiet.warn({ err }, 'failed to listen for notifications of other processes; retrying'),
    onFailure: err => quiet.warn({ err }, 'failed to notify other processes; they will find the changes when they poll')
  }
  const bus = redisUrl ? await overRedis(fastify, common, options, redisUrl) : createPostgresBus(common)
  const deferred = deferBus(bus, err => quiet.warn({ err }, 'failed to listen to other processes; retrying'))
  // Checks that the process can listen. If it cannot, for example because DATABASE_LISTEN_URL is wrong, the start fails. The
  // bus itself starts to listen later.
  fastify.addHook('onReady', async () => {
    const { end } = await notifications.listen('fastify_chat', ignore, ignore)
    await end()
  })
  return { bus: deferred, begin: deferred.begin }
}

const overRedis = async (
  { chatCrypto, server, log }: FastifyInstance,
  common: PostgresBusOptions,
  { settings, isUpgradeFinished }: BusOptions,
  url: string
): Promise<Bus> => {
  const quiet = withoutRepeats(server, log)
  const { redisCa: ca, redisSentinels: sentinels, redisSentinelPassword: sentinelPassword, redisPrefix } = settings
  return createRedisBus({
    ...common,
    link: await loadRedisLink({ url, ca, sentinels, sentinelPassword }),
    keys: chatCrypto.derive('bus'),
    prefix: redisPrefix,
    isUpgradeFinished,
    onRedisFailure: err => quiet.warn({ err }, 'Redis failed; retrying'),
    onFallback(isFallingBack) {
      if (isFallingBack) quiet.warn({}, 'Redis fails for this process; all processes use PostgreSQL too')
      else quiet.info({}, 'Redis works for this process')
    }
  })
}

const ignore = (): void => {}
