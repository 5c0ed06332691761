/**
 * Measures the time from send to arrival, with many and with few deliveries. Compares the service in alternating runs with a small
 * `ws` server that sends each message to all sockets in a loop.
 */
import { createBenchDatabase } from './database.ts'
import { generators } from './generators.ts'
import type { Crowd, Generator, Latency } from './load.ts'
import { startPeer } from './peer.ts'
import { type Aim, type Effort, interleave, pause, type Row } from './rows.ts'
import { startService } from './service.ts'

const LOOP = 'ws, a loop of send'
const PAIRS = 10
const MANY = { sockets: 1000, perSecond: 20 }
const FEW = { sockets: 10, perSecond: 1 }
const FEW_SECONDS = 10

interface Load {
  readonly sockets: number
  readonly perSecond: number
}

const measure = async (generator: Generator, { sockets, perSecond }: Load, rounds: number, seconds: number) => {
  const database = await createBenchDatabase()
  const loop = await startPeer('ws-loop')
  const service = await startService(database, { people: Math.min(generator.people, sockets) })
  const crowds: [string, Crowd][] = [
    [LOOP, await generator.connect(loop, sockets)],
    ['fastify-chat', await generator.connect(service, sockets)]
  ]
  // Waits until the service has announced all joined users, which takes up to five seconds.
  await pause(generator.people > 1 ? 7000 : 1000)
  const work = crowds.map(([name, crowd]) => [name, () => crowd.latency(perSecond, seconds)])
  const results = await interleave<Latency>(rounds, Object.fromEntries(work))
  for (const [, crowd] of crowds) crowd.close()
  await loop.kill()
  await service.kill()
  await database.drop()
  return results
}

const rowOf = (
  results: ReadonlyMap<string, Latency[]>,
  what: keyof Latency,
  title: string,
  short: string,
  aim: Aim
): Row => ({
  title: `${what} of send to arrival, ${title}`,
  short: `${what}, ${short}`,
  unit: 'ms',
  runs: new Map([...results].map(([name, all]) => [name, all.map(one => one[what])])),
  aims: [aim]
})

export const latency = async ({ seconds }: Effort): Promise<Row[]> => {
  const rows: Row[] = []
  for (const generator of generators()) {
    const from = `load generator in ${generator.name}`
    const many = await measure(generator, MANY, PAIRS, seconds)
    const few = await measure(generator, FEW, 3, FEW_SECONDS)
    const title = `${(MANY.sockets * MANY.perSecond).toLocaleString('en')} deliveries a second, ${from}`
    for (const what of ['p50', 'p99'] as const) {
      rows.push(rowOf(many, what, title, `20,000/s, ${generator.name}`, { beside: LOOP, as: 'ratio', atMost: 0.9 }))
    }
    const title2 = `${FEW.perSecond} message a second to ${FEW.sockets} sockets, ${from}`
    rows.push(rowOf(few, 'p50', title2, `1/s, ${generator.name}`, { beside: LOOP, as: 'difference', atMost: 0.3 }))
  }
  return rows
}
