/** Creates buses on real PostgreSQL and Redis servers, and records what a bus delivers. */
import { afterAll, expect, onTestFinished } from 'vitest'
import type { Bus, BusStats } from '../../src/bus/bus.ts'
import { createRedisBus } from '../../src/bus/drivers/redis.ts'
import type { BusEvent } from '../../src/bus/events.ts'
import { loadRedisLink } from '../../src/bus/redis/link.ts'
import type { RedisSettings } from '../../src/bus/redis/options.ts'
import { createKeyring } from '../../src/crypto/keyring.ts'
import { openClient } from '../../src/db/client/open.ts'
import type { Notifications, SqlClient } from '../../src/db/client/types.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { testDatabaseUrl } from './database.ts'
import { type RedisServer, startRedis } from './redis-server.ts'
import { ENCRYPTION_KEY } from './settings.ts'

/** Opens a client of the test database. The client is closed when the test ends. */
export const openTestClient = async (): Promise<SqlClient & { readonly notifications: Notifications }> => {
  const client = await openClient({ url: await testDatabaseUrl(), poolMax: 2 })
  onTestFinished(() => client.close())
  const { notifications } = client
  if (!notifications) throw new Error('The test database sends no notifications.')
  return { ...client, notifications }
}

export const openNotifications = async (): Promise<Notifications> => (await openTestClient()).notifications

let shared: Promise<RedisServer> | undefined

/** Returns a server that tests share. Tests that stop or change a server start one of their own. */
export const sharedRedis = (): Promise<RedisServer> => {
  shared ??= startRedis()
  return shared
}
afterAll(async () => {
  await (await shared)?.stop()
  shared = undefined
})

export interface RedisBusOptions extends Partial<RedisSettings> {
  readonly server?: Pick<RedisServer, 'port'>
  readonly instance: string
  readonly prefix?: string
  readonly encryptionKeys?: readonly [string, ...string[]]
  /** Returns true to drop what this process receives over PostgreSQL, except heartbeats. */
  readonly losesPayloads?: () => boolean
  readonly isUpgradeFinished?: () => boolean
  readonly failures?: unknown[]
  readonly onFallback?: (isFallingBack: boolean) => void
}

/**
 * A clock whose monotonic time and jobs run five times as fast as real time. It shortens the intervals of the bus, and the
 * minimum duration of a fallback.
 */
export const fastClock: Clock = {
  ...systemClock,
  monotonic: () => 5 * systemClock.monotonic(),
  every: (ms, work) => systemClock.every(ms / 5, work)
}

export const openRedisBus = async ({
  server,
  instance,
  prefix = 'test',
  encryptionKeys: [current, ...previous] = [ENCRYPTION_KEY],
  losesPayloads = () => false,
  isUpgradeFinished = () => true,
  failures = [],
  onFallback = () => {},
  ...settings
}: RedisBusOptions): Promise<Bus> => {
  const notifications = await openNotifications()
  const database: Pick<Notifications, 'notify' | 'listen'> = {
    notify: notifications.notify,
    listen: (channel, onPayload, ...more) =>
      notifications.listen(
        channel,
        payload => {
          if (!losesPayloads() || !/"(grown|events)":/.test(payload)) onPayload(payload)
        },
        ...more
      )
  }
  return createRedisBus({
    database,
    instance: async () => [instance],
    link: await loadRedisLink({ url: `redis://127.0.0.1:${server?.port}`, ...settings }),
    keys: createKeyring({ current, previous, now: Date.now }).derive('bus'),
    prefix,
    isUpgradeFinished,
    clock: fastClock,
    onRedisFailure: error => failures.push(error),
    onFallback
  })
}

/** Returns the Redis statistics of a bus. */
export const redisStats = (bus: Bus): BusStats => {
  const stats = bus.stats?.().find(({ driver }) => driver === 'redis')
  if (!stats) throw new Error('The bus has no Redis statistics.')
  return stats
}

/** Resolves when Redis has delivered a heartbeat, which ends the fallback to PostgreSQL. */
export const untilRedisWorks = (bus: Bus): Promise<void> =>
  expect.poll(() => redisStats(bus).isFailing, { interval: 20 }).toBe(false)

/** What a bus has delivered. */
export interface Received {
  readonly grown: [number, number][]
  readonly events: BusEvent[]
  readonly from: string[]
  resets: number
}

/** The time in milliseconds after which `until` rejects. */
const UNTIL_MS = 60_000

/**
 * Listens on a bus and records what the bus delivers. `until` resolves when a condition on the records is true.
 */
export const listening = async (bus: Bus) => {
  const received: Received = { grown: [], events: [], from: [], resets: 0 }
  let check = () => {}
  await bus.listen({
    grown(roomId, seq) {
      received.grown.push([roomId, seq])
      check()
    },
    event(event, from) {
      received.events.push(event)
      received.from.push(from)
      check()
    },
    reset() {
      received.resets++
      check()
    }
  })
  onTestFinished(() => bus.close())
  const until = (isEnough: () => boolean) =>
    new Promise<void>((resolve, reject) => {
      const fail = (): void => {
        const state = { received, stats: bus.stats?.() }
        reject(new Error(`The bus has not delivered what the test waits for: ${JSON.stringify(state)}`))
      }
      const timer = setTimeout(fail, UNTIL_MS)
      check = () => {
        if (!isEnough()) return
        clearTimeout(timer)
        resolve()
      }
      check()
    })
  return { bus, received, until }
}
