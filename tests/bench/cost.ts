/** Measures the CPU time of services that share one database, the CPU time of their database connections, and that of Redis. */
import type { RedisServer } from '../support/redis-server.ts'
import { type BenchDatabase, backendsOf } from './database.ts'
import type { Service } from './service.ts'
import { nanosecondsOf } from './subjects.ts'

/** CPU times in microseconds. */
export interface Cost {
  readonly services: number
  readonly database: number
  readonly redis: number
}

export interface Installation {
  readonly database: BenchDatabase
  readonly services: readonly Service[]
  readonly redis?: RedisServer | undefined
}

/** Returns the CPU time of Redis so far, in microseconds. */
const redisCpu = (redis: RedisServer): number =>
  [...redis.command(['info', 'cpu']).matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)].reduce(
    (sum, [, used]) => sum + Number(used) * 1e6,
    0
  )

/**
 * Begins a measurement. Returns a function that returns the CPU time since then. The time of the background processes of
 * PostgreSQL, such as the checkpointer, is not included.
 */
export const beginCost = async ({ database, services, redis }: Installation): Promise<() => Promise<Cost>> => {
  const now = async () => ({
    services: services.reduce((sum, { pid }) => sum + nanosecondsOf(pid), 0),
    backends: await backendsOf(database.sql),
    redis: redis ? redisCpu(redis) : 0
  })
  const before = await now()
  return async () => {
    const after = await now()
    const backends = [...after.backends].reduce(
      (sum, [pid, nanoseconds]) => sum + nanoseconds - (before.backends.get(pid) ?? 0),
      0
    )
    return {
      services: (after.services - before.services) / 1000,
      database: backends / 1000,
      redis: after.redis - before.redis
    }
  }
}
