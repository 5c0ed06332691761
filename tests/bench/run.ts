/**
 * Runs all benchmarks one after another: `npm run bench`, or `npm run bench -- durable memory` for some. Needs PostgreSQL
 * (TEST_DATABASE_URL, or the local server). With --write, updates the table in docs/performance.md and the files docs/bench.*.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { append } from './append.ts'
import { deliveries } from './deliveries.ts'
import { durable } from './durable.ts'
import { fernet } from './fernet.ts'
import { history } from './history.ts'
import { joining } from './joining.ts'
import { memory } from './memory.ts'
import { processes } from './processes.ts'
import { asMarkdown, asPlot, asText } from './report.ts'
import { resume } from './resume.ts'
import type { Row } from './rows.ts'
import { createBenchSchema, pinTo } from './subjects.ts'

const benchmarks = { deliveries, durable, history, processes, resume, joining, memory, append, fernet }
type Name = keyof typeof benchmarks

const args = process.argv.slice(2)
const isWriting = args.includes('--write')
const wanted = args.filter(arg => arg !== '--write')
const unknown = wanted.filter(name => !(name in benchmarks))
if (unknown.length > 0) {
  process.stderr.write(`Unknown benchmark: ${unknown.join(', ')}. Choose from ${Object.keys(benchmarks).join(', ')}.\n`)
  process.exit(2)
}
const names = (wanted.length > 0 ? wanted : Object.keys(benchmarks)) as Name[]

const conditions = async () => {
  const benchSchema = createBenchSchema()
  const [row] = await benchSchema.sql`show server_version`
  await benchSchema.drop()
  const [{ model = 'unknown' } = {}] = cpus()
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: `${cpus().length} x ${model}`,
    node: process.version,
    postgresql: String(row?.server_version)
  }
}

process.setMaxListeners(0)
// This process generates the load on the second core. The subjects run on the first.
pinTo(1, process.pid)
const about = await conditions()
const began = performance.now()
const rows: Row[] = []
for (const name of names) {
  const results = await benchmarks[name]()
  for (const row of results) process.stdout.write(`${asText(row)}\n`)
  rows.push(...results)
}
const minutes = ((performance.now() - began) / 60_000).toFixed(1)
process.stdout.write(`${minutes} minutes, ${JSON.stringify(about)}\n`)

if (isWriting) {
  const docs = join(import.meta.dirname, '../../docs')
  const plain = rows.map(row => ({ ...row, runs: Object.fromEntries(row.runs) }))
  writeFileSync(join(docs, 'bench.json'), `${JSON.stringify({ ...about, rows: plain }, null, 2)}\n`)
  writeFileSync(join(docs, 'bench.svg'), asPlot(rows))
  const page = join(docs, 'performance.md')
  const [before = '', rest = ''] = readFileSync(page, 'utf8').split('<!-- bench -->')
  const [, after = ''] = rest.split('<!-- /bench -->')
  const summary = `Measured on ${about.date} in ${minutes} minutes: ${about.cpu}, Node.js ${about.node}, PostgreSQL ${about.postgresql} on the same machine.`
  writeFileSync(page, `${before}<!-- bench -->\n\n${summary}\n\n${asMarkdown(rows)}\n\n<!-- /bench -->${after}`)
  execFileSync('npx', ['biome', 'format', '--write', page], { stdio: 'ignore' })
}
process.exit(0)
