/** Measures the CPU time that the service needs when one more user joins a room, for different numbers of users in the room. */
import { connectMany } from './clients.ts'
import { createBenchDatabase } from './database.ts'
import { pause, type Row } from './rows.ts'
import { startService } from './service.ts'

const STEP = 250
const PEOPLE = 1250

export const joining = async (): Promise<Row[]> => {
  const database = await createBenchDatabase()
  const service = await startService(database, { people: PEOPLE })
  const runs = new Map<string, number[]>()
  for (let present = 0; present < PEOPLE; present += STEP) {
    const before = service.cpu()
    await connectMany(STEP, () => service.connect())
    await pause(1500)
    runs.set(`with ${present} present`, [(1000 * (service.cpu() - before)) / STEP])
  }
  await service.kill()
  await database.drop()
  return [
    {
      title: 'joining: CPU of the server for one more user',
      short: 'joining',
      unit: 'ms',
      runs,
      aims: [{ beside: `with ${STEP} present`, as: 'ratio', atMost: 1.5 }],
      note: 'The cost of each user does not depend on how many are present.'
    }
  ]
}
