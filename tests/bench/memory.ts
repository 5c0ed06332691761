/** Measures the memory of an idle connection that is subscribed to a room. */
import { createBenchDatabase } from './database.ts'
import { generators } from './generators.ts'
import type { Generator } from './load.ts'
import { startPeer } from './peer.ts'
import { type Effort, interleave, pause, type Row } from './rows.ts'
import { startService } from './service.ts'
import type { Subject } from './subjects.ts'

const CONNECTIONS = 5000
const BARE = '@fastify/websocket alone'

/**
 * Returns the bytes per connection. The first 500 connections are not counted, because they also allocate shared structures.
 */
const bytesEach = async (generator: Generator, subject: Subject): Promise<number> => {
  const closeFirst = await generator.hold(subject, 500)
  await pause(6000)
  const before = await subject.memory()
  const closeMore = await generator.hold(subject, CONNECTIONS)
  await pause(6000)
  const each = ((await subject.memory()) - before) / CONNECTIONS
  closeFirst()
  closeMore()
  await subject.kill()
  return each
}

export const memory = async ({ rounds }: Effort): Promise<Row[]> => {
  const rows: Row[] = []
  for (const generator of generators()) {
    const runs = await interleave(rounds, {
      [BARE]: async () => bytesEach(generator, await startPeer('fastify-websocket')),
      async 'fastify-chat'() {
        const database = await createBenchDatabase()
        const service = await startService(database, { people: Math.min(200, generator.people) })
        const each = await bytesEach(generator, service)
        await database.drop()
        return each
      }
    })
    rows.push({
      title: `memory per idle connection that is subscribed to a room, of ${CONNECTIONS.toLocaleString('en')}, load generator in ${generator.name}`,
      short: `memory per connection, ${generator.name}`,
      unit: 'bytes, resident',
      runs,
      aims: [{ beside: BARE, as: 'ratio', atMost: 1.03 }]
    })
  }
  return rows
}
