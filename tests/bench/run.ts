/**
 * Runs the benchmarks one after another. `npm run bench` runs all benchmarks except for `scaling`, `snapshot` and `partitions`,
 * and `npm run bench -- durable memory` runs only these two. Needs PostgreSQL at TEST_DATABASE_URL or on this machine.
 *
 *   --write    updates the tables in docs/performance.md and the files docs/bench.json, docs/bench.svg and docs/growth.svg;
 *              if only some benchmarks run, replaces only their rows
 *   --compare  prints each result that has an aim, together with the committed result, and marks the results that moved by
 *              more than their spread
 *   --beside COMMIT
 *              also runs the service of another commit, in turns with this tree, and prints whether the median of this tree is
 *              within the range of the commit. The load, the peers and the packages are those of this tree
 *   --short    uses fewer and shorter runs; if no benchmarks are named, runs only `fan-out` and `durable`, which takes about
 *              one minute
 */

import { rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { append } from './append.ts'
import { compileCommit } from './commit.ts'
import { asComparison, asTurns, type Conditions, mergeRows, readResults } from './committed.ts'
import { conversations } from './conversations.ts'
import { dataCommands } from './data-commands.ts'
import { dropDatabases, serverVersion } from './database.ts'
import { durable } from './durable.ts'
import { fanOut } from './fan-out.ts'
import { fernet } from './fernet.ts'
import { growth } from './growth.ts'
import { history } from './history.ts'
import { joining } from './joining.ts'
import { latency } from './latency.ts'
import { memory } from './memory.ts'
import { metrics } from './metrics.ts'
import { openInboxes } from './open-inboxes.ts'
import { partitions } from './partitions.ts'
import { processes } from './processes.ts'
import { asText } from './report.ts'
import { resume } from './resume.ts'
import type { Effort, Row } from './rows.ts'
import { scaling } from './scaling.ts'
import { useProgram } from './service.ts'
import { snapshot } from './snapshot.ts'
import { killSubjects, pinTo } from './subjects.ts'
import { writeDocuments } from './write.ts'

const benchmarks: Readonly<Record<string, (effort: Effort) => Promise<Row[]>>> = {
  'fan-out': fanOut,
  latency,
  durable,
  history,
  ...conversations,
  'open-inboxes': openInboxes,
  processes,
  resume,
  'data-commands': dataCommands,
  joining,
  memory,
  metrics,
  growth,
  append,
  fernet,
  scaling,
  snapshot,
  partitions
}
/** The benchmarks that take several minutes each, and run only if they are named. */
const LONG: readonly string[] = ['scaling', 'snapshot', 'partitions']
/** The benchmarks that run functions of this tree instead of its service. */
const WITHOUT_SERVICE: readonly string[] = ['append', 'fernet']
/** The number of times that each benchmark runs with another commit and then with this tree. */
const TURNS = 2

const flag = { type: 'boolean', default: false } as const
const { values, positionals } = parseArgs({
  options: { write: flag, compare: flag, short: flag, beside: { type: 'string' } },
  allowPositionals: true
})
const unknown = positionals.filter(name => !(name in benchmarks))
if (unknown.length > 0) {
  process.stderr.write(`Unknown benchmark: ${unknown.join(', ')}. Choose from ${Object.keys(benchmarks).join(', ')}.\n`)
  process.exit(2)
}
const all = values.short ? ['fan-out', 'durable'] : Object.keys(benchmarks).filter(name => !LONG.includes(name))
const names = positionals.length > 0 ? positionals : all
const effort: Effort = values.short
  ? { isShort: true, rounds: 2, seconds: 1 }
  : { isShort: false, rounds: 3, seconds: 4 }

const conditionsOf = async (): Promise<Conditions> => {
  const [{ model = 'unknown' } = {}] = cpus()
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: `${cpus().length} x ${model}`,
    node: process.version,
    postgresql: await serverVersion()
  }
}

process.setMaxListeners(0)
// This process generates the load on the second core. The subjects run on the first core.
pinTo(1, process.pid)
const conditions = await conditionsOf()
const docs = join(import.meta.dirname, '../../docs')
const began = performance.now()

/** Runs a benchmark. Returns no rows if it fails. */
const measure = async (name: string): Promise<Row[]> => {
  try {
    return (await benchmarks[name]?.(effort)) ?? []
  } catch (error) {
    process.exitCode = 1
    killSubjects()
    await dropDatabases()
    const { stack } = error as Error
    process.stderr.write(`*** FAILED: ${name}. Run it again: npm run bench -- ${name} --write. ***\n${stack}\n`)
    return []
  }
}

/** Measures another commit and this tree in turns, and prints a comparison of each row. */
const measureBeside = async (commit: string): Promise<void> => {
  const { folder, program } = compileCommit(commit)
  for (const name of names.filter(name => !WITHOUT_SERVICE.includes(name))) {
    const [other, own]: [Row[], Row[]] = [[], []]
    for (let turn = 0; turn < TURNS; turn++) {
      useProgram(program)
      other.push(...(await measure(name)))
      useProgram()
      own.push(...(await measure(name)))
    }
    process.stdout.write(asTurns(other, own))
  }
  rmSync(folder, { recursive: true, force: true })
}

if (values.beside !== undefined) {
  await measureBeside(values.beside)
  process.exit()
}
const rows: Row[] = []
for (const name of names) {
  const results = await measure(name)
  for (const row of results) process.stdout.write(`${asText(row)}\n`)
  rows.push(...results)
}
const minutes = ((performance.now() - began) / 60_000).toFixed(1)
process.stdout.write(`${minutes} minutes, ${JSON.stringify(conditions)}\n`)
const committed = readResults(join(docs, 'bench.json'))
if (values.compare) {
  const { date, cpu } = committed
  process.stdout.write(`\nThe committed table (${date}, ${cpu}) -> this run\n${asComparison(committed.rows, rows)}`)
}
const isPart = positionals.length > 0 || values.short
if (values.write) writeDocuments(docs, conditions, isPart ? mergeRows(committed.rows, rows) : rows)
process.exit()
