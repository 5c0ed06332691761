/** Formats rows as text for the terminal, as a table for docs/performance.md, and as a plot. */
import { type Aim, compare, isReached, type Row, type Spread, spread } from './rows.ts'

const figure = (value: number): string => {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

const range = ({ min, median, max }: Spread, of: (value: number) => string = figure): string =>
  min === max ? of(median) : `${of(median)} (${of(min)} – ${of(max)})`

const bound = ({ atLeast, atMost }: Aim): string => (atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`)

const verdict = (row: Row, aim: Aim): string => {
  const value = range(compare(row, aim), value => (aim.as === 'ratio' ? `x${figure(value)}` : figure(value)))
  const of = aim.as === 'value' ? '' : ` of ${aim.beside}`
  return `${value}${of}; aim ${bound(aim)}: ${isReached(row, aim) ? 'reached' : 'missed'}`
}

/** Formats a row as lines of text. */
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

/** Formats the rows as a Markdown table. */
export const asMarkdown = (rows: readonly Row[]): string =>
  [
    '| what | subject | median (min – max) | ours beside it |',
    '| --- | --- | --- | --- |',
    ...rows.flatMap(row =>
      [...row.runs].map(([name, all], at, { length }) => {
        const aims = (row.aims ?? []).filter(aim => aim.beside === name || (aim.as === 'value' && at === length - 1))
        const what = at === 0 ? `**${row.title}**, ${row.unit}${row.note === undefined ? '' : `. ${row.note}`}` : ''
        const words = aims.map(aim => verdict(row, aim).replace(` of ${aim.beside}`, ''))
        return `| ${what} | ${name} | ${range(spread(all))} | ${words.join('; ')} |`
      })
    )
  ].join('\n')

const WIDTH = 860
const LABELS = 430
const LINE = 26

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/**
 * Draws a bar for each aim: the median run in relation to the aim (1 reaches it, more is better), with a whisker from the
 * worst run to the best.
 */
export const asPlot = (rows: readonly Row[]): string => {
  const bars = rows.flatMap(row => (row.aims ?? []).map(aim => barOf(row, aim)))
  const max = 2.5
  const x = (value: number): number => LABELS + ((WIDTH - LABELS - 90) * Math.min(value, max)) / max
  const height = 56 + LINE * bars.length
  const lines = bars.map(({ label, reach, value }, at) => {
    const y = 40 + LINE * at
    const colour = reach.median >= 1 ? '#2a7f62' : '#c7762b'
    return [
      `<text x="${LABELS - 10}" y="${y + 14}" text-anchor="end">${escaped(label)}</text>`,
      `<rect x="${LABELS}" y="${y + 3}" width="${x(reach.median) - LABELS}" height="14" rx="2" fill="${colour}"/>`,
      `<path d="M${x(reach.min)} ${y + 10}H${x(reach.max)}" stroke="#111" stroke-width="1.5"/>`,
      `<text x="${x(Math.max(reach.max, reach.median)) + 8}" y="${y + 14}">${escaped(value)}</text>`
    ].join('')
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="Each measurement in relation to its aim">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="${x(1)}" y="22" text-anchor="middle" font-weight="bold">the aim</text>`,
    `<path d="M${x(1)} 30V${height - 12}" stroke="#888" stroke-dasharray="4 3"/>`,
    ...lines,
    '</svg>',
    ''
  ].join('\n')
}

const barOf = (row: Row, aim: Aim) => {
  const { min, median, max } = compare(row, aim)
  const of = ({ atLeast, atMost = 1 }: Aim, value: number) =>
    atLeast === undefined ? atMost / Math.max(value, atMost / 100) : Math.max(0, value / atLeast)
  const [low, high] = [of(aim, min), of(aim, max)].sort((a, b) => a - b)
  const beside = aim.as === 'value' ? '' : `, beside ${aim.beside}`
  return {
    label: `${row.short ?? row.title}${beside}`,
    reach: { min: low ?? 0, median: of(aim, median), max: high ?? 0 },
    value: aim.as === 'ratio' ? `x${figure(median)}` : figure(median)
  }
}
