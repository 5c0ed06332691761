/**
 * Compares the CPU time per message of this working tree with that of another commit. Both services run at the same time, each on
 * a database of its own, and are measured in turn, so that changes of the machine's load cancel out.
 *
 *   npm run bench:cpu -- <commit> [--pairs 10] [--load saturated]
 *
 * Prints, for the service, for its database connections and for both together, the CPU time of the commit divided by that of this
 * tree, with a 95 % interval. A ratio below 1 means that this tree needs more. Both services are compiled, because `tsx` adds a
 * function call wherever the code creates a function. Both use the packages of this tree. The first run of each is not counted. Ten
 * pairs take about four minutes. With `--load`, only one of the loads is measured.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { closeAll, connectMany, framesOf } from './clients.ts'
import { compileCommit, root } from './commit.ts'
import { type BenchDatabase, backendsOf, createBenchDatabase, dropDatabases } from './database.ts'
import { type Interval, intervalOf } from './interval.ts'
import { pause } from './rows.ts'
import { type Service, startService } from './service.ts'
import { killSubjects, nanosecondsOf, pinTo } from './subjects.ts'

const SENDERS = 20
/** The measured loads: how many messages each of the senders has in flight, and how many messages a run has. */
const LOADS = [
  { name: 'saturated', senders: SENDERS, inFlight: 50, messages: 20_000 },
  { name: 'one message in flight', senders: 1, inFlight: 1, messages: 2000 }
] as const

type Load = (typeof LOADS)[number]

interface Subject {
  readonly database: BenchDatabase
  readonly service: Service
}

/** CPU times in µs per message. */
interface Cost {
  readonly service: number
  readonly database: number
}

const startSubject = async (program: string): Promise<Subject> => {
  const database = await createBenchDatabase()
  return { database, service: await startService(database, { people: SENDERS, program }) }
}

/** Returns the CPU time of the service and of its database connections so far, in nanoseconds. */
const spent = async ({ database: { sql }, service }: Subject) => ({
  service: nanosecondsOf(service.pid),
  database: [...(await backendsOf(sql)).values()].reduce((sum, nanoseconds) => sum + nanoseconds, 0)
})

/** Sends the messages of a load, where each acknowledgement triggers the next message of its sender. */
const measure = async (subject: Subject, { senders, inFlight, messages }: Load): Promise<Cost> => {
  const { service } = subject
  let at = 0
  const clients = await connectMany(senders, () => service.open(service.tokens[at++] ?? '', 'rooms='))
  // Waits for the first frame of each connection. The code below treats every later frame as an acknowledgement.
  await pause(300)
  const frame = JSON.stringify({ type: 'message', content: 'x'.repeat(100), ref: 'r' })
  const run = async (count: number): Promise<void> => {
    const until = framesOf(clients) + count
    let left = count - senders * inFlight
    for (const client of clients) {
      client.onFrames = arrived => {
        const next = Math.min(arrived, left)
        left -= next
        if (next > 0) client.send(...Array.from({ length: next }, () => frame))
      }
      client.send(...Array.from({ length: inFlight }, () => frame))
    }
    while (framesOf(clients) < until) await pause(5)
  }
  await run(Math.ceil(messages / 5))
  const before = await spent(subject)
  await run(messages)
  const after = await spent(subject)
  closeAll(clients)
  const each = (part: 'service' | 'database'): number => (after[part] - before[part]) / messages / 1000
  return { service: each('service'), database: each('database') }
}

const PARTS: Readonly<Record<string, (cost: Cost) => number>> = {
  service: ({ service }) => service,
  database: ({ database }) => database,
  both: ({ service, database }) => service + database
}

const shown = ({ lower, ratio, upper }: Interval): string =>
  `${ratio.toFixed(3)} (${lower.toFixed(3)} to ${upper.toFixed(3)})`

const compare = async (other: Subject, ours: Subject, load: Load, pairs: number): Promise<void> => {
  const costs: { other: Cost; ours: Cost }[] = []
  for (let pair = 0; pair < pairs; pair++) {
    const order = pair % 2 === 0 ? [other, ours] : [ours, other]
    const results = new Map<Subject, Cost>()
    for (const subject of order) results.set(subject, await measure(subject, load))
    costs.push({ other: results.get(other) as Cost, ours: results.get(ours) as Cost })
  }
  for (const [name, of] of Object.entries(PARTS)) {
    const mean = (which: 'other' | 'ours'): string =>
      (costs.reduce((sum, cost) => sum + of(cost[which]), 0) / pairs).toFixed(1)
    const interval = intervalOf(costs.map(cost => of(cost.other) / of(cost.ours)))
    process.stdout.write(
      `${load.name}, ${name}: ${mean('other')} µs per message before, ${mean('ours')} now; ratio ${shown(interval)}\n`
    )
  }
}

const { values, positionals } = parseArgs({
  options: { pairs: { type: 'string' }, load: { type: 'string' } },
  allowPositionals: true
})
const [commit] = positionals
const pairs = Number(values.pairs ?? 10)
const loads = LOADS.filter(({ name }) => name === (values.load ?? name))
if (commit === undefined || !(pairs >= 2) || loads.length === 0) {
  const names = LOADS.map(({ name }) => `"${name}"`).join(' or ')
  process.stderr.write(`Usage: npm run bench:cpu -- <commit> [--pairs 10] [--load ${names}], with at least 2 pairs\n`)
  process.exit(2)
}
process.setMaxListeners(0)
pinTo(1, process.pid)
const { folder, program } = compileCommit(commit)
try {
  const [other, ours] = [await startSubject(program), await startSubject(join(root, 'dist/src/cli.js'))]
  // Runs each service once without counting the result, because Node.js optimizes its code during the first run, which takes CPU
  // time.
  for (const subject of [other, ours]) await measure(subject, LOADS[0])
  for (const load of loads) await compare(other, ours, load, pairs)
} finally {
  killSubjects()
  await dropDatabases()
  rmSync(folder, { recursive: true, force: true })
}
process.exit()
