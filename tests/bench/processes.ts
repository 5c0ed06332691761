/**
 * Compares the delivery times of a message through two processes on the same database: the process that stored the message, and
 * another process, which is notified over PostgreSQL or over Redis.
 */

import { startRedis } from '../support/redis-server.ts'
import { isAvailable } from '../support/requirements.ts'
import { createBenchDatabase } from './database.ts'
import { type Effort, interleave, pause, percentile, type Row } from './rows.ts'
import { type Service, startService } from './service.ts'

const MESSAGES = 200
/**
 * Time to wait after the last process was started, in milliseconds. During this time, processes with Redis also send their
 * notifications over PostgreSQL. See `WANTED_MS` in src/bus/redis/wanted.ts.
 */
const BOTH_MS = 16_000

/**
 * Sends messages at intervals through the process `from` to a client of the process `to`. Returns the delivery time of each
 * message in milliseconds. `from` and `to` may be the same process.
 */
const delays = async (from: Service, to: Service): Promise<number[]> => {
  const [token = ''] = from.tokens
  const sender = await from.open(token, 'rooms=')
  const reader = await to.open(token)
  await pause(300)
  reader.minBytes = 300
  const all: number[] = []
  let sentAt = 0
  reader.onFrames = () => all.push(performance.now() - sentAt)
  for (let at = 0; at < MESSAGES; at++) {
    sentAt = performance.now()
    sender.send(from.message('x'.repeat(300)))
    // The pause is random, so that the messages do not coincide with a timer of the service.
    await pause(15 + 10 * Math.random())
    while (all.length <= at) await pause(1)
  }
  sender.close()
  reader.close()
  return all
}

export const processes = async ({ rounds }: Effort): Promise<Row[]> => {
  const database = await createBenchDatabase()
  // The processes with Redis have a separate database. On a database with a process without Redis, they would also send over
  // PostgreSQL.
  const redisDatabase = isAvailable('redis') ? await createBenchDatabase() : undefined
  const redis = redisDatabase && (await startRedis())
  const env = { REDIS_URL: `redis://127.0.0.1:${redis?.port}` }
  const here = await startService(database)
  const there = await startService(database)
  const overRedis = redisDatabase && [
    await startService(redisDatabase, { env }),
    await startService(redisDatabase, { env })
  ]
  const [first, second] = overRedis ?? []
  if (overRedis) await pause(BOTH_MS)
  const runs = await interleave(rounds, {
    'one process': () => delays(here, here),
    'from one process to another': () => delays(here, there),
    ...(first && second ? { 'over Redis': () => delays(first, second) } : {})
  })
  for (const service of [here, there, ...(overRedis ?? [])]) await service.kill()
  await redis?.stop()
  for (const one of [database, redisDatabase]) await one?.drop()

  const overPostgres = new Map([...runs].filter(([name]) => name !== 'over Redis'))
  return [
    ...rowsOf('send to arrival', overPostgres, [{ beside: 'one process', as: 'difference', atMost: 2 }]),
    ...(redis
      ? rowsOf('send to arrival over Redis', runs, [{ beside: 'one process', as: 'difference', atMost: 1.5 }])
      : [])
  ]
}

const rowsOf = (title: string, runs: ReadonlyMap<string, readonly number[][]>, aims: Row['aims'] = []): Row[] =>
  ([0.5, 0.99] as const).map(share => ({
    title: `${title}, p${share * 100}`,
    short: `${title}, p${share * 100}`,
    unit: 'ms',
    runs: new Map([...runs].map(([name, all]) => [name, all.map(times => percentile(times, share))])),
    ...(share === 0.5 ? { aims } : {})
  }))
