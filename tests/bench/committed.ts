/** Reads and writes the committed results in docs/bench.json, and compares the results of a run with them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { figure, range } from './report.ts'
import { type Aim, compare, type Row, type Spread, spread } from './rows.ts'

/** A row in the JSON file, where `runs` is an object instead of a map. */
type StoredRow = Omit<Row, 'runs'> & { readonly runs: Readonly<Record<string, readonly number[]>> }

export interface Conditions {
  readonly date: string
  readonly cpu: string
  readonly node: string
  readonly postgresql: string
}

export const writeResults = (path: string, conditions: Conditions, rows: readonly Row[]): void => {
  const stored = rows.map(row => ({ ...row, runs: Object.fromEntries(row.runs) }))
  writeFileSync(path, `${JSON.stringify({ ...conditions, rows: stored }, null, 2)}\n`)
}

export const readResults = (path: string): Conditions & { readonly rows: readonly Row[] } => {
  const { rows, ...conditions } = JSON.parse(readFileSync(path, 'utf8')) as Conditions & { rows: StoredRow[] }
  return { ...conditions, rows: rows.map(row => ({ ...row, runs: new Map(Object.entries(row.runs)) })) }
}

/** Replaces the committed rows that were measured again. Adds new rows at the end. */
export const mergeRows = (committed: readonly Row[], rows: readonly Row[]): Row[] => {
  const again = new Map(rows.map(row => [row.title, row]))
  const known = committed.map(row => again.get(row.title) ?? row)
  return [...known, ...rows.filter(({ title }) => !committed.some(row => row.title === title))]
}

/**
 * Returns whether a value moved by more than its spread. This is the case if each of the two medians is outside the range of the
 * other measurement.
 */
export const hasMoved = (before: Spread, now: Spread): boolean => {
  const isOutside = ({ median }: Spread, { min, max }: Spread) => median < min || median > max
  return isOutside(now, before) && isOutside(before, now)
}

const lineOf = (before: Row, now: Row, aim: Aim): string => {
  const [then, today] = [compare(before, aim), compare(now, aim)]
  const format = (value: number) => (aim.as === 'ratio' ? `x${figure(value)}` : figure(value))
  // A result of a single run has no spread, so the comparison cannot show whether the value has moved.
  const isSingle = then.min === then.max && today.min === today.max
  const mark = !isSingle && hasMoved(then, today) ? '  ** moved **' : ''
  return `  ${range(then, format).padEnd(24)} -> ${range(today, format).padEnd(24)} beside ${aim.beside}${mark}`
}

/** Formats the result for each aim next to the committed result. Marks the results that moved by more than their spread. */
export const asComparison = (committed: readonly Row[], rows: readonly Row[]): string =>
  rows
    .flatMap(row => {
      const before = committed.find(({ title }) => title === row.title)
      const aims = (row.aims ?? []).filter(({ beside }) => before?.runs.has(beside))
      if (!before) return [row.title, '  not in the committed table']
      return [row.title, ...aims.map(aim => lineOf(before, row, aim))]
    })
    .concat('')
    .join('\n')

/** Returns the results of the service in all rows with the title `wanted`. */
const runsOf = (rows: readonly Row[], wanted: string): number[] =>
  rows.flatMap(({ title, runs }) => (title === wanted ? ([...runs.values()].at(-1) ?? []) : []))

/**
 * Formats the results of another commit next to the results of this tree. Marks a row if the median of this tree is outside the
 * range of the commit.
 */
export const asTurns = (other: readonly Row[], own: readonly Row[]): string =>
  [...new Map(own.map(row => [row.title, row])).values()]
    .map(({ title, unit }) => {
      const [before, now] = [spread(runsOf(other, title)), spread(runsOf(own, title))]
      const mark = now.median < before.min || now.median > before.max ? '  ** outside **' : ''
      return `${title} [${unit}]\n  ${range(before)} -> ${range(now)}, x${figure(now.median / before.median)}${mark}\n`
    })
    .join('')
