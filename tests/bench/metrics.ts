/** Measures what metrics cost: deliveries per CPU second to the sockets of one room, with metrics and without. */
import { createBenchDatabase } from './database.ts'
import { generators } from './generators.ts'
import type { Crowd } from './load.ts'
import { type Effort, interleave, pause, type Row } from './rows.ts'
import { startService } from './service.ts'

const SOCKETS = 1000
const TOKEN = 'metrics-token-of-the-bench'
/** Interval of the scrapes in milliseconds. It is shorter than in production, so the cost in production is lower. */
const SCRAPE_MS = 5000

export const metrics = async ({ isShort, rounds, seconds }: Effort): Promise<Row[]> => {
  const [generator] = generators()
  if (!generator) return []
  // Uses two databases, because on one database each service would also deliver the messages of the other service.
  const databases = [await createBenchDatabase(), await createBenchDatabase()] as const
  const people = isShort ? 1 : 100
  const without = await startService(databases[0], { people })
  const measured = await startService(databases[1], { people, env: { METRICS_TOKEN: TOKEN } })
  const scrape = () => fetch(`${measured.url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })
  const scraping = setInterval(() => void scrape().then(response => response.text()), SCRAPE_MS)
  const crowds: [string, Crowd][] = [
    ['without metrics', await generator.connect(without, SOCKETS)],
    ['with metrics', await generator.connect(measured, SOCKETS)]
  ]
  await pause(people > 1 ? 7000 : 1000)
  // Does not count the first run of each process, which is slower because the code is not optimized yet.
  for (const [, crowd] of crowds) await crowd.saturate(16, seconds)
  const rows: Row[] = []
  for (const inFlight of [16, 1]) {
    const work = crowds.map(([name, crowd]) => [name, () => crowd.saturate(inFlight, seconds)])
    const results = await interleave<{ perCpuSecond: number }>(rounds, Object.fromEntries(work))
    rows.push({
      title: `fan-out with metrics, ${inFlight} in flight, ${SOCKETS} sockets, load generator in ${generator.name}`,
      short: `metrics, ${inFlight} in flight`,
      unit: 'deliveries per CPU second of the server',
      runs: new Map([...results].map(([name, all]) => [name, all.map(({ perCpuSecond }) => perCpuSecond)])),
      aims: [{ beside: 'without metrics', as: 'ratio', atLeast: 0.95 }],
      note: `One scrape every ${SCRAPE_MS / 1000} s.`
    })
  }
  clearInterval(scraping)
  for (const [, crowd] of crowds) crowd.close()
  for (const subject of [without, measured]) await subject.kill()
  for (const database of databases) await database.drop()
  return rows
}
