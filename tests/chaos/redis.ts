/**
 * Adds Redis to a chaos run. With `--redis`, each service reaches the server through a proxy of its own. With `--sentinel`, the
 * services ask a Sentinel for the address of the primary, and the primary is killed.
 */
import { startRedis, startRedisWithSentinel } from '../support/redis-server.ts'
import { startProxy } from './proxy.ts'

export interface ChaosRedis {
  /** The settings of each service. */
  readonly environments: readonly Readonly<Record<string, string>>[]
  /** Functions that each inject one kind of fault, keyed by the name of the fault. */
  readonly faults: Readonly<Record<string, () => Promise<void>>>
  /** Ends all faults. */
  heal(): void
  stop(): Promise<void>
}

/** Starts Redis for `count` services. `random` returns numbers from 0 to 1, and `wait` waits for a number of milliseconds. */
export const startChaosRedis = async (
  count: number,
  random: () => number,
  wait: (ms: number) => Promise<void>
): Promise<ChaosRedis> => {
  const server = await startRedis()
  const proxies = await Promise.all(Array.from({ length: count }, () => startProxy(server.port)))
  const anyProxy = () => proxies[Math.floor(random() * count)]

  return {
    environments: proxies.map(({ port }) => ({ REDIS_URL: `redis://127.0.0.1:${port}`, REDIS_PREFIX: 'chaos' })),
    faults: {
      async 'kill Redis'() {
        await server.kill()
        await wait(500 + random() * 4000)
        await server.start()
      },
      async 'stall Redis'() {
        server.signal('SIGSTOP')
        await wait(500 + random() * 8000)
        server.signal('SIGCONT')
      },
      async 'flush Redis and kill its clients'() {
        server.command(['flushall'])
        server.command(['client', 'kill', 'type', 'normal'])
        server.command(['client', 'kill', 'type', 'pubsub'])
      },
      async 'cut one service off Redis'() {
        const proxy = anyProxy()
        proxy?.stall()
        await wait(1000 + random() * 10_000)
        proxy?.resume()
      },
      async 'leave the connections of one service to Redis half open'() {
        anyProxy()?.halfOpen()
      }
    },
    heal() {
      server.signal('SIGCONT')
      for (const proxy of proxies) proxy.resume()
    },
    async stop() {
      for (const proxy of proxies) proxy.close()
      await server.stop()
    }
  }
}

/** Starts two servers with a Sentinel for `count` services. */
export const startChaosSentinel = async (
  count: number,
  random: () => number,
  wait: (ms: number) => Promise<void>
): Promise<ChaosRedis> => {
  const redis = await startRedisWithSentinel()
  const { url, sentinels } = redis.settings
  const environment = { REDIS_URL: url, REDIS_SENTINELS: sentinels.join(), REDIS_PREFIX: 'chaos' }
  return {
    environments: Array.from({ length: count }, () => environment),
    faults: {
      async 'fail over Redis'() {
        await redis.failOver()
        await wait(random() * 5000)
        await redis.recover()
      },
      async 'kill the clients of Redis'() {
        redis.command(['client', 'kill', 'type', 'normal'])
        redis.command(['client', 'kill', 'type', 'pubsub'])
      }
    },
    heal() {},
    stop: redis.stop
  }
}
