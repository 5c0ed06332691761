/** Measures the memory of an idle connection that is subscribed to a room. */
import { pause, type Row } from './rows.ts'
import { connectMany, createBenchSchema, type Subject, startPeer, startService } from './subjects.ts'

const CONNECTIONS = 5000

/** Returns bytes per connection, without the first 500, which also allocate the shared structures. */
const bytesEach = async (subject: Subject): Promise<number> => {
  const first = await connectMany(500, () => subject.connect())
  await pause(6000)
  const before = await subject.memory()
  const more = await connectMany(CONNECTIONS, () => subject.connect())
  await pause(6000)
  const each = ((await subject.memory()) - before) / CONNECTIONS
  for (const client of [...first, ...more]) client.close()
  return each
}

export const memory = async (): Promise<Row[]> => {
  const runs = new Map<string, number[]>([
    ['@fastify/websocket alone', []],
    ['fastify-chat', []]
  ])
  for (let round = 0; round < 2; round++) {
    const bare = await startPeer('fastify-websocket')
    runs.get('@fastify/websocket alone')?.push(await bytesEach(bare))
    await bare.kill()
    const benchSchema = createBenchSchema()
    const service = await startService(benchSchema, { people: 200 })
    runs.get('fastify-chat')?.push(await bytesEach(service))
    await service.kill()
    await benchSchema.drop()
  }
  return [
    {
      title: `memory per idle connection that is subscribed to a room, of ${CONNECTIONS.toLocaleString('en')}`,
      short: 'memory per connection',
      unit: 'bytes, resident',
      runs,
      aims: [{ beside: 'fastify-chat', as: 'value', atMost: 14 * 1024 }]
    }
  ]
}
