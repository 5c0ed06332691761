/** Draws the results of the rows relative to their aims. Rows about growth are left out, because growth-plot.ts draws them. */
import { figure } from './report.ts'
import { type Aim, compare, type Row } from './rows.ts'

const WIDTH = 860
const LABELS = 430
const LINE = 26

export const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/**
 * Draws a bar for each aim. The bar shows the median run relative to the aim: at 1, the run reaches the aim, and a longer bar
 * is better. A line through the bar extends from the worst run to the best.
 */
export const asPlot = (rows: readonly Row[]): string => {
  const compared = rows.filter(({ growing }) => growing === undefined)
  const bars = compared.flatMap(row => (row.aims ?? []).map(aim => barOf(row, aim)))
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
