/** Writes the results to docs: bench.json, the plots and the generated parts of performance.md. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Conditions, writeResults } from './committed.ts'
import { asGrowthPlot } from './growth-plot.ts'
import { asPlot } from './plot.ts'
import { asGrowthMarkdown, asMarkdown } from './report.ts'
import type { Row } from './rows.ts'

/** Replaces the part of a page between `<!-- name -->` and `<!-- /name -->`. Throws if the page has no such part. */
const replacePart = (page: string, name: string, text: string): string => {
  const [before, rest] = page.split(`<!-- ${name} -->`)
  const [, after] = rest?.split(`<!-- /${name} -->`) ?? []
  if (after === undefined) throw new Error(`docs/performance.md has no part ${name}. Add its two comments.`)
  return `${before}<!-- ${name} -->\n\n${text}\n\n<!-- /${name} -->${after}`
}

export const writeDocuments = (docs: string, conditions: Conditions, rows: readonly Row[]): void => {
  const { date, cpu, node, postgresql } = conditions
  writeResults(join(docs, 'bench.json'), conditions, rows)
  writeFileSync(join(docs, 'bench.svg'), asPlot(rows))
  writeFileSync(join(docs, 'growth.svg'), asGrowthPlot(rows))
  const path = join(docs, 'performance.md')
  const summary = `Measured on ${date}: ${cpu}, Node.js ${node}, PostgreSQL ${postgresql} on the same machine.`
  const page = replacePart(readFileSync(path, 'utf8'), 'bench', `${summary}\n\n${asMarkdown(rows)}`)
  const plot = '![Costs by the number of sockets, rooms and stored messages](growth.svg)'
  writeFileSync(path, replacePart(page, 'growth', `${plot}\n\n${asGrowthMarkdown(rows)}`))
  execFileSync('npx', ['biome', 'format', '--write', path], { stdio: 'ignore' })
}
