/**
 * Measures open inboxes: the memory of each, and the CPU time of the service for a message in a room that all of them show.
 */
import { closeAll, connectMany, hasFilesFor } from './clients.ts'
import { addRoom, addUsers, post, tokensFor } from './conversations-data.ts'
import { createBenchDatabase } from './database.ts'
import { type Effort, pause, type Row } from './rows.ts'
import { startService } from './service.ts'

const MANY = 10_000
const OWN = 'fastify-chat'

export const openInboxes = async ({ seconds }: Effort): Promise<Row[]> => {
  if (!hasFilesFor(MANY)) return []
  const database = await createBenchDatabase()
  const service = await startService(database, { env: { MAX_LOOP_DELAY_MS: '0' } })
  await addUsers(database, MANY)
  await addRoom(database, 'everybody', MANY)
  await addRoom(database, 'nobody', 1)
  const tokens = await tokensFor(database, service, MANY)
  const hold = async (query: string) => {
    let at = 0
    const clients = await connectMany(MANY, () => service.open(tokens[at++] ?? '', query))
    while (clients.some(({ frames }) => frames < (query.includes('inbox') ? 2 : 1))) await pause(100)
    await pause(3000)
    return clients
  }
  const perMessage = async (room: string): Promise<number> => {
    await post(service, room, 1)
    await pause(1500)
    const began = service.cpu()
    for (let sent = 0; sent < 2 * seconds; sent++) {
      await post(service, room, 1)
      await pause(1500)
    }
    return (1000 * (service.cpu() - began)) / (2 * seconds)
  }
  const empty = await service.memory()
  closeAll(await hold('rooms='))
  await pause(3000)
  const before = await service.memory()
  const plain = await hold('rooms=')
  const without = await service.memory()
  closeAll(plain)
  await pause(3000)
  const clients = await hold('rooms=&inbox=true')
  const withInbox = await service.memory()
  const counts = new Map([
    ['a room that no inbox shows', [await perMessage('nobody')]],
    [OWN, [await perMessage('everybody')]]
  ])
  closeAll(clients)
  await service.kill()
  await database.drop()
  const bytes = (value: number): number[] => [(value - Math.min(empty, before)) / MANY]
  return [
    {
      title: `memory of each of ${MANY.toLocaleString('en')} connections with an open inbox`,
      unit: 'bytes, resident',
      runs: new Map([
        ['without an inbox', bytes(without)],
        [OWN, bytes(withInbox)]
      ])
    },
    {
      title: `CPU of a message to a room that ${MANY.toLocaleString('en')} open inboxes show, one message in 1.5 s`,
      unit: 'ms',
      runs: counts
    }
  ]
}
