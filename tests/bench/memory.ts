/** What a connection that follows a room and says nothing costs. */
import { pause, type Row } from './rows.ts'
import { connectMany, openPlace, type Subject, startPeer, startService } from './subjects.ts'

const CONNECTIONS = 5000

/** Bytes per connection: those of the first few hundred made the structures that the others share. */
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
    const place = openPlace()
    const service = await startService(place, { people: 200 })
    runs.get('fastify-chat')?.push(await bytesEach(service))
    await service.kill()
    await place.drop()
  }
  return [
    {
      title: `memory per idle connection that follows a room, of ${CONNECTIONS.toLocaleString('en')}`,
      short: 'memory per connection',
      unit: 'bytes, resident',
      runs,
      aims: [{ beside: 'fastify-chat', as: 'value', atMost: 14 * 1024 }]
    }
  ]
}
