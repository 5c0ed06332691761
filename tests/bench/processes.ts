/**
 * Compares the delivery times of a message through two processes on the same database: the process that stored the message, and
 * another process.
 */
import { createBenchDatabase } from './database.ts'
import { type Effort, interleave, pause, percentile, type Row } from './rows.ts'
import { type Service, startService } from './service.ts'

const MESSAGES = 200

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
  const here = await startService(database)
  const there = await startService(database)
  const runs = await interleave(rounds, {
    'one process': () => delays(here, here),
    'from one process to another': () => delays(here, there)
  })
  await here.kill()
  await there.kill()
  await database.drop()
  return ([0.5, 0.99] as const).map(share => ({
    title: `send to arrival, p${share * 100}`,
    short: `send to arrival, p${share * 100}`,
    unit: 'ms',
    runs: new Map([...runs].map(([name, all]) => [name, all.map(times => percentile(times, share))])),
    ...(share === 0.5 ? { aims: [{ beside: 'one process', as: 'difference', atMost: 2 } as const] } : {})
  }))
}
