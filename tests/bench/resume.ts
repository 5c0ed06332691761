/**
 * Measures how clients of a killed process resume on another process after they have missed many messages. Measures the time
 * until every client is up to date, and the CPU time, memory and queries of the other process.
 */
import { connectMany, framesOf, hasFilesFor } from './clients.ts'
import { type BenchDatabase, createBenchDatabase } from './database.ts'
import { pause, type Row, seconds } from './rows.ts'
import { type Service, startService } from './service.ts'

const BEHIND = 500
const TIMEOUT_MS = 300_000
/**
 * How long the idle service is measured, in seconds. This includes at least one poll, because the service polls at intervals of
 * up to 5 s.
 */
const IDLE_SECONDS = 6

interface Measurement {
  readonly connectSeconds: number
  readonly seconds: number
  readonly cpu: number
  readonly memory: { readonly before: number; readonly peak: number }
  /** The number of queries that the service sent for the resumption. Excludes the queries that an idle service also sends. */
  readonly queries: number
}

/** Appends the messages that the clients miss. */
const fallBehind = async (service: Service, text: string): Promise<void> => {
  const sender = await service.open(service.tokens[0] ?? '', 'rooms=')
  await pause(300)
  const { frames } = sender
  for (let at = 0; at < BEHIND; at++) sender.send(JSON.stringify({ type: 'message', content: text, ref: 'r' }))
  while (sender.frames < frames + BEHIND) await pause(10)
  sender.close()
}

/**
 * Returns the number of queries so far. PostgreSQL counts each query outside of a transaction block as a transaction, and
 * updates the counter within a second.
 */
const queriesOf = async ({ sql }: BenchDatabase): Promise<number> => {
  await pause(1500)
  const [row] = await sql`select xact_commit::int as count from pg_stat_database where datname = current_database()`
  return Number(row?.count)
}

/** Connects clients that subscribe from the first message. Resolves when every client has received all messages. */
const resumeAll = async (service: Service, tokens: readonly string[]): Promise<void> => {
  let at = 0
  const began = performance.now()
  const clients = await connectMany(tokens.length, async () => {
    const client = await service.open(tokens[at++] ?? '', 'rooms=')
    client.onlyMessages = true
    client.send(JSON.stringify({ type: 'subscribe', room: 'general', after: 0 }))
    return client
  })
  while (!clients.every(({ frames }) => frames >= BEHIND)) {
    if (performance.now() - began > TIMEOUT_MS)
      throw new Error(`Only ${framesOf(clients)} missed messages arrived in time.`)
    await pause(20)
  }
  if (framesOf(clients) !== clients.length * BEHIND) throw new Error('A client received a message twice.')
}

const measure = async (count: number, text: string): Promise<Measurement> => {
  const database = await createBenchDatabase()
  const killed = await startService(database, { people: count })
  const remaining = await startService(database)
  const connectSeconds = await seconds(() => connectMany(count, () => killed.connect()))
  await pause(1000)
  await killed.kill()
  await fallBehind(remaining, text)

  const idleFrom = await queriesOf(database)
  await pause(IDLE_SECONDS * 1000)
  const from = await queriesOf(database)
  const idlePerSecond = (from - idleFrom) / (IDLE_SECONDS + 1.5)
  const before = remaining.peakMemory()
  const cpu = remaining.cpu()
  const took = await seconds(() => resumeAll(remaining, killed.tokens))
  const usedCpu = remaining.cpu() - cpu
  const peak = remaining.peakMemory()
  const queries = (await queriesOf(database)) - from - idlePerSecond * (took + 1.5)
  await remaining.kill()
  await database.drop()
  return { connectSeconds, seconds: took, cpu: usedCpu, memory: { before, peak }, queries: Math.max(0, queries) }
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`

const shown = (name: string, { connectSeconds, cpu, memory, queries }: Measurement): string =>
  `${name}: ${connectSeconds.toFixed(1)} s to connect; to resume ${cpu.toFixed(1)} s of CPU, at most ${megabytes(memory.peak)} (before: ${megabytes(memory.before)}), ${Math.round(queries)} queries.`

/** Returns rows that compare the costs for many clients with the costs for few clients. */
const growthOf = (results: ReadonlyMap<string, Measurement>): Row[] => {
  const [few = '', many = ''] = [...results.keys()]
  const row = (title: string, unit: string, atMost: number, of: (one: Measurement) => number): Row => ({
    title: `sockets lose their process and resume on another, ${BEHIND} messages behind: ${title}`,
    short: `resume, ${many}: ${title}`,
    unit,
    runs: new Map([...results].map(([name, one]) => [name, [of(one)]])),
    aims: [{ beside: few, as: 'ratio', atMost }]
  })
  const note = `${[...results].map(([name, one]) => shown(name, one)).join(' ')} The queries look up users, several in each.`
  return [
    { ...row('time', 'seconds until the last socket has all', 12, one => one.seconds), note },
    row('queries', 'queries', 1.5, one => one.queries)
  ]
}

export const resume = async (): Promise<Row[]> => {
  const long = await measure(1000, 'x'.repeat(4000))
  const row: Row = {
    title: `1,000 sockets resume on another process, ${BEHIND} messages of 4,000 characters behind`,
    short: 'resume',
    unit: 'seconds until the last socket has all',
    runs: new Map([['fastify-chat', [long.seconds]]]),
    note: `${shown('fastify-chat', long)} ${((1000 * BEHIND * 4000) / long.seconds / 2 ** 20).toFixed(0)} MB/s of text.`
  }
  if (!hasFilesFor(10_000)) return [row]
  const results = new Map<string, Measurement>()
  for (const count of [1000, 10_000]) {
    results.set(`${count.toLocaleString('en')} sockets`, await measure(count, 'x'.repeat(100)))
  }
  return [row, ...growthOf(results)]
}
