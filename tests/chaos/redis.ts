/** Adds Redis to a chaos run with `--redis`. Each service reaches the server through a proxy of its own. */
import { startRedis } from '../support/redis-server.ts'
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

/** Starts Redis for `count` services. `random` returns numbers from 0 to 1, and `wait` waits for milliseconds. */
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
