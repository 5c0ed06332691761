/** Measures how the cost of a delivery grows with the number of sockets in a room. */
import { hasFilesFor } from './clients.ts'
import { createBenchDatabase } from './database.ts'
import { nodeGenerator } from './node-generator.ts'
import { type Effort, pause, type Row } from './rows.ts'
import { startService } from './service.ts'

const IN_FLIGHT = 16
const WARM_UP_SECONDS = 2

export const growthOfSockets = async ({ seconds }: Effort): Promise<Row> => {
  const sizes = [10, 100, 1000, 10_000].filter(size => size < 10_000 || hasFilesFor(size))
  const runs = new Map<string, number[]>()
  for (const size of sizes) {
    const database = await createBenchDatabase()
    // All sockets belong to one user, because the service then sends no changes of presence. Such frames would count as
    // deliveries.
    const service = await startService(database)
    const crowd = await nodeGenerator.connect(service, size)
    await pause(1000)
    await crowd.saturate(IN_FLIGHT, WARM_UP_SECONDS)
    const { perCpuSecond } = await crowd.saturate(IN_FLIGHT, seconds)
    runs.set(String(size), [1e6 / perCpuSecond])
    crowd.close()
    await service.kill()
    await database.drop()
  }
  return {
    title: `CPU per delivery, ${IN_FLIGHT} messages in flight`,
    short: 'CPU per delivery, 16 messages in flight',
    unit: 'µs',
    growing: 'sockets in a room',
    runs,
    aims: [{ beside: '1000', as: 'ratio', atMost: 1.2 }]
  }
}
