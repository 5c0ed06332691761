/** Measures how many deliveries per CPU second each subject makes to the sockets of one room. */
import { createBenchDatabase } from './database.ts'
import { generators } from './generators.ts'
import type { Crowd, Generator, Saturation } from './load.ts'
import { startPeer } from './peer.ts'
import { type Effort, interleave, pause, type Row, spread } from './rows.ts'
import { startService } from './service.ts'
import type { Subject } from './subjects.ts'

const SOCKETS = 1000
const CHUNK = 'ws, one concatenated write'
const LOOP = 'ws, a loop of send'

type Results = ReadonlyMap<string, readonly Saturation[]>

const pick = (results: Results, what: keyof Saturation) =>
  new Map([...results].map(([name, all]) => [name, all.map(one => one[what])]))

/**
 * Returns the note of a row: the number of entries per socket write, and how busy the load generator was. The results depend on
 * both.
 */
const noteOf = (results: Results): string => {
  const writes = [...pick(results, 'perWrite')].map(([name, all]) => `${spread(all).median.toFixed(1)} (${name})`)
  const loads = [...pick(results, 'load').values()].flat()
  const best = Math.max(...[...pick(results, 'perSecond').values()].flat())
  return [
    `Entries per socket write: ${writes.join(', ')}.`,
    `The load used ${spread(loads).median.toFixed(2)} of its core (at most ${spread(loads).max.toFixed(2)})`,
    `and counted up to ${Math.round(best).toLocaleString('en')} deliveries a second.`
  ].join(' ')
}

/** Measures every subject with one generator, first with 16 messages in flight and then with one. */
const measure = async (generator: Generator, { isShort, rounds, seconds }: Effort): Promise<Results[]> => {
  const database = await createBenchDatabase()
  const people = isShort ? 1 : Math.min(generator.people, SOCKETS)
  const subjects: Record<string, Subject> = {
    [CHUNK]: await startPeer('ws-chunk'),
    [LOOP]: await startPeer('ws-loop'),
    'Socket.IO': await startPeer('socket.io'),
    'fastify-chat': await startService(database, { people })
  }
  const crowds: [string, Crowd][] = []
  for (const [name, subject] of Object.entries(subjects)) crowds.push([name, await generator.connect(subject, SOCKETS)])
  // Waits until the service has announced all joined users, which takes up to five seconds.
  await pause(people > 1 ? 7000 : 1000)
  const results: Results[] = []
  for (const inFlight of [16, 1]) {
    const work = crowds.map(([name, crowd]) => [name, () => crowd.saturate(inFlight, seconds)])
    results.push(await interleave(rounds, Object.fromEntries(work)))
  }
  for (const [, crowd] of crowds) crowd.close()
  for (const subject of Object.values(subjects)) await subject.kill()
  await database.drop()
  return results
}

export const fanOut = async (effort: Effort): Promise<Row[]> => {
  const rows: Row[] = []
  for (const generator of effort.isShort ? generators().slice(0, 1) : generators()) {
    const [many = new Map(), one = new Map()] = await measure(generator, effort)
    const from = `${SOCKETS.toLocaleString('en')} sockets, load generator in ${generator.name}`
    const unit = 'deliveries per CPU second of the server'
    rows.push(
      {
        title: `fan-out, 16 messages in flight, ${from}`,
        short: `fan-out, 16 in flight, ${generator.name}`,
        unit,
        runs: pick(many, 'perCpuSecond'),
        aims: [
          { beside: CHUNK, as: 'ratio', atLeast: 0.85 },
          { beside: 'Socket.IO', as: 'ratio', atLeast: 14 }
        ],
        note: noteOf(many)
      },
      {
        title: `fan-out, one message in flight, ${from}`,
        short: `fan-out, 1 in flight, ${generator.name}`,
        unit,
        runs: pick(one, 'perCpuSecond'),
        aims: [
          { beside: LOOP, as: 'ratio', atLeast: 1.15 },
          { beside: 'Socket.IO', as: 'ratio', atLeast: 1.2 }
        ],
        note: noteOf(one)
      }
    )
  }
  return rows
}
