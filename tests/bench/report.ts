/** Formats rows as text for the terminal, and as tables for docs/performance.md. */
import { type Aim, compare, isReached, type Row, type Spread, spread } from './rows.ts'

export const figure = (value: number, digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })

export const range = ({ min, median, max }: Spread, of: (value: number) => string = figure): string =>
  min === max ? of(median) : `${of(median)} (${of(min)} – ${of(max)})`

const isComparison = ({ growing }: Row): boolean => growing === undefined

const bound = ({ atLeast, atMost }: Aim): string => (atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`)

const verdict = (row: Row, aim: Aim): string => {
  const value = range(compare(row, aim), value => (aim.as === 'ratio' ? `x${figure(value)}` : figure(value)))
  const of = aim.as === 'value' ? '' : ` of ${aim.beside}`
  return `${value}${of}; aim ${bound(aim)}: ${isReached(row, aim) ? 'reached' : 'missed'}`
}

export const asText = (row: Row): string => {
  const { title, unit, runs, aims = [], note } = row
  return [
    `${title} [${unit}]`,
    ...[...runs].map(([name, all]) => `  ${name.padEnd(36)} ${range(spread(all))}`),
    ...aims.map(aim => `  → ${verdict(row, aim)}`),
    ...(note === undefined ? [] : [`  ${note}`]),
    ''
  ].join('\n')
}

/** Formats the rows that compare the service with peers as a Markdown table, and their notes as a list below it. */
export const asMarkdown = (rows: readonly Row[]): string =>
  [
    '| what | subject | median (min – max) | ours beside it |',
    '| --- | --- | --- | --- |',
    ...rows.filter(isComparison).flatMap(row =>
      [...row.runs].map(([name, all], at, { length }) => {
        const aims = (row.aims ?? []).filter(aim => aim.beside === name || (aim.as === 'value' && at === length - 1))
        const what = at === 0 ? `**${row.title}**, ${row.unit}` : ''
        const words = aims.map(aim => verdict(row, aim).replace(` of ${aim.beside}`, ''))
        return `| ${what} | ${name} | ${range(spread(all))} | ${words.join('; ')} |`
      })
    ),
    '',
    ...rows.filter(isComparison).flatMap(({ title, note }) => (note === undefined ? [] : [`- **${title}:** ${note}`]))
  ].join('\n')

/** Formats the rows about growth as Markdown tables, one table for each quantity that grows. */
export const asGrowthMarkdown = (rows: readonly Row[]): string => {
  const all = rows.filter(row => !isComparison(row))
  const tables = [...new Set(all.map(({ growing = '' }) => growing))]
  return tables
    .map(growing =>
      growthTable(
        growing,
        all.filter(row => row.growing === growing)
      )
    )
    .join('\n\n')
}

const growthTable = (growing: string, rows: readonly Row[]): string => {
  const sizes = [...(rows[0]?.runs.keys() ?? [])]
  return [
    `| ${growing} | ${sizes.map(size => figure(Number(size), 0)).join(' | ')} | last beside an earlier one |`,
    `| --- |${' --- |'.repeat(sizes.length + 1)}`,
    ...rows.map(row => {
      const values = [...row.runs.values()].map(all => figure(spread(all).median))
      return `| ${row.title}, ${row.unit} | ${values.join(' | ')} | ${(row.aims ?? []).map(aim => verdict(row, aim)).join('; ')} |`
    })
  ].join('\n')
}
