/**
 * Measures how many history pages the service returns per second on ten HTTP connections. A page has 50 messages. Measures the
 * newest page, and pages at random positions of the log.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBenchDatabase } from './database.ts'
import { startPeer } from './peer.ts'
import { type Effort, interleave, type Row, spread } from './rows.ts'
import { startService } from './service.ts'
import { loadCpu, type Subject } from './subjects.ts'

const ROWS = 20_000
const PAGE = 50

// Calls `require`, because the type check of the project would reject an `import`. The package is installed only in this
// folder, and the type check runs without it.
const autocannon = createRequire(import.meta.url)('autocannon')

interface Run {
  readonly perSecond: number
  readonly perCpuSecond: number
  /** The share of its core that the load generator used, from 0 to 1. */
  readonly load: number
}

/** Sends requests to a URL on ten connections for `seconds` seconds. */
const load = async (
  subject: Pick<Subject, 'cpu'>,
  { url, seconds, token = '', more = {} }: { url: string; seconds: number; token?: string; more?: object }
): Promise<Run> => {
  const headers = { authorization: `Bearer ${token}` }
  const before = { cpu: subject.cpu(), load: loadCpu() }
  const result = await autocannon({ url, connections: 10, duration: seconds, headers, ...more })
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${url} returned ${result.non2xx} error responses, and ${result.errors} requests failed.`)
  const { total } = result.requests
  return {
    perSecond: total / result.duration,
    perCpuSecond: total / (subject.cpu() - before.cpu),
    load: (loadCpu() - before.load) / result.duration
  }
}

const ROUTE = 'a Fastify route, the same bytes'
const NEWEST = 'fastify-chat, newest page'
const RANDOM = 'fastify-chat, pages at random'

const perSecond = (runs: ReadonlyMap<string, readonly Run[]>): Map<string, number[]> =>
  new Map([...runs].map(([name, all]) => [name, all.map(run => run.perSecond)]))

/**
 * Returns the note of the row: the requests per CPU second of the service, divided by those of the Fastify route. A slow load
 * generator lowers the requests per second, but not this ratio.
 */
const noteOf = (runs: ReadonlyMap<string, readonly Run[]>, ours: string): string => {
  const median = (name: string, field: keyof Run): number =>
    spread((runs.get(name) ?? []).map(run => run[field])).median
  const ratio = median(ours, 'perCpuSecond') / median(ROUTE, 'perCpuSecond')
  const share = (name: string): string => median(name, 'load').toFixed(2)
  return `By requests per CPU second of the server: x${ratio.toFixed(2)} of the route. The load used ${share(ours)} of its core, and ${share(ROUTE)} for the route.`
}

export const history = async ({ rounds, seconds }: Effort): Promise<Row[]> => {
  const database = await createBenchDatabase()
  const service = await startService(database)
  const token = service.tokens[0] ?? ''
  const writer = await service.open(token, 'rooms=')
  const frame = JSON.stringify({ type: 'message', content: 'x'.repeat(100), ref: 'r' })
  for (let at = 0; at < ROWS / 100; at++) {
    const { frames } = writer
    writer.send(...Array.from({ length: 100 }, () => frame))
    while (writer.frames < frames + 100) await new Promise(setImmediate)
  }
  writer.close()

  const newest = `${service.url}/api/chat/messages?limit=${PAGE}`
  const page = await fetch(newest, { headers: { authorization: `Bearer ${token}` } })
  const text = await page.text()
  const { length } = JSON.parse(text) as unknown[]
  if (length !== PAGE) throw new Error(`The newest page has ${length} messages instead of ${PAGE}.`)
  const folder = mkdtempSync(join(tmpdir(), 'chat-bench-'))
  const body = join(folder, 'page.json')
  writeFileSync(body, text)
  const route = await startPeer('fastify-route', { BODY: body })
  const bare = await startPeer('postgres.js', { DATABASE_URL: database.url, ROWS: String(ROWS) })
  const routeUrl = `http://127.0.0.1:${route.port}/`
  const setupRequest = (request: object) => {
    const before = PAGE + 1 + Math.floor(Math.random() * (ROWS - PAGE))
    return { ...request, path: `/api/chat/rooms/general/messages?before=${before}&limit=${PAGE}` }
  }

  const newestRuns = await interleave(rounds, {
    [ROUTE]: () => load(route, { url: routeUrl, seconds }),
    [NEWEST]: () => load(service, { url: newest, seconds, token })
  })
  const olderRuns = await interleave(rounds, {
    [ROUTE]: () => load(route, { url: routeUrl, seconds }),
    'postgres.js alone': async () => {
      const perSecond = Number(await bare.request(String(seconds * 1000)))
      return { perSecond, perCpuSecond: Number.NaN, load: 0 }
    },
    [RANDOM]: () =>
      load(service, { url: service.url, seconds, token, more: { requests: [{ method: 'GET', setupRequest }] } })
  })
  for (const subject of [service, route, bare]) await subject.kill()
  await database.drop()
  rmSync(folder, { recursive: true })
  return [
    {
      title: `newest history page of ${PAGE}, 10 connections`,
      short: 'newest history page',
      unit: 'requests/s',
      runs: perSecond(newestRuns),
      aims: [{ beside: ROUTE, as: 'ratio', atLeast: 0.6 }],
      note: noteOf(newestRuns, NEWEST)
    },
    {
      title: `history pages of ${PAGE} anywhere in ${ROWS.toLocaleString('en')} messages, 10 connections`,
      short: 'older history pages',
      unit: 'requests/s',
      runs: perSecond(olderRuns),
      aims: [{ beside: ROUTE, as: 'ratio', atLeast: 0.4 }],
      note: `postgres.js reads the same rows and decrypts nothing. ${noteOf(olderRuns, RANDOM)}`
    }
  ]
}
